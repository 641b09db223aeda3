package changes

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// write runs fn in a transaction that is the database's writer from its beginning.
func write(app core.App, fn func(tx core.App) error) error {
	return app.RunInTransaction(func(tx core.App) error {
		if err := claim(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// claim makes a transaction the writer before it reads anything. PocketBase begins
// transactions without a lock, and one that has read can no longer write once another
// process has committed: SQLite says that the database is locked, however long one
// waits. The statement changes nothing, but waits for its turn.
func claim(tx core.App) error {
	if _, err := tx.DB().NewQuery(`UPDATE _params SET id = id WHERE FALSE`).Execute(); err != nil {
		return fmt.Errorf("changes: wait for other writers: %w", err)
	}
	return nil
}
