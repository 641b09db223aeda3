package hooks

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// inTransaction runs do with *app replaced by a transaction. Within one already,
// it joins it.
func inTransaction(app *core.App, do func() error) error {
	outer := *app
	defer func() { *app = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		*app = tx
		return do()
	})
}

// transactional makes the rest of the save or delete one transaction.
func transactional(e *core.RecordEvent) error {
	return inTransaction(&e.App, e.Next)
}

// readTransaction runs do on one consistent state of the database. It does not
// hold up writers.
func readTransaction(ctx context.Context, app core.App, do func(db dbx.Builder) error) error {
	db, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		return do(app.ConcurrentDB()) // within a transaction
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin a read transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return do(tx)
}

// rebaseRequest carries an update over to the record as it is now, in the
// transaction that saves it.
//
// PocketBase loads the record when the request comes in and writes all of its
// columns. Without this, a changed title would put back the status, the number
// counter or the invitation key that another request has just replaced.
func rebaseRequest(e *core.RecordRequestEvent) error {
	return inTransaction(&e.App, func() error {
		if err := rebase(e.App, e.Record); err != nil {
			return err
		}
		return e.Next()
	})
}

// rebase gives the fields of the record that differ from the database, but not
// from what was loaded, the value of the database.
func rebase(app core.App, record *core.Record) error {
	now, err := app.FindRecordById(record.Collection(), record.Id)
	if err != nil {
		return fmt.Errorf("reload %s/%s: %w", record.Collection().Name, record.Id, err)
	}
	loaded := record.Original()
	for _, name := range record.Collection().Fields.FieldNames() {
		if sameValue(record.GetRaw(name), loaded.GetRaw(name)) && !sameValue(loaded.GetRaw(name), now.GetRaw(name)) {
			record.SetRaw(name, now.GetRaw(name))
		}
	}
	return nil
}

// sameValue reports whether two raw field values are stored alike.
func sameValue(a, b any) bool {
	left, err := json.Marshal(a)
	if err != nil {
		return false
	}
	right, err := json.Marshal(b)
	return err == nil && bytes.Equal(left, right)
}
