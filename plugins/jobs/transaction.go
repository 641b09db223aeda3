package jobs

import "github.com/pocketbase/pocketbase/core"

// WithRecord saves or deletes the record of a hook, and then runs enqueue, in one
// transaction. PocketBase saves a record in none unless somebody opened one, and a
// crash, or a refusal by a later hook, would part the record from its job:
//
//	app.OnRecordCreate("orders").BindFunc(func(e *core.RecordEvent) error {
//		return jobs.WithRecord(e, func(tx core.App) error {
//			_, err := jobs.Enqueue(tx, "report.render", Report{Order: e.Record.Id})
//			return err
//		})
//	})
//
// It calls e.Next. It is for OnRecordCreate, OnRecordUpdate and OnRecordDelete.
func WithRecord(e *core.RecordEvent, enqueue func(tx core.App) error) error {
	outer := e.App
	// what follows the transaction is PocketBase's, and needs the app that it began with
	defer func() { e.App = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		e.App = tx
		if err := e.Next(); err != nil {
			return err
		}
		return enqueue(tx)
	})
}
