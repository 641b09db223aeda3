package jobs

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// The tables. They are plain ones: a job is written four times in its life, and
// each of these would go through validation and hooks if it were a record. Times
// are milliseconds since 1970, 0 for none.
//
// _jobs          seq orders jobs of one priority. claims counts how often the job
// was claimed, and is what tells the holder of a lease from a former one; attempts
// counts what of that counts against maxAttempts. dueAt is when the job was to run
// first, runAt when it is to run next. timeout is in milliseconds, 0
// for that of the kind. trace is where in a trace it was enqueued.
// _jobsQueues    has a row for each queue that is or was paused.
// _jobsLeader    which process does what only one may do.
// _jobsSchedules when each schedule is due next.
// _jobsTicks     what came of each time that a schedule was due.
//
// The partial indexes hold only the jobs of one state, so that a million done jobs
// cost a claim nothing.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _jobs (
		seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, queue TEXT NOT NULL,
		priority INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL, args TEXT NOT NULL,
		dueAt INTEGER NOT NULL, runAt INTEGER NOT NULL, timeout INTEGER NOT NULL DEFAULT 0,
		attempts INTEGER NOT NULL DEFAULT 0, maxAttempts INTEGER NOT NULL, claims INTEGER NOT NULL DEFAULT 0,
		owner TEXT NOT NULL DEFAULT '', leaseUntil INTEGER NOT NULL DEFAULT 0, cancelRequested INTEGER NOT NULL DEFAULT 0,
		uniqueKey TEXT NOT NULL DEFAULT '', uniqueUntil INTEGER NOT NULL DEFAULT 0, schedule TEXT NOT NULL DEFAULT '',
		progress REAL NOT NULL DEFAULT 0, message TEXT NOT NULL DEFAULT '', result TEXT NOT NULL DEFAULT '',
		errors TEXT NOT NULL DEFAULT '[]', trace TEXT NOT NULL DEFAULT '',
		enqueuedAt INTEGER NOT NULL, startedAt INTEGER NOT NULL DEFAULT 0, finishedAt INTEGER NOT NULL DEFAULT 0)`,
	`CREATE INDEX IF NOT EXISTS _jobs_pending ON _jobs (queue, priority DESC, seq, kind) WHERE state = 'pending'`,
	`CREATE INDEX IF NOT EXISTS _jobs_scheduled ON _jobs (runAt, queue) WHERE state = 'scheduled'`,
	`CREATE INDEX IF NOT EXISTS _jobs_running ON _jobs (leaseUntil, queue) WHERE state = 'running'`,
	`CREATE INDEX IF NOT EXISTS _jobs_finished ON _jobs (state, finishedAt) WHERE finishedAt > 0`,
	`CREATE INDEX IF NOT EXISTS _jobs_key ON _jobs (uniqueKey, uniqueUntil) WHERE uniqueKey <> ''`,
	// the enqueueing statement looks for itself; this is so that nothing else slips through
	`CREATE UNIQUE INDEX IF NOT EXISTS _jobs_unique ON _jobs (uniqueKey)
		WHERE uniqueKey <> '' AND state IN ('pending', 'scheduled', 'running')`,
	`CREATE TABLE IF NOT EXISTS _jobsQueues (
		name TEXT PRIMARY KEY, paused INTEGER NOT NULL, at INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _jobsLeader (
		id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, until INTEGER NOT NULL)`,
	`INSERT OR IGNORE INTO _jobsLeader (id, owner, until) VALUES (1, '', 0)`,
	`CREATE TABLE IF NOT EXISTS _jobsSchedules (
		name TEXT PRIMARY KEY, cron TEXT NOT NULL, zone TEXT NOT NULL, kind TEXT NOT NULL, next INTEGER NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS _jobsTicks (
		id INTEGER PRIMARY KEY, schedule TEXT NOT NULL, due INTEGER NOT NULL, at INTEGER NOT NULL,
		outcome TEXT NOT NULL, job TEXT NOT NULL DEFAULT '', error TEXT NOT NULL DEFAULT '')`,
	`CREATE INDEX IF NOT EXISTS _jobsTicks_schedule ON _jobsTicks (schedule, id)`,
}

// State is where a job stands.
type State string

// The states. A job that failed and is to be tried again is scheduled.
const (
	StatePending   State = "pending"   // waits for a free worker
	StateScheduled State = "scheduled" // waits for its time
	StateRunning   State = "running"
	StateDone      State = "done"
	StateDead      State = "dead" // failed for good, until somebody replays it
	StateCancelled State = "cancelled"
)

// States are all of them.
var States = []State{StatePending, StateScheduled, StateRunning, StateDone, StateDead, StateCancelled}

// Enum are the states as texts.
func (State) Enum() []string {
	texts := make([]string, len(States))
	for i, s := range States {
		texts[i] = string(s)
	}
	return texts
}

// createTables makes what is missing. It is no transaction: that would begin by
// reading, and fail when another process makes them at the same time. A crash in
// between is made good by the next start.
func createTables(app core.App) error {
	for _, statement := range tables {
		if _, err := app.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("jobs: create tables: %w", err)
		}
	}
	if err := sqlite.AddColumn(app.NonconcurrentDB(), "_jobs", "trace", `TEXT NOT NULL DEFAULT ''`); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	return nil
}
