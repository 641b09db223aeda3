package limits

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// Quota bounds how much an organization, or whoever else records belong to, may
// store, and how many requests it may send. What is stored is counted in the
// transaction of each write. What was there before is counted in the background when
// the app serves, see [Plugin.Count].
type Quota struct {
	// Of returns to whom a record counts, "" for nobody. It must be quick: it is
	// called for each write. Defaults to none, which costs nothing.
	Of func(app core.App, record *core.Record) string

	// OfRequest returns to whom a request of the API counts, "" for nobody. It must be
	// quick, and is asked when it is known who has sent it. Superusers are not counted.
	// Defaults to none, which costs nothing.
	OfRequest func(e *core.RequestEvent) string

	// Max returns what they may have; a field that is 0 is not bounded. Defaults
	// to any amount, which is counted. It must be quick.
	Max func(app core.App, owner string) Usage
}

// Usage is an amount of what is stored.
type Usage struct {
	// Rows is how many records.
	Rows int64 `db:"records"`
	// Bytes is how large their files are.
	Bytes int64 `db:"bytes"`
	// Requests is how many of the API there were today, in UTC, each as often as it
	// costs.
	Requests int64 `db:"-"`
}

// The tables are in data.db, to be right whatever becomes of the transaction.
var quotaTables = []string{
	`CREATE TABLE IF NOT EXISTS _limits_usage (
		owner TEXT PRIMARY KEY NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID`,
	`CREATE TABLE IF NOT EXISTS _limits_records (
		collection TEXT NOT NULL, record TEXT NOT NULL, owner TEXT NOT NULL, files TEXT NOT NULL,
		PRIMARY KEY (collection, record)) WITHOUT ROWID`,
	countedTable,
}

func installQuota(app core.App) error {
	for _, statement := range quotaTables {
		if _, err := app.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("limits: create the tables of quotas: %w", err)
		}
	}
	return nil
}

// Usage returns what counts to the owner, as of the transaction of app if it is
// one: hooks pass e.App.
func (p *Plugin) Usage(app core.App, owner string) (Usage, error) {
	var usage Usage
	if p.daily != nil {
		usage.Requests = p.daily.today(owner)
	}
	if p.config.Quota.Of == nil {
		return usage, nil
	}
	err := app.DB().Select("records", "bytes").From("_limits_usage").Where(dbx.HashExp{"owner": owner}).One(&usage)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Usage{}, fmt.Errorf("read the usage of %s: %w", owner, err)
	}
	return usage, nil
}

func (p *Plugin) bindQuota(app core.App) error {
	if p.config.Quota.Of == nil {
		return nil
	}
	if app.IsBootstrapped() {
		if err := installQuota(app); err != nil {
			return err
		}
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallLimitsQuotaTables",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return installQuota(e.App)
		},
	})
	save := &hook.Handler[*core.RecordEvent]{Id: "holdallLimitsQuota", Func: p.countSave}
	app.OnRecordCreate().Bind(save)
	app.OnRecordUpdate().Bind(save)
	app.OnRecordDelete().Bind(&hook.Handler[*core.RecordEvent]{Id: "holdallLimitsQuota", Func: p.countDelete})
	p.countAtStart(app)
	return nil
}

// within does what the hook is for, and then count, in one transaction: PocketBase
// saves a record in none unless somebody opened one.
func within(e *core.RecordEvent, count func(tx core.App) error) error {
	outer := e.App
	defer func() { e.App = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		e.App = tx
		if err := e.Next(); err != nil {
			return err
		}
		return count(tx)
	})
}

// counted is a record as it is counted, with its files by name.
type counted struct {
	owner string
	files map[string]int64
}

func (c counted) bytes() (sum int64) {
	for _, size := range c.files {
		sum += size
	}
	return sum
}

// countSave counts a record as it is after it was saved.
func (p *Plugin) countSave(e *core.RecordEvent) error {
	uploaded := map[string]int64{} // how large they are is known before they are stored
	for _, field := range e.Record.Collection().Fields {
		if field.Type() == core.FieldTypeFile {
			for _, file := range e.Record.GetUnsavedFiles(field.GetName()) {
				uploaded[file.Name] = file.Size
			}
		}
	}
	if err := p.sizesBefore(e, uploaded); err != nil {
		return err
	}
	return within(e, func(tx core.App) error {
		before, known, err := findCounted(tx, e.Record)
		if err != nil {
			return err
		}
		after := counted{owner: p.config.Quota.Of(tx, e.Record), files: filesOf(e.Record, before.files, uploaded)}
		if known && before.owner == after.owner && maps.Equal(before.files, after.files) {
			return nil
		}
		if err := keepCounted(tx, e.Record, after); err != nil {
			return err
		}
		if known && before.owner == after.owner {
			return p.change(tx, after.owner, Usage{Bytes: after.bytes() - before.bytes()})
		}
		if known {
			if err := p.change(tx, before.owner, Usage{Rows: -1, Bytes: -before.bytes()}); err != nil {
				return err
			}
		}
		return p.change(tx, after.owner, Usage{Rows: 1, Bytes: after.bytes()})
	})
}

// sizesBefore finds out how large the files are that a record has had since before
// it was counted.
func (p *Plugin) sizesBefore(e *core.RecordEvent, sizes map[string]int64) error {
	if e.Record.IsNew() || len(filesOf(e.Record.Original())) == 0 {
		return nil
	}
	if _, known, err := findCounted(e.App, e.Record); known || err != nil {
		return err
	}
	files, err := e.App.NewFilesystem()
	if err != nil {
		return fmt.Errorf("open the files: %w", err)
	}
	defer files.Close()
	maps.Copy(sizes, storedSizes(files, e.Record.Original(), nil))
	return nil
}

// filesOf are the files that the record has, with their sizes as far as these are
// known.
func filesOf(record *core.Record, sizes ...map[string]int64) map[string]int64 {
	files := map[string]int64{}
	for _, field := range record.Collection().Fields {
		if field.Type() != core.FieldTypeFile {
			continue
		}
		for _, name := range record.GetStringSlice(field.GetName()) {
			files[name] = 0
			for _, known := range sizes {
				files[name] = max(files[name], known[name])
			}
		}
	}
	return files
}

func (p *Plugin) countDelete(e *core.RecordEvent) error {
	return within(e, func(tx core.App) error {
		before, known, err := findCounted(tx, e.Record)
		if err != nil || !known {
			return err
		}
		if err := keepCounted(tx, e.Record, counted{}); err != nil {
			return err
		}
		return p.change(tx, before.owner, Usage{Rows: -1, Bytes: -before.bytes()})
	})
}

// change adds to the usage of an owner, and refuses what is too much by it.
func (p *Plugin) change(app core.App, owner string, by Usage) error {
	if owner == "" {
		return nil
	}
	if err := addUsage(app, owner, by); err != nil {
		return err
	}
	if p.config.Quota.Max == nil || (by.Rows <= 0 && by.Bytes <= 0) {
		return nil
	}
	most := p.config.Quota.Max(app, owner)
	usage, err := p.Usage(app, owner)
	switch {
	case err != nil:
		return err
	case most.Rows > 0 && by.Rows > 0 && usage.Rows > most.Rows:
		return refusal(http.StatusForbidden, CodeQuotaRows, fmt.Sprintf("There can be no more than %d records.", most.Rows))
	case most.Bytes > 0 && by.Bytes > 0 && usage.Bytes > most.Bytes:
		return refusal(http.StatusForbidden, CodeQuotaBytes, fmt.Sprintf("The files can have no more than %d bytes together.", most.Bytes))
	}
	return nil
}

// addUsage adds to the usage of an owner.
func addUsage(app core.App, owner string, by Usage) error {
	_, err := app.DB().NewQuery(`INSERT INTO _limits_usage (owner, records, bytes) VALUES ({:owner}, {:rows}, {:bytes})
		ON CONFLICT (owner) DO UPDATE SET records = records + excluded.records, bytes = bytes + excluded.bytes`).
		Bind(dbx.Params{"owner": owner, "rows": by.Rows, "bytes": by.Bytes}).Execute()
	if err != nil {
		return fmt.Errorf("count the usage of %s: %w", owner, err)
	}
	return nil
}

func findCounted(app core.App, record *core.Record) (c counted, known bool, err error) {
	var files string
	err = app.DB().Select("owner", "files").From("_limits_records").Where(rowOf(record)).Row(&c.owner, &files)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(files), &c.files)
	}
	if err != nil {
		return c, false, fmt.Errorf("read how a record is counted: %w", err)
	}
	return c, true, nil
}

// keepCounted stores how a record is counted, or that it is not.
func keepCounted(app core.App, record *core.Record, c counted) error {
	var err error
	if c.owner == "" {
		_, err = app.DB().Delete("_limits_records", rowOf(record)).Execute()
	} else {
		var files []byte
		if files, err = json.Marshal(c.files); err == nil {
			_, err = app.DB().NewQuery(`INSERT OR REPLACE INTO _limits_records (collection, record, owner, files)
				VALUES ({:collection}, {:record}, {:owner}, {:files})`).Bind(dbx.Params{
				"collection": record.Collection().Id, "record": record.Id, "owner": c.owner, "files": string(files),
			}).Execute()
		}
	}
	if err != nil {
		return fmt.Errorf("store how a record is counted: %w", err)
	}
	return nil
}

func rowOf(record *core.Record) dbx.Expression {
	return dbx.HashExp{"collection": record.Collection().Id, "record": record.Id}
}
