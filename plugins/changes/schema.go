package changes

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// The tables. They are plain ones, because a collection would cost a validation
// and a hook chain for each change, and their names start with an underscore as
// PocketBase's own.
//
// _changes        the compact log. c is the number of the collection.
// _changesHistory the full log. seq is that of the compact row it came with.
// _changesKept    for which collections somebody asked for a full log, see KeepHistory.
// _changesNames   numbers for collection ids, which saves a third of the log.
// _changesBoots   which sequence numbers were given out by which life of the
// database, so that a position of a lost timeline is recognised.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _changesNames (
		n INTEGER PRIMARY KEY, collection TEXT NOT NULL UNIQUE)`,
	`CREATE TABLE IF NOT EXISTS _changes (
		seq INTEGER PRIMARY KEY AUTOINCREMENT, c INTEGER NOT NULL, record TEXT NOT NULL,
		deleted INTEGER NOT NULL, at INTEGER NOT NULL)`,
	`CREATE UNIQUE INDEX IF NOT EXISTS _changes_record ON _changes (record, c)`,
	`CREATE TABLE IF NOT EXISTS _changesHistory (
		seq INTEGER PRIMARY KEY, c INTEGER NOT NULL, record TEXT NOT NULL,
		before TEXT, after TEXT, at INTEGER NOT NULL,
		actorCollection TEXT NOT NULL DEFAULT '', actor TEXT NOT NULL DEFAULT '',
		request TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '')`,
	`CREATE TABLE IF NOT EXISTS _changesBoots (
		start INTEGER PRIMARY KEY, previousEnd INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _changesFloor (
		id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL)`,
	`INSERT OR IGNORE INTO _changesFloor (id, seq) VALUES (1, 0)`,
	`CREATE TABLE IF NOT EXISTS _changesKept (
		collection TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _changesConsumers (
		name TEXT PRIMARY KEY, position INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
		error TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL DEFAULT '', leaseUntil INTEGER NOT NULL DEFAULT 0)`,
	`CREATE TABLE IF NOT EXISTS _changesDead (
		id INTEGER PRIMARY KEY AUTOINCREMENT, consumer TEXT NOT NULL, seq INTEGER NOT NULL, collection TEXT NOT NULL,
		record TEXT NOT NULL, error TEXT NOT NULL, at INTEGER NOT NULL)`,
}

// schemaCollection is the number under which the log records changes of the
// collections themselves.
const schemaCollection = 0

// install makes the tables and triggers and opens a new range of sequence
// numbers. It runs at every bootstrap.
func (l *Log) install(app core.App) error {
	err := app.RunInTransaction(func(tx core.App) error {
		if err := createTables(tx); err != nil {
			return err
		}
		return openRange(tx, time.Now())
	})
	if err != nil {
		return err
	}
	if err := l.installTriggers(app); err != nil {
		return err
	}
	return warnOfRecursion(app)
}

func createTables(tx core.App) error {
	for _, statement := range tables {
		if _, err := tx.DB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("changes: create tables: %w", err)
		}
	}
	return nil
}

// openRange moves the sequence past the current time, and notes where the last
// range ended. Sequence numbers grow with the wall clock at each start, so a
// database that was restored from an older copy never gives out a number again
// that the lost timeline may have given to something else. They stay below 2^53
// (milliseconds times 1024), so that JavaScript holds them exactly.
func openRange(tx core.App, now time.Time) error {
	var current int64
	err := tx.DB().NewQuery(`SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '_changes'), 0)`).Row(&current)
	if err != nil {
		return fmt.Errorf("changes: read sequence: %w", err)
	}
	start := max(current, now.UnixMilli()<<10)
	statements := []string{
		`DELETE FROM sqlite_sequence WHERE name = '_changes'`,
		`INSERT INTO sqlite_sequence (name, seq) VALUES ('_changes', {:start})`,
		`INSERT OR IGNORE INTO _changesBoots (start, previousEnd) VALUES ({:start}, {:end})`,
	}
	for _, s := range statements {
		query := tx.DB().NewQuery(s)
		if _, err := query.Bind(dbx.Params{"start": start, "end": current}).Execute(); err != nil {
			return fmt.Errorf("changes: open range: %w", err)
		}
	}
	return nil
}
