package changes

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// The tables. They are plain ones, because a collection would cost a validation
// and a hook chain for each change, and their names start with an underscore as
// PocketBase's own.
//
// _changes        the compact log. c is the number of the collection. A new row's
// seq follows the largest that is there, so the last row is never deleted, only
// moved. AUTOINCREMENT would see to that, too, for a third of what the triggers cost.
// _changesHistory the full log. seq is that of the compact row it came with.
// _changesKept    for which collections somebody asked for a full log, see KeepHistory.
// _changesNames   numbers for collection ids, which saves a third of the log.
// _changesBoots   which sequence numbers were given out by which life of the
// database, so that a position of a lost timeline is recognised.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _changesNames (
		n INTEGER PRIMARY KEY, collection TEXT NOT NULL UNIQUE)`,
	`CREATE TABLE IF NOT EXISTS _changes (
		seq INTEGER PRIMARY KEY, c INTEGER NOT NULL, record TEXT NOT NULL,
		deleted INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE (record, c))`,
	`CREATE TABLE IF NOT EXISTS _changesHistory (
		seq INTEGER PRIMARY KEY, c INTEGER NOT NULL, record TEXT NOT NULL,
		before TEXT, after TEXT, at INTEGER NOT NULL,
		actorCollection TEXT NOT NULL DEFAULT '', actor TEXT NOT NULL DEFAULT '',
		request TEXT NOT NULL DEFAULT '', origin TEXT NOT NULL DEFAULT '', trace TEXT NOT NULL DEFAULT '')`,
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

const (
	// schemaCollection is the number under which the log records changes of the
	// collections themselves.
	schemaCollection = 0

	// rangeMark is the number of the one row that is no change: it is where the
	// range of the current life starts, and keeps what follows above it.
	rangeMark = -1
)

// endOfLog is SQL for the last position that was given out.
const endOfLog = `(SELECT MAX(seq) FROM _changes)`

// install makes the tables and triggers and opens a new range of sequence
// numbers. It runs at every bootstrap.
func (l *Log) install(app core.App) error {
	err := write(app, func(tx core.App) error {
		if err := createTables(tx); err != nil {
			return err
		}
		if err := sqlite.AddColumn(tx.DB(), "_changesHistory", "trace", `TEXT NOT NULL DEFAULT ''`); err != nil {
			return fmt.Errorf("changes: %w", err)
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

// missingTables tells whether tables of the log are missing, and whether one of
// these is needed to tell what its positions and numbers mean.
func missingTables(app core.App) (some, essential bool, err error) {
	count := struct {
		All       int `db:"everything"`
		Essential int `db:"essential"`
	}{}
	err = app.ConcurrentDB().NewQuery(`SELECT COUNT(*) AS everything,
			COUNT(*) FILTER (WHERE name IN ('_changes', '_changesNames', '_changesBoots', '_changesFloor')) AS essential
		FROM sqlite_master WHERE type = 'table' AND name IN ('_changes', '_changesNames', '_changesBoots', '_changesFloor',
			'_changesHistory', '_changesKept', '_changesConsumers', '_changesDead')`).One(&count)
	if err != nil {
		return false, false, fmt.Errorf("changes: look for tables: %w", err)
	}
	return count.All < 8, count.Essential < 4, nil
}

// createTables makes the tables that are missing, because the database is new or
// because somebody dropped them.
func createTables(tx core.App) error {
	some, essential, err := missingTables(tx)
	if err != nil || !some {
		return err
	}
	for _, statement := range tables {
		if _, err := tx.DB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("changes: create tables: %w", err)
		}
	}
	if essential {
		return startOver(tx)
	}
	// the full log may have been the one
	return execute(tx, "restart histories", nil, `UPDATE _changesKept SET since = COALESCE(`+endOfLog+`, 0)`)
}

// startOver empties the log, above all positions that it may have given out. With
// the triggers gone all records are logged anew, and the floor tells readers that
// were further that deletions are forgotten.
func startOver(tx core.App) error {
	if err := dropTriggers(tx); err != nil {
		return err
	}
	var end int64
	err := tx.DB().NewQuery(`SELECT MAX(COALESCE(` + endOfLog + `, 0), COALESCE((SELECT MAX(seq) FROM _changesHistory), 0),
		(SELECT seq FROM _changesFloor), COALESCE((SELECT MAX(start) FROM _changesBoots), 0),
		COALESCE((SELECT MAX(position) FROM _changesConsumers), 0))`).Row(&end)
	if err != nil {
		return fmt.Errorf("changes: start over: %w", err)
	}
	err = execute(tx, "start over", dbx.Params{"end": end, "mark": rangeMark},
		`DELETE FROM _changes`, `DELETE FROM _changesHistory`, `DELETE FROM _changesNames`, `DELETE FROM _changesBoots`,
		`INSERT INTO _changes (seq, c, record, deleted, at) VALUES ({:end}, {:mark}, '', 0, 0)`)
	if err != nil {
		return err
	}
	if err := openRange(tx, time.Now()); err != nil {
		return err
	}
	return execute(tx, "start over", nil, `UPDATE _changesFloor SET seq = `+endOfLog, `UPDATE _changesKept SET since = `+endOfLog)
}

// openRange moves the sequence past the current time, and notes where the last
// range ended. Sequence numbers grow with the wall clock at each start, so a
// database that was restored from an older copy never gives out a number again
// that the lost timeline may have given to something else. They stay below 2^53
// (milliseconds times 1024), so that JavaScript holds them exactly.
func openRange(tx core.App, now time.Time) error {
	current, err := head(context.Background(), tx.DB())
	if err != nil {
		return err
	}
	return execute(tx, "open range", dbx.Params{"start": max(current+1, now.UnixMilli()<<10), "end": current, "mark": rangeMark},
		`INSERT INTO _changes (seq, c, record, deleted, at) VALUES ({:start}, {:mark}, '', 0, 0)
			ON CONFLICT (record, c) DO UPDATE SET seq = excluded.seq`,
		`INSERT INTO _changesBoots (start, previousEnd) VALUES ({:start}, {:end})`)
}

// execute runs statements with the same parameters.
func execute(tx core.App, doing string, params dbx.Params, statements ...string) error {
	for _, s := range statements {
		if _, err := tx.DB().NewQuery(s).Bind(params).Execute(); err != nil {
			return fmt.Errorf("changes: %s: %w", doing, err)
		}
	}
	return nil
}
