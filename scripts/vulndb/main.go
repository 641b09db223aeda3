// Command vulndb keeps a copy of the Go vulnerability database in the project,
// so that the scan gives the same answer everywhere, also where its live
// address cannot be reached.
//
//	go run ./scripts/vulndb pack FOLDER DATE   # data/osv of the database's repository
//	go run ./scripts/vulndb unpack FOLDER      # a database as govulncheck -db reads it
//
// README.md beside it says where the data comes from and how to refresh it.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// packed is the copy, relative to the root of the project: one advisory a
// line, ordered by id, compressed. The time in its gzip header is the day of
// the database that it was made from.
const packed = "scripts/vulndb/advisories.jsonl.gz"

// advisory is what a scan needs of an OSV entry. The prose stays out, which
// leaves a third of the size; the id leads to it.
type advisory struct {
	Schema    string     `json:"schema_version"`
	ID        string     `json:"id"`
	Withdrawn *time.Time `json:"withdrawn,omitempty"`
	Aliases   []string   `json:"aliases,omitempty"`
	Summary   string     `json:"summary"`
	Affected  []affected `json:"affected"`
	Database  struct {
		URL string `json:"url"`
	} `json:"database_specific"`
}

type affected struct {
	Package struct {
		Name      string `json:"name"`
		Ecosystem string `json:"ecosystem"`
	} `json:"package"`
	Ranges  []versionRange  `json:"ranges"`
	Details json.RawMessage `json:"ecosystem_specific,omitempty"`
}

type versionRange struct {
	Type   string         `json:"type"`
	Events []versionEvent `json:"events"`
}

type versionEvent struct {
	Introduced string `json:"introduced,omitempty"`
	Fixed      string `json:"fixed,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "vulndb:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "pack":
		date, err := time.Parse(time.DateOnly, args[2])
		if err != nil {
			return fmt.Errorf("the database's date: %w", err)
		}
		return pack(args[1], date, packed)
	case len(args) == 2 && args[0] == "unpack":
		return unpack(packed, args[1])
	default:
		return errors.New("want pack FOLDER DATE, or unpack FOLDER")
	}
}

// pack writes the copy from the OSV files of the database's repository, as it
// was on the given day.
func pack(folder string, date time.Time, to string) error {
	files, err := filepath.Glob(filepath.Join(folder, "GO-*.json"))
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no GO-*.json", folder)
	}
	slices.Sort(files)

	var lines bytes.Buffer
	kept := 0
	for _, file := range files {
		entry, err := readAdvisory(file)
		if err != nil {
			return err
		}
		if entry.Withdrawn != nil {
			continue
		}
		line, err := json.Marshal(entry)
		if err != nil {
			return fmt.Errorf("encode %s: %w", entry.ID, err)
		}
		lines.Write(append(line, '\n'))
		kept++
	}

	if err := writeGzip(to, lines.Bytes(), date); err != nil {
		return err
	}
	fmt.Printf("%s: %d advisories\n", to, kept)
	return nil
}

func readAdvisory(file string) (advisory, error) {
	var entry advisory
	data, err := os.ReadFile(file)
	if err != nil {
		return entry, fmt.Errorf("read an advisory: %w", err)
	}
	if err := json.Unmarshal(data, &entry); err != nil {
		return entry, fmt.Errorf("decode %s: %w", file, err)
	}
	if entry.ID+".json" != filepath.Base(file) {
		return entry, fmt.Errorf("%s holds the advisory %q", file, entry.ID)
	}
	return entry, nil
}

func writeGzip(path string, data []byte, date time.Time) error {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compress %s: %w", path, err)
	}
	w.ModTime = date
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("compress %s: %w", path, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("compress %s: %w", path, err)
	}
	return os.WriteFile(path, buf.Bytes(), 0o600)
}

// unpack writes the copy as a database of schema v1: the advisories under ID/
// and the indexes that a scanner asks first.
func unpack(from, folder string) error {
	entries, date, err := readPacked(from)
	if err != nil {
		return err
	}
	for _, sub := range []string{"ID", "index"} {
		if err := os.MkdirAll(filepath.Join(folder, sub), 0o750); err != nil {
			return fmt.Errorf("make the database's folder: %w", err)
		}
	}
	for _, entry := range entries {
		if err := writeJSON(filepath.Join(folder, "ID", entry.ID+".json"), entry); err != nil {
			return err
		}
	}
	fmt.Printf("advisories of %s, %d days old\n", date.Format(time.DateOnly), int(time.Since(date).Hours()/24))
	return writeIndexes(filepath.Join(folder, "index"), entries, date)
}

func readPacked(from string) (entries []advisory, date time.Time, err error) {
	file, err := os.Open(from)
	if err != nil {
		return nil, date, fmt.Errorf("open the copy (run it from the project's root): %w", err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, date, fmt.Errorf("open %s: %w", from, err)
	}

	decoder := json.NewDecoder(unzipped)
	for {
		var entry advisory
		err := decoder.Decode(&entry)
		if errors.Is(err, io.EOF) {
			return entries, unzipped.ModTime.UTC(), nil
		}
		if err != nil {
			return nil, date, fmt.Errorf("read %s after %d advisories: %w", from, len(entries), err)
		}
		entries = append(entries, entry)
	}
}

type indexedModule struct {
	Path  string       `json:"path"`
	Vulns []indexEntry `json:"vulns"`
}

type indexEntry struct {
	ID       string    `json:"id"`
	Modified time.Time `json:"modified"`
	Aliases  []string  `json:"aliases,omitempty"`
}

// writeIndexes gives every advisory the date of the database, and leaves out
// the "fixed" versions of the module index: both only spare a scanner work.
func writeIndexes(folder string, entries []advisory, date time.Time) error {
	modules := map[string][]indexEntry{}
	vulns := make([]indexEntry, 0, len(entries))
	for _, entry := range entries {
		vulns = append(vulns, indexEntry{ID: entry.ID, Modified: date, Aliases: entry.Aliases})
		for _, name := range modulesOf(entry) {
			modules[name] = append(modules[name], indexEntry{ID: entry.ID, Modified: date})
		}
	}
	index := make([]indexedModule, 0, len(modules))
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		index = append(index, indexedModule{Path: path, Vulns: modules[path]})
	}

	return errors.Join(
		writeJSON(filepath.Join(folder, "db.json"), map[string]time.Time{"modified": date}),
		writeJSON(filepath.Join(folder, "modules.json"), index),
		writeJSON(filepath.Join(folder, "vulns.json"), vulns),
	)
}

// modulesOf names each module an advisory is about once.
func modulesOf(entry advisory) []string {
	var names []string
	for _, a := range entry.Affected {
		names = append(names, a.Package.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func writeJSON(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("write the database: %w", err)
	}
	return nil
}
