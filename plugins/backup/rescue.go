package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// Rescued is what a rescue brings back of a collection.
type Rescued struct {
	To         time.Time `json:"to"`
	Collection string    `json:"collection"`

	// Created are the ids of records that were deleted, Updated of those that had
	// other values, Unchanged counts the rest of those that match.
	Created   []string `json:"created"`
	Updated   []string `json:"updated"`
	Unchanged int      `json:"unchanged"`

	// Files counts the uploaded files that were put back, Missing are those that
	// the backup does not have.
	Files   int      `json:"files"`
	Missing []string `json:"missing,omitempty"`
}

func (p *Plugin) recordsCommand() *cobra.Command {
	var to, from, filter string
	var dryRun bool
	command := &cobra.Command{
		Use: "records COLLECTION --to TIME", Short: "Brings records back as they were, and touches nothing else", Args: cobra.ExactArgs(1),
		Example: "  holdall restore records notes --to '2026-11-22 14:03:05' --filter 'work_order = \"k3v9x0a7m2c5d1f\"' --dry-run",
	}
	flags := command.Flags()
	flags.StringVar(&to, "to", "", "the time, such as \"2026-11-22 14:03:05\" (UTC), \"15m\" (ago) or \"now\" (required)")
	flags.StringVar(&from, "from", "", "the target: directory or s3 (default: the first that has the time)")
	flags.StringVar(&filter, "filter", "", "only records that match this filter of PocketBase, by their values then")
	flags.BoolVar(&dryRun, "dry-run", false, "show what would be brought back; change nothing")
	_ = command.MarkFlagRequired("to")
	withJSON(command, func(c *cobra.Command) (any, func(io.Writer) error, error) {
		if !p.app.IsBootstrapped() {
			return nil, nil, errors.New("the app's databases are not open")
		}
		r, err := p.restorer(c.Context(), to, from)
		if err != nil {
			return nil, nil, err
		}
		bar := newBar(os.Stderr) // what PocketBase sets as the error output is standard output
		r.tell = bar.set
		result, err := p.rescue(c.Context(), r, c.Flags().Arg(0), filter, dryRun)
		bar.end()
		return result, func(out io.Writer) error { return printRescued(out, result, dryRun) }, err
	})
	return command
}

func printRescued(out io.Writer, r Rescued, dryRun bool) error {
	verb := "Brought back"
	if dryRun {
		verb = "Would bring back"
	}
	fmt.Fprintf(out, "%s from %s: %d deleted, %d changed records of %s, %d files. %d are what they were.\n",
		verb, r.To.Format("2006-01-02 15:04:05.000Z"), len(r.Created), len(r.Updated), r.Collection, r.Files, r.Unchanged)
	for _, id := range r.Created {
		fmt.Fprintln(out, "deleted", id)
	}
	for _, id := range r.Updated {
		fmt.Fprintln(out, "changed", id)
	}
	for _, path := range r.Missing {
		fmt.Fprintln(out, "MISSING", path)
	}
	return nil
}

// rescue brings records of a collection back that match a filter, all or none.
func (p *Plugin) rescue(ctx context.Context, r *restorer, collection, filter string, dryRun bool) (Rescued, error) {
	result := Rescued{To: r.to, Collection: collection, Created: []string{}, Updated: []string{}}
	target, err := p.app.FindCollectionByNameOrId(collection)
	if err != nil {
		return result, fmt.Errorf("there is no collection %q now: %w", collection, err)
	}
	if target.IsView() {
		return result, fmt.Errorf("%q is a view: bring back the records that it shows", collection)
	}
	dir, err := os.MkdirTemp(p.scratchParent(), "rescue-")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(dir)
	records, err := p.recordsThen(ctx, r, dir, target.Id, filter)
	if err != nil {
		return result, err
	}
	files, _, err := filesAt(ctx, r.vault, r.to)
	if err != nil {
		return result, err
	}
	err = p.app.RunInTransaction(func(tx core.App) error {
		for _, then := range records {
			if err := bringBack(tx, target, then, dryRun, &result); err != nil {
				return fmt.Errorf("bring %s back: %w", then.Id, err)
			}
			if err := p.bringFilesBack(ctx, r, then, target, files, dryRun, &result); err != nil {
				return err
			}
		}
		return nil
	})
	return result, err
}

// recordsThen restores data.db and finds the records in it, as an app of then does.
func (p *Plugin) recordsThen(ctx context.Context, r *restorer, dir, collection, filter string) ([]*core.Record, error) {
	s, err := r.find(ctx, databases[0])
	if err != nil {
		return nil, err
	}
	r.expected += s.size
	if err := r.database(ctx, s, filepath.Join(dir, databases[0])); err != nil {
		return nil, err
	}
	then := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, EncryptionEnv: p.app.EncryptionEnv()})
	if err := then.Bootstrap(); err != nil {
		return nil, fmt.Errorf("open the database of then: %w", err)
	}
	defer func() { _ = then.ResetBootstrapState() }() // it is thrown away
	if _, err := then.FindCollectionByNameOrId(collection); err != nil {
		return nil, fmt.Errorf("there was no such collection then: %w", err)
	}
	records, err := then.FindRecordsByFilter(collection, filter, "@rowid", 0, 0)
	if err != nil {
		return nil, fmt.Errorf("find the records of then: %w", err)
	}
	return records, nil
}

// bringBack gives one record the values that it had.
func bringBack(tx core.App, collection *core.Collection, then *core.Record, dryRun bool, result *Rescued) error {
	now, err := tx.FindRecordById(collection, then.Id)
	isNew := err != nil
	if isNew {
		now = core.NewRecord(collection)
		now.Id = then.Id
	}
	changed := isNew
	for _, field := range collection.Fields {
		name := field.GetName()
		if then.Collection().Fields.GetByName(name) == nil {
			continue // there was no such field
		}
		if !isNew && fmt.Sprint(now.GetRaw(name)) == fmt.Sprint(then.GetRaw(name)) {
			continue
		}
		now.SetRaw(name, then.GetRaw(name))
		changed = true
	}
	switch {
	case !changed:
		result.Unchanged++
		return nil
	case isNew:
		result.Created = append(result.Created, then.Id)
	default:
		result.Updated = append(result.Updated, then.Id)
	}
	if dryRun {
		return nil
	}
	// what it was is right, whatever the rules for new values are now
	return tx.SaveNoValidate(now)
}

// bringFilesBack puts the files of a record back that are gone.
func (p *Plugin) bringFilesBack(ctx context.Context, r *restorer, then *core.Record, collection *core.Collection, files map[string]File, dryRun bool, result *Rescued) error {
	if p.app.Settings().S3.Enabled {
		return nil
	}
	if !slices.Contains(result.Created, then.Id) && !slices.Contains(result.Updated, then.Id) {
		return nil
	}
	root := filepath.Join(p.app.DataDir(), core.LocalStorageDirName)
	for _, field := range then.Collection().Fields {
		if field.Type() != core.FieldTypeFile {
			continue
		}
		for _, name := range then.GetStringSlice(field.GetName()) {
			for _, suffix := range []string{"", ".attrs"} { // what PocketBase notes of a file
				path := collection.BaseFilesPath() + "/" + then.Id + "/" + name + suffix
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(path))); err == nil {
					continue
				}
				f, ok := files[path]
				if !ok {
					if suffix == "" {
						result.Missing = append(result.Missing, path)
					}
					continue
				}
				if suffix == "" {
					result.Files++
				}
				if dryRun {
					continue
				}
				err := r.file(ctx, f, filepath.Join(root, filepath.FromSlash(path)))
				if errors.Is(err, fs.ErrNotExist) {
					result.Missing = append(result.Missing, path)
					continue
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}
