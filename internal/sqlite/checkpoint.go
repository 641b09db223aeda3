package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"

	modernc "modernc.org/sqlite"
)

// persistWAL keeps SQLite from removing the write-ahead log with its last connection.
func persistWAL(opened driver.Conn) error {
	control, ok := opened.(modernc.FileControl)
	if !ok {
		return fmt.Errorf("sqlite: the driver's connection %T has no file control", opened)
	}
	if _, err := control.FileControlPersistWAL("main", 1); err != nil {
		return fmt.Errorf("sqlite: keep the write-ahead log: %w", err)
	}
	return nil
}

// isCheckpoint tells whether a statement moves the write-ahead log to the database.
func isCheckpoint(query string) bool {
	const longest = 80
	query = strings.TrimSpace(query)
	return len(query) <= longest && startsWith(query, "PRAGMA ") &&
		strings.Contains(strings.ToLower(query), "wal_checkpoint")
}

// checkpointRows is how SQLite says that a checkpoint had nothing to do: it was
// not busy, and none of no pages were moved.
const checkpointRows = "SELECT 0 AS busy, 0 AS log, 0 AS checkpointed"

// skipped is the result of a statement that was not run.
func (c *conn) skipped(query string) (driver.Result, bool) {
	if c.keepWAL && isCheckpoint(query) {
		return driver.RowsAffected(0), true
	}
	return nil, false
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.keepWAL && isCheckpoint(query) {
		query = checkpointRows
	}
	return c.driverConn.PrepareContext(ctx, query)
}
