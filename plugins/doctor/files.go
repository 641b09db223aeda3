package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	// recordsLooked bounds how many directories of records are looked at, and
	// rowsLooked how many of the newest rows of a collection.
	recordsLooked = 20_000
	rowsLooked    = 500

	// settled is how old a file is that no request is about to save a record for.
	settled = time.Hour
)

// checkFiles compares the uploaded files with the records, where they are on the disk.
func checkFiles(ctx context.Context, app core.App) ([]Finding, error) {
	if app.Settings().S3.Enabled {
		return nil, nil // their bucket is not read, which costs money
	}
	root := filepath.Join(app.DataDir(), core.LocalStorageDirName)
	collections, err := app.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	missing, err := missingFiles(ctx, app, root, collections)
	if err != nil {
		return nil, err
	}
	findings = append(findings, missing...)
	o, err := orphans(ctx, app, root, collections)
	if err != nil {
		return findings, err
	}
	if o.files > 0 {
		findings = append(findings, Finding{
			"files.orphaned", Note, o.example, fmt.Sprintf("There is no record for %s (%s).", plural(o.files, "uploaded file"), bytesText(o.bytes)),
			"They are what is left of records that were deleted by SQL, of a crash in the middle of an upload, or of a restored database. Remove them when you are sure that no restore will want them.",
		})
	}
	return findings, nil
}

// fileFields are the fields of a collection that hold names of files.
func fileFields(c *core.Collection) []string {
	var names []string
	for _, f := range c.Fields {
		if f.Type() == core.FieldTypeFile {
			names = append(names, f.GetName())
		}
	}
	return names
}

// missingFiles finds records whose files are not there.
func missingFiles(ctx context.Context, app core.App, root string, collections []*core.Collection) ([]Finding, error) {
	var findings []Finding
	for _, c := range collections {
		for _, field := range fileFields(c) {
			var records []*core.Record
			err := app.RecordQuery(c).AndWhere(dbx.NewExp(fmt.Sprintf("[[%s]] NOT IN ('', '[]')", field))).OrderBy("rowid DESC").Limit(rowsLooked).WithContext(ctx).All(&records)
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", c.Name, err)
			}
			missing, example := 0, ""
			for _, r := range records {
				for _, name := range r.GetStringSlice(field) {
					if _, err := os.Stat(filepath.Join(root, c.Id, r.Id, name)); errors.Is(err, fs.ErrNotExist) {
						missing, example = missing+1, r.Id
					}
				}
			}
			if missing > 0 {
				findings = append(findings, Finding{
					"files.missing", Warning, c.Name + "." + field,
					fmt.Sprintf("Files that are not on the disk, of the newest %s: %d, for instance of the record %s.", plural(len(records), "record"), missing, example),
					"Restore them from the backup, or clear the field of these records.",
				})
			}
		}
	}
	return findings, nil
}

// orphaned are files that belong to no record.
type orphaned struct {
	files   int
	bytes   int64
	example string
}

func orphans(ctx context.Context, app core.App, root string, collections []*core.Collection) (orphaned, error) {
	var o orphaned
	byID := map[string]*core.Collection{}
	for _, c := range collections {
		byID[c.Id] = c
	}
	directories, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	looked := 0
	for _, d := range directories {
		if !d.IsDir() {
			continue
		}
		records, err := os.ReadDir(filepath.Join(root, d.Name()))
		if err != nil {
			return o, err
		}
		records = records[:min(len(records), recordsLooked-looked)]
		looked += len(records)
		for batch := range slices.Chunk(records, rowsLooked) {
			if err := o.look(ctx, app, byID[d.Name()], filepath.Join(root, d.Name()), batch); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

// look compares the directories of some records of a collection, nil for one that is
// not there, with the records.
func (o *orphaned) look(ctx context.Context, app core.App, c *core.Collection, dir string, batch []os.DirEntry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	named := map[string][]string{}
	if c != nil {
		ids := make([]any, len(batch))
		for i, e := range batch {
			ids[i] = e.Name()
		}
		var records []*core.Record
		if err := app.RecordQuery(c).AndWhere(dbx.In("id", ids...)).WithContext(ctx).All(&records); err != nil {
			return fmt.Errorf("read %s: %w", c.Name, err)
		}
		for _, r := range records {
			names := []string{}
			for _, field := range fileFields(c) {
				names = append(names, r.GetStringSlice(field)...)
			}
			named[r.Id] = names
		}
	}
	for _, e := range batch {
		if !e.IsDir() {
			continue
		}
		if err := o.compare(filepath.Join(dir, e.Name()), named[e.Name()]); err != nil {
			return err
		}
	}
	return nil
}

// compare looks at the files of one record.
func (o *orphaned) compare(dir string, named []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// thumbs are in directories of their own, and attributes beside what they are of
		name := strings.TrimSuffix(e.Name(), ".attrs")
		if e.IsDir() || name != e.Name() || slices.Contains(named, name) {
			continue
		}
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < settled {
			continue // gone, or new
		}
		o.files++
		o.bytes += info.Size()
		if o.example == "" {
			o.example = filepath.Join(dir, name)
		}
	}
	return nil
}
