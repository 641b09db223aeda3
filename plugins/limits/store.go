package limits

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// The tables. They are in auxiliary.db: a guess must not wait for the writer of
// data.db nor hold it up, it is counted whether or not a transaction around it
// commits, and what is lost with the file is some patience.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _limits_attempts (
		[[key]] TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL,
		failures INTEGER NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS _limits_attempts_at ON _limits_attempts (at)`,
	// one-time passwords that were promised to nobody, and for which address
	`CREATE TABLE IF NOT EXISTS _limits_otps (
		otp TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID`,
	`CREATE INDEX IF NOT EXISTS _limits_otps_at ON _limits_otps (at)`,
}

// install makes the tables. It runs at every bootstrap.
func install(app core.App) error {
	for _, statement := range tables {
		if _, err := app.AuxNonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("limits: create the tables: %w", err)
		}
	}
	return nil
}

// row is what is remembered of a lane.
type row struct {
	key, kind, label string
	failures         int
	at, until        time.Time
}

// store keeps rows. Where the database cannot be written to, as on a full disk,
// they are kept in memory: nobody is kept from signing in, or may guess, by that.
type store struct {
	app     core.App
	maxRows int

	mu     sync.Mutex
	saved  int            // since old ones were deleted last
	memory map[string]row // rows that could not be written
	told   time.Time      // when that was logged
}

// maxMemory bounds the rows in memory.
const maxMemory = 10_000

type dbRow struct {
	Key      string `db:"key"`
	Kind     string `db:"kind"`
	Label    string `db:"label"`
	Failures int    `db:"failures"`
	At       int64  `db:"at"`
	Until    int64  `db:"until"`
}

func (r dbRow) row() row {
	return row{r.Key, r.Kind, r.Label, r.Failures, time.UnixMilli(r.At), time.UnixMilli(r.Until)}
}

// load returns the rows of the lanes that are not older than since, by key.
func (s *store) load(lanes []lane, since time.Time) map[string]row {
	keys := make([]any, len(lanes))
	for i, l := range lanes {
		keys[i] = l.key
	}
	var found []dbRow
	err := s.app.AuxConcurrentDB().Select("*").From("_limits_attempts").Where(dbx.In("key", keys...)).All(&found)
	if err != nil {
		s.trouble("Failed sign-ins cannot be read.", err)
	}
	rows := make(map[string]row, len(lanes))
	for _, r := range found {
		rows[r.Key] = r.row()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range lanes {
		if r, ok := s.memory[l.key]; ok {
			rows[l.key] = r
		}
		if r, ok := rows[l.key]; ok && r.at.Before(since) {
			delete(rows, l.key)
		}
	}
	return rows
}

// save stores rows in the place of those with the same keys.
func (s *store) save(rows []row) {
	err := s.write(func(db dbx.Builder) error {
		for _, r := range rows {
			_, err := db.NewQuery(`INSERT OR REPLACE INTO _limits_attempts ([[key]], kind, label, failures, at, until)
				VALUES ({:key}, {:kind}, {:label}, {:failures}, {:at}, {:until})`).Bind(dbx.Params{
				"key": r.key, "kind": r.kind, "label": r.label, "failures": r.failures,
				"at": r.at.UnixMilli(), "until": r.until.UnixMilli(),
			}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if s.keep(rows, err == nil) {
		s.prune(time.Time{})
	}
}

// keep puts rows into memory that were not written, takes those out that were,
// and reports whether so many have been that it is time to delete old ones.
func (s *store) keep(rows []row, written bool) (full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		if written {
			delete(s.memory, r.key)
			continue
		}
		if s.memory == nil || len(s.memory) >= maxMemory {
			s.memory = map[string]row{}
		}
		s.memory[r.key] = r
	}
	s.saved += len(rows)
	if s.saved < s.maxRows/10 {
		return false
	}
	s.saved = 0
	return true
}

// remove deletes the rows with these keys.
func (s *store) remove(keys []string) {
	if len(keys) == 0 {
		return
	}
	list := make([]any, len(keys))
	s.mu.Lock()
	for i, key := range keys {
		list[i] = key
		delete(s.memory, key)
	}
	s.mu.Unlock()
	_ = s.write(func(db dbx.Builder) error {
		_, err := db.Delete("_limits_attempts", dbx.In("key", list...)).Execute()
		return err
	})
}

// write runs the statements in a transaction. A table that is gone, with a file
// that somebody deleted, is made again.
func (s *store) write(do func(db dbx.Builder) error) error {
	transact := func() error {
		return s.app.AuxRunInTransaction(func(tx core.App) error { return do(tx.AuxDB()) })
	}
	err := transact()
	if err != nil && install(s.app) == nil {
		err = transact()
	}
	if err != nil {
		s.trouble("Failed sign-ins cannot be written down. They are kept in memory.", err)
	}
	return err
}

// trouble logs an error, not more than once a minute.
func (s *store) trouble(message string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.told) < time.Minute {
		return
	}
	s.told = time.Now()
	s.app.Logger().Error(message, slog.String("plugin", "limits"), slog.Any("error", err))
}

// promise remembers for which address a one-time password was asked that nobody
// will get.
func (s *store) promise(otp, email string, at time.Time) {
	_ = s.write(func(db dbx.Builder) error {
		_, err := db.NewQuery(`INSERT OR REPLACE INTO _limits_otps (otp, email, at) VALUES ({:otp}, {:email}, {:at})`).
			Bind(dbx.Params{"otp": otp, "email": email, "at": at.UnixMilli()}).Execute()
		return err
	})
}

// promised returns that address, "" if there is none.
func (s *store) promised(otp string) string {
	var email string
	// no row, or none that can be read: it is guessed at like any other id
	_ = s.app.AuxConcurrentDB().Select("email").From("_limits_otps").Where(dbx.HashExp{"otp": otp}).Row(&email)
	return email
}

// prune deletes what is older than before, and the oldest of what is too much.
func (s *store) prune(before time.Time) {
	_ = s.write(func(db dbx.Builder) error {
		for _, table := range []string{"_limits_attempts", "_limits_otps"} {
			for _, where := range []string{
				`at < {:before}`,
				`at < (SELECT at FROM ` + table + ` ORDER BY at DESC LIMIT 1 OFFSET {:rows})`,
			} {
				_, err := db.NewQuery(`DELETE FROM ` + table + ` WHERE ` + where).
					Bind(dbx.Params{"before": before.UnixMilli(), "rows": s.maxRows}).Execute()
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// list returns what is remembered since a time, the newest first.
func (s *store) list(since time.Time, most int) ([]row, error) {
	var found []dbRow
	err := s.app.AuxConcurrentDB().Select("*").From("_limits_attempts").
		Where(dbx.NewExp("at >= {:since}", dbx.Params{"since": since.UnixMilli()})).
		OrderBy("at DESC").Limit(int64(most)).All(&found)
	if err != nil {
		return nil, fmt.Errorf("list failed sign-ins: %w", err)
	}
	rows := make([]row, len(found))
	for i, r := range found {
		rows[i] = r.row()
	}
	return rows, nil
}

// clear forgets the rows of a label or key, or all of them, and returns how many
// there were.
func (s *store) clear(keys []string, label string, all bool) (int64, error) {
	s.mu.Lock()
	for key, r := range s.memory {
		if all || r.label == label {
			delete(s.memory, key)
		}
	}
	s.mu.Unlock()
	where := dbx.NewExp("1 = 1")
	if !all {
		list := make([]any, len(keys))
		for i, key := range keys {
			list[i] = key
		}
		where = dbx.Or(dbx.HashExp{"label": label}, dbx.In("key", list...))
	}
	var removed int64
	err := s.app.AuxRunInTransaction(func(tx core.App) error {
		result, err := tx.AuxDB().Delete("_limits_attempts", where).Execute()
		if err != nil {
			return err
		}
		removed, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget failed sign-ins: %w", err)
	}
	return removed, nil
}
