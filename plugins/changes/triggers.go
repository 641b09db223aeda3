package changes

import (
	"fmt"
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

// put is the body of a trigger that moves a record to the end of the compact
// log. It deletes and inserts: with INSERT OR REPLACE the conflict clause of the
// user's statement would take the place of ours, so that an INSERT OR IGNORE over
// a tombstone was not logged and an INSERT OR ABORT failed.
func put(n int64, record string, deleted int) string {
	return fmt.Sprintf(`DELETE FROM _changes WHERE record = %[2]s AND c = %[1]d;
		INSERT INTO _changes (c, record, deleted, at) VALUES (%[1]d, %[2]s, %[3]d, %[4]s);`,
		n, record, deleted, nowMillis)
}

// remember is the part of a trigger that appends to the full log. It follows put.
func remember(n int64, record, before, after string) string {
	return fmt.Sprintf(`INSERT INTO _changesHistory (seq, c, record, before, after, at)
		SELECT seq, c, record, %s, %s, at FROM _changes WHERE record = %s AND c = %d;`, before, after, record, n)
}

// rowJSON is SQL for a row of the collection as a JSON object. row is OLD or NEW.
// Secrets stay out: the log lives longer than the password it would hold. A blob,
// which only raw SQL can store, would make json_object and so the user's
// statement fail, hence the cast.
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
		column := row + ".[[" + name + "]]"
		pairs = append(pairs, fmt.Sprintf("%s, CASE typeof(%s) WHEN 'blob' THEN CAST(%s AS TEXT) ELSE %s END", key, column, column, column))
		if len(pairs) == perCall {
			flush()
		}
	}
	flush()
	return expression
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
	also := func(record, before, after string) string {
		if !history {
			return ""
		}
		return remember(n, record, before, after)
	}
	trigger := func(event, body string) string {
		return fmt.Sprintf("CREATE TRIGGER {{%s}} AFTER %s BEGIN %s END",
			triggerName(c.Id, event), fmt.Sprintf(on[event], c.Name), body)
	}
	return map[string]string{
		triggerName(c.Id, "insert"): trigger("insert", put(n, "NEW.id", 0)+also("NEW.id", "NULL", newRow)),
		triggerName(c.Id, "update"): trigger("update", put(n, "NEW.id", 0)+also("NEW.id", oldRow, newRow)),
		triggerName(c.Id, "delete"): trigger("delete", put(n, "OLD.id", 1)+also("OLD.id", oldRow, "NULL")),
		triggerName(c.Id, "rekey"): trigger("rekey", put(n, "OLD.id", 1)+also("OLD.id", oldRow, "NULL")+
			put(n, "NEW.id", 0)+also("NEW.id", "NULL", newRow)),
	}
}

var on = map[string]string{
	"insert": "INSERT ON {{%s}}",
	"update": "UPDATE ON {{%s}} WHEN OLD.id = NEW.id",
	"delete": "DELETE ON {{%s}}",
	"rekey":  "UPDATE ON {{%s}} WHEN OLD.id <> NEW.id",
}

func triggerName(collectionID, event string) string {
	return "_changes_" + collectionID + "_" + event
}

// schemaTriggers log changes of the collections themselves. A dropped collection
// takes its rows along, which fires no row trigger.
func schemaTriggers() map[string]string {
	forget := `DELETE FROM _changes WHERE c = (SELECT n FROM _changesNames WHERE collection = OLD.id);`
	return map[string]string{
		"_changes_schema_insert": "CREATE TRIGGER _changes_schema_insert AFTER INSERT ON {{_collections}} BEGIN " + put(schemaCollection, "NEW.id", 0) + " END",
		"_changes_schema_update": "CREATE TRIGGER _changes_schema_update AFTER UPDATE ON {{_collections}} BEGIN " + put(schemaCollection, "NEW.id", 0) + " END",
		"_changes_schema_delete": "CREATE TRIGGER _changes_schema_delete AFTER DELETE ON {{_collections}} BEGIN " + forget + put(schemaCollection, "OLD.id", 1) + " END",
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
		err := original.RunInTransaction(func(tx core.App) error {
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
// collections. A collection that lost its triggers, because somebody rebuilt its
// table by hand, may have changed unseen: all of it is logged again.
func (l *Log) installTriggers(app core.App) error {
	return app.RunInTransaction(func(tx core.App) error {
		if err := replaceTriggers(tx, "_collections", schemaTriggers()); err != nil {
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
	asWantedOrRelog             // and all records anew if there were no triggers
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
	had, err := existingTriggers(tx, c.Id)
	if err != nil {
		return err
	}
	if err := replaceTriggers(tx, c.Id, triggersOf(c, n, m != compactOnly && l.wantsHistory(c))); err != nil {
		return fmt.Errorf("changes: triggers of %s: %w", c.Name, err)
	}
	if m == asWantedOrRelog && len(had) == 0 {
		return relogAll(tx, c, n)
	}
	return nil
}

// replaceTriggers makes the triggers of owner, a collection's id, equal to wanted.
func replaceTriggers(tx core.App, owner string, wanted map[string]string) error {
	if owner == "_collections" {
		owner = "schema"
	}
	existing, err := existingTriggers(tx, owner)
	if err != nil {
		return err
	}
	for name, sql := range existing {
		if wanted[name] != "" && normalized(tx, wanted[name]) == sql {
			continue
		}
		if _, err := tx.DB().NewQuery("DROP TRIGGER {{" + name + "}}").Execute(); err != nil {
			return fmt.Errorf("drop trigger: %w", err)
		}
		delete(existing, name)
	}
	for name, sql := range wanted {
		if existing[name] != "" {
			continue
		}
		if _, err := tx.DB().NewQuery(sql).Execute(); err != nil {
			return fmt.Errorf("create trigger: %w", err)
		}
	}
	return nil
}

// normalized is a statement as SQLite keeps it.
func normalized(app core.App, sql string) string {
	return app.DB().NewQuery(sql).SQL()
}

func existingTriggers(app core.App, owner string) (map[string]string, error) {
	rows := []struct {
		Name string `db:"name"`
		SQL  string `db:"sql"`
	}{}
	err := app.DB().Select("name", "sql").From("sqlite_master").
		Where(dbx.HashExp{"type": "trigger"}).
		AndWhere(dbx.NewExp(`[[name]] GLOB {:pattern}`, dbx.Params{"pattern": "_changes_" + owner + "_*"})).
		All(&rows)
	if err != nil {
		return nil, fmt.Errorf("list triggers: %w", err)
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
	for _, sql := range []string{
		// the gone ones first: they go to the end under a number of their own
		`CREATE TEMP TABLE _changesGone AS SELECT record FROM _changes
			WHERE c = {:n} AND deleted = 0 AND record NOT IN (SELECT id FROM {{` + c.Name + `}})`,
		`DELETE FROM _changes WHERE c = {:n} AND (deleted = 0 OR record IN (SELECT id FROM {{` + c.Name + `}}))`,
		`INSERT INTO _changes (c, record, deleted, at) SELECT {:n}, record, 1, ` + nowMillis + ` FROM temp._changesGone`,
		`DROP TABLE temp._changesGone`,
		`INSERT INTO _changes (c, record, deleted, at) SELECT {:n}, id, 0, ` + nowMillis + ` FROM {{` + c.Name + `}}`,
	} {
		if _, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"n": n}).Execute(); err != nil {
			return fmt.Errorf("changes: log %s anew: %w", c.Name, err)
		}
	}
	return nil
}
