package jobs

import (
	"context"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
)

// list returns jobs, newest first, without arguments and results.
func (store) list(ctx context.Context, db dbx.Builder, f Filter, after int64, limit int) ([]row, error) {
	where := []string{"TRUE"}
	params := dbx.Params{"limit": limit}
	equal := func(column, value string) {
		if value != "" {
			where = append(where, column+" = {:"+column+"}")
			params[column] = value
		}
	}
	equal("kind", f.Kind)
	equal("queue", f.Queue)
	equal("schedule", f.Schedule)
	switch f.State {
	case "":
	case StateDone: // most jobs are, so an index would only mean to sort them
		where = append(where, "+state = 'done'")
	default: // as it is one of the constants; a bound value would not find the partial indexes
		where = append(where, "state = '"+string(f.State)+"'")
		if f.State == StateDead || f.State == StateCancelled {
			where = append(where, "finishedAt > 0")
		}
	}
	if after > 0 {
		where = append(where, "seq < {:after}")
		params["after"] = after
	}
	var rows []row
	err := db.NewQuery(`SELECT seq, id, kind, queue, priority, state, dueAt, runAt, attempts, maxAttempts, cancelRequested,
			schedule, progress, message, errors, enqueuedAt, startedAt, finishedAt
		FROM _jobs WHERE ` + strings.Join(where, " AND ") + ` ORDER BY seq DESC LIMIT {:limit}`).
		WithContext(ctx).Bind(params).All(&rows)
	return rows, err
}

func (store) find(ctx context.Context, db dbx.Builder, id string) (row, error) {
	var r row
	err := db.NewQuery(`SELECT * FROM _jobs WHERE id = {:id}`).WithContext(ctx).Bind(dbx.Params{"id": id}).One(&r)
	return r, err
}

// replay is what makes a job run again, and replayable what it must be for that.
const (
	replay = ` SET attempts = CASE WHEN state = 'scheduled' THEN attempts ELSE 0 END, state = 'pending',
		runAt = {:now}, finishedAt = 0, progress = 0, message = ''`
	keyIsFree = `(uniqueKey = '' OR NOT EXISTS (SELECT 1 FROM _jobs o WHERE o.uniqueKey <> '' AND o.uniqueKey = _jobs.uniqueKey
		AND o.state IN ('pending', 'scheduled', 'running') AND o.seq <> _jobs.seq))`
)

func (store) retry(ctx context.Context, db dbx.Builder, id string, now time.Time) (bool, error) {
	return changedOne(db.NewQuery(`UPDATE _jobs` + replay + ` WHERE id = {:id}
		AND state IN ('dead', 'cancelled', 'scheduled') AND ` + keyIsFree).
		WithContext(ctx).Bind(dbx.Params{"id": id, "now": now.UnixMilli()}))
}

// retryDead replays jobs that were dead before the time, of those with the same
// key the oldest.
func (store) retryDead(ctx context.Context, db dbx.Builder, kind, queue string, before, now time.Time) (int64, error) {
	result, err := db.NewQuery(`UPDATE _jobs` + replay + ` WHERE seq IN (
			SELECT seq FROM _jobs WHERE state = 'dead' AND finishedAt > 0 AND finishedAt <= {:before}
			AND ({:kind} = '' OR kind = {:kind}) AND ({:queue} = '' OR queue = {:queue})
			AND ` + keyIsFree + `
			AND (uniqueKey = '' OR NOT EXISTS (SELECT 1 FROM _jobs o WHERE o.uniqueKey <> '' AND o.uniqueKey = _jobs.uniqueKey
				AND o.state = 'dead' AND o.seq < _jobs.seq))
			ORDER BY finishedAt LIMIT {:limit})`).
		WithContext(ctx).Bind(dbx.Params{"kind": kind, "queue": queue, "limit": replayBatch, "before": before.UnixMilli(), "now": now.UnixMilli()}).Execute()
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// cancel ends a job that waits, or asks the process that runs it to.
func (store) cancel(ctx context.Context, db dbx.Builder, id string, now time.Time) (bool, error) {
	return changedOne(db.NewQuery(`UPDATE _jobs SET
			finishedAt = CASE WHEN state = 'running' THEN 0 ELSE {:now} END,
			cancelRequested = (state = 'running'),
			state = CASE WHEN state = 'running' THEN 'running' ELSE 'cancelled' END
		WHERE id = {:id} AND ` + unfinished).
		WithContext(ctx).Bind(dbx.Params{"id": id, "now": now.UnixMilli()}))
}

func (store) queueHasJobs(ctx context.Context, db dbx.Builder, queue string) (has bool, err error) {
	err = db.NewQuery(`SELECT EXISTS (SELECT 1 FROM _jobs WHERE queue = {:queue})`).
		WithContext(ctx).Bind(dbx.Params{"queue": queue}).Row(&has)
	return has, err
}

func (store) setPaused(ctx context.Context, db dbx.Builder, queue string, paused bool, now time.Time) error {
	_, err := db.NewQuery(`INSERT INTO _jobsQueues (name, paused, at) VALUES ({:name}, {:paused}, {:at})
		ON CONFLICT (name) DO UPDATE SET paused = {:paused}, at = {:at}`).
		WithContext(ctx).Bind(dbx.Params{"name": queue, "paused": paused, "at": now.UnixMilli()}).Execute()
	return err
}

// paused returns the queues that are.
func (store) paused(ctx context.Context, db dbx.Builder) (map[string]bool, error) {
	var names []string
	err := db.NewQuery(`SELECT name FROM _jobsQueues WHERE paused = 1`).WithContext(ctx).Column(&names)
	paused := map[string]bool{}
	for _, name := range names {
		paused[name] = true
	}
	return paused, err
}

// countRow is how many jobs of a queue are in a state. Queue is empty for states
// of which only the sum is counted.
type countRow struct {
	State  string `db:"state"`
	Queue  string `db:"queue"`
	Count  int64  `db:"count"`
	Oldest int64  `db:"oldest"`
}

// counts counts jobs, each state from its own index.
func (store) counts(ctx context.Context, db dbx.Builder) ([]countRow, error) {
	var rows []countRow
	err := db.NewQuery(`
		SELECT 'pending' AS state, queue, COUNT(*) AS count, MIN(runAt) AS oldest FROM _jobs WHERE state = 'pending' GROUP BY queue
		UNION ALL SELECT 'scheduled', queue, COUNT(*), 0 FROM _jobs WHERE state = 'scheduled' GROUP BY queue
		UNION ALL SELECT 'running', queue, COUNT(*), 0 FROM _jobs WHERE state = 'running' GROUP BY queue
		UNION ALL SELECT 'dead', queue, COUNT(*), 0 FROM _jobs WHERE state = 'dead' AND finishedAt > 0 GROUP BY queue
		UNION ALL SELECT 'done', '', COUNT(*), 0 FROM _jobs WHERE state = 'done' AND finishedAt > 0
		UNION ALL SELECT 'cancelled', '', COUNT(*), 0 FROM _jobs WHERE state = 'cancelled' AND finishedAt > 0`).
		WithContext(ctx).All(&rows)
	return rows, err
}

// deleteBatch bounds how long one statement keeps others from writing.
const deleteBatch = 500

// deleteFinished deletes jobs that ended before the time, unless they still have
// a unique key.
func (store) deleteFinished(ctx context.Context, db dbx.Builder, state State, before, now time.Time) error {
	for {
		result, err := db.NewQuery(`DELETE FROM _jobs WHERE seq IN (
				SELECT seq FROM _jobs WHERE state = '` + string(state) + `' AND finishedAt > 0 AND finishedAt < {:before}
				AND uniqueUntil <= {:now} LIMIT {:limit})`).
			WithContext(ctx).Bind(dbx.Params{"before": before.UnixMilli(), "now": now.UnixMilli(), "limit": deleteBatch}).Execute()
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n < deleteBatch {
			return err
		}
	}
}

func changedOne(query *dbx.Query) (bool, error) {
	result, err := query.Execute()
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}
