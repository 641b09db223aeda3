package changes

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
)

// unlogged are PocketBase's collections of short-lived secrets. Nobody
// subscribes to them, and they change with every sign-in.
var unlogged = map[string]bool{
	core.CollectionNameMFAs:        true,
	core.CollectionNameOTPs:        true,
	core.CollectionNameAuthOrigins: true,
}

// nowMillis is the current time as SQL.
const nowMillis = `CAST(unixepoch('subsec') * 1000 AS INTEGER)`

// toEnd makes an INSERT move the row that the record has already. The new number
// is found before the old row goes, so that a record that was the last gets a new
// one, too. This clause holds whatever the user's statement says: with INSERT OR
// REPLACE that one's conflict clause would take the place of ours, so that an
// INSERT OR IGNORE over a tombstone was not logged and an INSERT OR ABORT failed.
const toEnd = `ON CONFLICT (record, c) DO UPDATE SET seq = excluded.seq, deleted = excluded.deleted, at = excluded.at`

// put is the body of a trigger that puts a record at the end of the compact log.
func put(n int64, record string, deleted int) string {
	return fmt.Sprintf(`INSERT INTO _changes (c, record, deleted, at) VALUES (%d, %s, %d, %s) %s;`,
		n, record, deleted, nowMillis, toEnd)
}

// remember is the part of a trigger that appends to the full log. It follows put
// and takes the rest from the row that put has made.
func remember(before, after string) string {
	return fmt.Sprintf(`INSERT INTO _changesHistory (seq, c, record, before, after, at)
		SELECT seq, c, record, %s, %s, at FROM _changes WHERE seq = %s;`, before, after, endOfLog)
}

// rowJSON is SQL for a row of the collection as a JSON object. row is OLD or NEW.
// Secrets stay out: the log lives longer than the password it would hold.
func rowJSON(c *core.Collection, row string) string {
	const perCall = 40 // SQLite limits the arguments of a function
	expression := ""
	pairs := make([]string, 0, perCall)
	flush := func() {
		if expression == "" {
			expression = "json_object(" + strings.Join(pairs, ", ") + ")"
		} else if len(pairs) > 0 {
			expression = "json_set(" + expression + ", " + strings.Join(pairs, ", ") + ")"
		}
		pairs = pairs[:0]
	}
	for _, f := range c.Fields {
		name := f.GetName()
		if f.Type() == core.FieldTypePassword || name == core.FieldNameTokenKey {
			continue
		}
		key := "'" + name + "'"
		if expression != "" {
			key = `'$."` + name + `"'`
		}
		pairs = append(pairs, key+", "+cellJSON(f, row))
		if len(pairs) == perCall {
			flush()
		}
	}
	flush()
	return expression
}

// cellJSON is SQL for a value of a row. A blob, which only raw SQL can store,
// would make json_object and so the user's statement fail: adding nothing turns
// it into a number or text, and leaves every other value as it is.
func cellJSON(f core.Field, row string) string {
	column := row + "." + quoted(f.GetName())
	switch f.Type() {
	case core.FieldTypeNumber, core.FieldTypeBool:
		return column + " + 0"
	default:
		return column + " || ''"
	}
}

// triggersOf returns the triggers of a collection by their names.
//
// Those of the compact log name no column but id, so they survive every change
// of the collection. Those of the full log are dropped and made anew around one.
func triggersOf(c *core.Collection, n int64, history bool) map[string]string {
	oldRow, newRow := "", ""
	if history {
		oldRow, newRow = rowJSON(c, "OLD"), rowJSON(c, "NEW")
	}
	also := func(before, after string) string {
		if !history {
			return ""
		}
		return remember(before, after)
	}
	trigger := func(event, body string) string {
		return fmt.Sprintf("CREATE TRIGGER %s AFTER %s BEGIN %s END",
			triggerName(n, event), fmt.Sprintf(on[event], quoted(c.Name)), body)
	}
	return map[string]string{
		triggerName(n, "insert"): trigger("insert", put(n, "NEW.id", 0)+also("NULL", newRow)),
		triggerName(n, "update"): trigger("update", put(n, "NEW.id", 0)+also(oldRow, newRow)),
		triggerName(n, "delete"): trigger("delete", put(n, "OLD.id", 1)+also(oldRow, "NULL")),
		triggerName(n, "rekey"): trigger("rekey", put(n, "OLD.id", 1)+also(oldRow, "NULL")+
			put(n, "NEW.id", 0)+also("NULL", newRow)),
	}
}

var on = map[string]string{
	"insert": "INSERT ON %s",
	"update": "UPDATE ON %s WHEN OLD.id = NEW.id",
	"delete": "DELETE ON %s",
	"rekey":  "UPDATE ON %s WHEN OLD.id <> NEW.id",
}

// quoted is a name in SQL. The triggers are written out in full, without dbx's
// placeholders, so that they can be compared with what SQLite keeps of them.
func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// triggerName has the number and not the id of the collection: SQLite takes two
// names that differ in case for one, and ids may.
func triggerName(n int64, event string) string {
	return fmt.Sprintf("_changes_%d_%s", n, event)
}

// schemaTriggers log changes of the collections themselves. A dropped collection
// takes its rows along, which fires no row trigger.
func schemaTriggers() map[string]string {
	forget := `DELETE FROM _changes WHERE c = (SELECT n FROM _changesNames WHERE collection = OLD.id);`
	trigger := func(event, body string) string {
		return fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON _collections BEGIN %s END", triggerName(schemaCollection, strings.ToLower(event)), event, body)
	}
	return map[string]string{
		triggerName(schemaCollection, "insert"): trigger("INSERT", put(schemaCollection, "NEW.id", 0)),
		triggerName(schemaCollection, "update"): trigger("UPDATE", put(schemaCollection, "NEW.id", 0)),
		triggerName(schemaCollection, "delete"): trigger("DELETE", put(schemaCollection, "OLD.id", 1)+forget),
	}
}

// bindCollections keeps the triggers in step with the collections, in the
// transaction of the collection's change.
//
// The handlers run before PocketBase's own (priority 99), which opens a
// transaction and commits it. Opening ours first makes that one part of it.
func (l *Log) bindCollections() {
	within := func(e *core.CollectionEvent) error {
		original := e.App
		err := write(original, func(tx core.App) error {
			e.App = tx
			// PocketBase's first migrations make collections before the bootstrap is done
			if err := createTables(tx); err != nil {
				return err
			}
			// Triggers of the full log name columns, and SQLite drops no column that
			// a trigger names. Those of the compact log stay: the change may rewrite
			// rows.
			if stored, err := tx.FindCollectionByNameOrId(e.Collection.Id); err == nil {
				if err := l.installFor(tx, stored, compactOnly); err != nil {
					return err
				}
			}
			if err := e.Next(); err != nil {
				return err
			}
			return l.installFor(tx, e.Collection, asWanted)
		})
		e.App = original
		return err
	}
	l.app.OnCollectionCreateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: "holdallChangesTriggers", Func: within, Priority: 98})
	l.app.OnCollectionUpdateExecute().Bind(&hook.Handler[*core.CollectionEvent]{Id: "holdallChangesTriggers", Func: within, Priority: 98})
}

// installTriggers makes what is missing and drops what is obsolete, for all
// collections. A collection that lost triggers, because somebody rebuilt its
// table by hand, may have changed unseen: all of it is logged again.
func (l *Log) installTriggers(app core.App) error {
	return write(app, func(tx core.App) error {
		if _, err := replaceTriggers(tx, schemaCollection, schemaTriggers()); err != nil {
			return err
		}
		collections, err := tx.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
		if err != nil {
			return fmt.Errorf("changes: list collections: %w", err)
		}
		for _, c := range collections {
			if err := l.installFor(tx, c, asWantedOrRelog); err != nil {
				return err
			}
		}
		return nil
	})
}

// install modes of [Log.installFor].
type mode int

const (
	compactOnly     mode = iota // what survives a change of the collection
	asWanted                    // with the full log where a consumer reads it
	asWantedOrRelog             // and all records anew if a trigger was missing
)

// installFor brings the triggers of one collection in order.
func (l *Log) installFor(tx core.App, c *core.Collection, m mode) error {
	if c.IsView() || unlogged[c.Name] || !tx.HasTable(c.Name) {
		return nil // a table that is not there yet, or has another name
	}
	n, err := number(tx, c.Id)
	if err != nil {
		return err
	}
	kept, err := isKept(tx, c.Id)
	if err != nil {
		return err
	}
	wanted := triggersOf(c, n, m != compactOnly && (kept || l.wantsHistory(c)))
	had, err := replaceTriggers(tx, n, wanted)
	if err != nil {
		return fmt.Errorf("changes: triggers of %s: %w", c.Name, err)
	}
	for name := range wanted {
		if m == asWantedOrRelog && !had[name] {
			if err := restartKept(tx, c.Id); err != nil {
				return err
			}
			return relogAll(tx, c, n)
		}
	}
	return nil
}

// heal installs the triggers anew if a collection lacks some: another process
// made it without this plugin, or somebody rebuilt its table by hand. It puts
// back the tables of the log if somebody dropped them, without which the triggers
// fail.
func (l *Log) heal(ctx context.Context) error {
	some, _, err := missingTables(l.app)
	if err != nil {
		return err
	}
	if some {
		l.app.Logger().Warn("The change log had lost tables. What they held starts over.")
		return l.install(l.app)
	}
	names := make([]any, 0, len(unlogged))
	for name := range unlogged {
		names = append(names, name)
	}
	var lacking int
	err = l.app.ConcurrentDB().Select("COUNT(*)").From("_collections c").
		LeftJoin("_changesNames n", dbx.NewExp("n.collection = c.id")).
		Where(dbx.In("type", core.CollectionTypeBase, core.CollectionTypeAuth)).
		AndWhere(dbx.NotIn("name", names...)).
		AndWhere(dbx.NewExp(`EXISTS (SELECT 1 FROM sqlite_master m WHERE m.type = 'table' AND m.name = c.name)`)).
		AndWhere(dbx.NewExp(`{:all} > (SELECT COUNT(*) FROM sqlite_master t WHERE t.type = 'trigger'
			AND t.tbl_name = c.name AND t.name GLOB '_changes_' || n.n || '_*')`, dbx.Params{"all": len(on)})).
		WithContext(ctx).Row(&lacking)
	if err != nil {
		return fmt.Errorf("changes: look for triggers: %w", err)
	}
	if lacking == 0 {
		return nil
	}
	l.app.Logger().Warn("Collections had lost the triggers of the change log. They are logged anew.", slog.Int("collections", lacking))
	return l.installTriggers(l.app)
}

// replaceTriggers makes the triggers of collection number n equal to wanted, and
// tells which names there were before.
func replaceTriggers(tx core.App, n int64, wanted map[string]string) (had map[string]bool, err error) {
	existing, err := existingTriggers(tx, n)
	if err != nil {
		return nil, err
	}
	had = make(map[string]bool, len(existing))
	for name, sql := range existing {
		had[name] = true
		if wanted[name] == sql {
			continue
		}
		if err := dropTrigger(tx, name); err != nil {
			return nil, err
		}
		delete(existing, name)
	}
	for name, sql := range wanted {
		if existing[name] != "" {
			continue
		}
		if _, err := tx.DB().NewQuery(sql).Execute(); err != nil {
			return nil, fmt.Errorf("create trigger: %w", err)
		}
	}
	return had, nil
}

// dropTriggers removes all triggers of the log.
func dropTriggers(app core.App) error {
	return write(app, func(tx core.App) error {
		existing, err := findTriggers(tx, "_changes_[0-9]*_*")
		if err != nil {
			return err
		}
		for name := range existing {
			if err := dropTrigger(tx, name); err != nil {
				return fmt.Errorf("changes: %w", err)
			}
		}
		return nil
	})
}

func dropTrigger(tx core.App, name string) error {
	if _, err := tx.DB().NewQuery("DROP TRIGGER {{" + name + "}}").Execute(); err != nil {
		return fmt.Errorf("drop trigger: %w", err)
	}
	return nil
}

// existingTriggers returns the triggers of a collection by their names.
func existingTriggers(app core.App, n int64) (map[string]string, error) {
	return findTriggers(app, fmt.Sprintf("_changes_%d_*", n))
}

func findTriggers(app core.App, glob string) (map[string]string, error) {
	rows := []struct {
		Name string `db:"name"`
		SQL  string `db:"sql"`
	}{}
	err := app.DB().Select("name", "sql").From("sqlite_master").
		Where(dbx.HashExp{"type": "trigger"}).
		AndWhere(dbx.NewExp(`[[name]] GLOB {:pattern}`, dbx.Params{"pattern": glob})).
		All(&rows)
	if err != nil {
		return nil, fmt.Errorf("changes: list triggers: %w", err)
	}
	result := make(map[string]string, len(rows))
	for _, r := range rows {
		result[r.Name] = r.SQL
	}
	return result, nil
}

// number returns the number of a collection in the log and gives it one.
func number(tx core.App, collectionID string) (int64, error) {
	params := dbx.Params{"id": collectionID}
	if _, err := tx.DB().NewQuery(`INSERT OR IGNORE INTO _changesNames (collection) VALUES ({:id})`).Bind(params).Execute(); err != nil {
		return 0, fmt.Errorf("changes: number collection: %w", err)
	}
	var n int64
	if err := tx.DB().NewQuery(`SELECT n FROM _changesNames WHERE collection = {:id}`).Bind(params).Row(&n); err != nil {
		return 0, fmt.Errorf("changes: number collection: %w", err)
	}
	return n, nil
}

// relogAll logs every record of c as changed, and every record that the log
// takes for living and that is gone as deleted.
func relogAll(tx core.App, c *core.Collection, n int64) error {
	if _, err := logGone(tx, c, n); err != nil {
		return err
	}
	return execute(tx, "log "+c.Name+" anew", dbx.Params{"n": n},
		`INSERT INTO _changes (c, record, deleted, at) SELECT {:n}, id, 0, `+nowMillis+` FROM {{`+c.Name+`}} WHERE TRUE `+toEnd)
}
