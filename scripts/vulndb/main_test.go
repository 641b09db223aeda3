package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	source, target := t.TempDir(), t.TempDir()
	copied := filepath.Join(t.TempDir(), "copy.gz")
	write(t, filepath.Join(source, "GO-2000-0001.json"), `{
		"id": "GO-2000-0001", "modified": "0001-01-01T00:00:00Z", "details": "prose", "summary": "bad",
		"affected": [{
			"package": {"name": "example.com/a", "ecosystem": "Go"},
			"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.2.3"}]}],
			"ecosystem_specific": {"imports": [{"path": "example.com/a/b", "symbols": ["F"]}]}
		}]}`)
	write(t, filepath.Join(source, "GO-2000-0002.json"), `{
		"id": "GO-2000-0002", "withdrawn": "2001-01-01T00:00:00Z",
		"affected": [{"package": {"name": "example.com/a", "ecosystem": "Go"}}]}`)

	date := time.Date(2026, 8, 21, 0, 0, 0, 0, time.UTC)
	if err := pack(source, date, copied); err != nil {
		t.Fatal(err)
	}
	if err := unpack(copied, target); err != nil {
		t.Fatal(err)
	}

	var modules []indexedModule
	read(t, filepath.Join(target, "index", "modules.json"), &modules)
	if len(modules) != 1 || modules[0].Path != "example.com/a" ||
		len(modules[0].Vulns) != 1 || modules[0].Vulns[0].ID != "GO-2000-0001" {
		t.Errorf("modules: got %+v, want one with the advisory that was not withdrawn", modules)
	}
	var meta struct{ Modified time.Time }
	read(t, filepath.Join(target, "index", "db.json"), &meta)
	if !meta.Modified.Equal(date) {
		t.Errorf("date: got %s, want %s", meta.Modified, date)
	}
	var entry advisory
	read(t, filepath.Join(target, "ID", "GO-2000-0001.json"), &entry)
	if got := entry.Affected[0].Ranges[0].Events[1].Fixed; got != "1.2.3" {
		t.Errorf("fixed: got %q, want 1.2.3", got)
	}
	if got, want := string(entry.Affected[0].Details), `{"imports":[{"path":"example.com/a/b","symbols":["F"]}]}`; got != want {
		t.Errorf("imports: got %s, want %s", got, want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	cases := map[string][]string{
		"no command":     {},
		"no folder":      {"unpack"},
		"empty folder":   {"pack", t.TempDir(), "2026-08-21"},
		"not a date":     {"pack", t.TempDir(), "yesterday"},
		"other command":  {"repack", t.TempDir()},
		"missing a date": {"pack", t.TempDir()},
	}
	for name, args := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := run(args); err == nil {
				t.Errorf("run(%q): got no error, want one", args)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string, to any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}
