package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
)

// store is the SQL of a job's life. Statements that decide something do so in one
// step, or begin their transaction with a write: SQLite then lets no other process
// in between.
type store struct{}

// row is a job in the database.
type row struct {
	Seq             int64   `db:"seq"`
	ID              string  `db:"id"`
	Kind            string  `db:"kind"`
	Queue           string  `db:"queue"`
	Priority        int     `db:"priority"`
	State           string  `db:"state"`
	Args            string  `db:"args"`
	DueAt           int64   `db:"dueAt"`
	RunAt           int64   `db:"runAt"`
	Timeout         int64   `db:"timeout"`
	Attempts        int     `db:"attempts"`
	MaxAttempts     int     `db:"maxAttempts"`
	Claims          int64   `db:"claims"`
	Owner           string  `db:"owner"`
	LeaseUntil      int64   `db:"leaseUntil"`
	CancelRequested bool    `db:"cancelRequested"`
	UniqueKey       string  `db:"uniqueKey"`
	UniqueUntil     int64   `db:"uniqueUntil"`
	Schedule        string  `db:"schedule"`
	Progress        float64 `db:"progress"`
	Message         string  `db:"message"`
	Result          string  `db:"result"`
	Errors          string  `db:"errors"`
	Trace           string  `db:"trace"`
	EnqueuedAt      int64   `db:"enqueuedAt"`
	StartedAt       int64   `db:"startedAt"`
	FinishedAt      int64   `db:"finishedAt"`
}

// maxErrors is how many of its last errors a job keeps.
const maxErrors = 10

// failure is one of a job's errors.
type failure struct {
	At      int64  `json:"at"`
	Attempt int    `json:"attempt"`
	Error   string `json:"error"`
}

// unfinished are the states in which a job has its unique key.
const unfinished = `state IN ('pending', 'scheduled', 'running')`

// insert stores a new job, unless its key is taken.
func (store) insert(db dbx.Builder, r row) (bool, error) {
	free := ""
	if r.UniqueKey != "" {
		free = ` WHERE NOT EXISTS (SELECT 1 FROM _jobs WHERE uniqueKey <> '' AND uniqueKey = {:key}
			AND (` + unfinished + ` OR uniqueUntil > {:enqueuedAt}))`
	}
	result, err := db.NewQuery(`INSERT INTO _jobs (id, kind, queue, priority, state, args, dueAt, runAt, timeout, maxAttempts,
			uniqueKey, uniqueUntil, schedule, enqueuedAt, trace)
		SELECT {:id}, {:kind}, {:queue}, {:priority}, {:state}, {:args}, {:runAt}, {:runAt}, {:timeout}, {:maxAttempts},
			{:key}, {:keyUntil}, {:schedule}, {:enqueuedAt}, {:trace}` + free).
		Bind(dbx.Params{
			"id": r.ID, "kind": r.Kind, "queue": r.Queue, "priority": r.Priority, "state": r.State, "args": r.Args,
			"runAt": r.RunAt, "timeout": r.Timeout, "maxAttempts": r.MaxAttempts,
			"key": r.UniqueKey, "keyUntil": r.UniqueUntil, "schedule": r.Schedule, "enqueuedAt": r.EnqueuedAt, "trace": r.Trace,
		}).Execute()
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// holderOf returns the id of the job that has the key.
func (store) holderOf(db dbx.Builder, key string, now int64) (id string, err error) {
	err = db.NewQuery(`SELECT id FROM _jobs WHERE uniqueKey <> '' AND uniqueKey = {:key}
		AND (` + unfinished + ` OR uniqueUntil > {:now}) ORDER BY seq DESC LIMIT 1`).
		Bind(dbx.Params{"key": key, "now": now}).Row(&id)
	return id, err
}

// outlook is what there is to do.
type outlook struct {
	Ready   bool           `db:"ready"`   // a queue that has room has a job
	Due     sql.NullInt64  `db:"due"`     // when a job's time comes next
	Expires sql.NullInt64  `db:"expires"` // when a lease ends next
	Ticks   sql.NullInt64  `db:"ticks"`   // when a schedule is due next
	Cancels sql.NullString `db:"cancels"` // ids of jobs of ours that somebody wants cancelled
}

// look finds out what there is to do, without writing.
func (store) look(ctx context.Context, db dbx.Builder, owner string, queues, kinds []string) (outlook, error) {
	var o outlook
	err := db.NewQuery(`SELECT
			EXISTS (SELECT 1 FROM json_each({:queues}) q JOIN _jobs j ON j.queue = q.value
				WHERE j.state = 'pending' AND j.kind IN (SELECT value FROM json_each({:kinds}))
				AND NOT EXISTS (SELECT 1 FROM _jobsQueues p WHERE p.name = q.value AND p.paused = 1)) AS ready,
			(SELECT MIN(runAt) FROM _jobs WHERE state = 'scheduled') AS due,
			(SELECT MIN(leaseUntil) FROM _jobs WHERE state = 'running') AS expires,
			(SELECT MIN(next) FROM _jobsSchedules) AS ticks,
			(SELECT json_group_array(id) FROM _jobs WHERE state = 'running' AND cancelRequested = 1 AND owner = {:owner}) AS cancels`).
		WithContext(ctx).
		Bind(dbx.Params{"queues": list(queues), "kinds": list(kinds), "owner": owner}).One(&o)
	return o, err
}

// promoteBatch and expireBatch bound how long one transaction takes.
const (
	promoteBatch = 1000
	expireBatch  = 200
)

// promote makes jobs pending whose time has come.
func (store) promote(db dbx.Builder, now time.Time) error {
	_, err := db.NewQuery(`UPDATE _jobs SET state = 'pending' WHERE seq IN (
			SELECT seq FROM _jobs WHERE state = 'scheduled' AND runAt <= {:now} ORDER BY runAt LIMIT {:limit})`).
		Bind(dbx.Params{"now": now.UnixMilli(), "limit": promoteBatch}).Execute()
	return err
}

// expired returns jobs whose lease has ended.
func (store) expired(db dbx.Builder, now time.Time) ([]row, error) {
	var rows []row
	err := db.NewQuery(`SELECT * FROM _jobs WHERE state = 'running' AND leaseUntil < {:now} ORDER BY leaseUntil LIMIT {:limit}`).
		Bind(dbx.Params{"now": now.UnixMilli(), "limit": expireBatch}).All(&rows)
	return rows, err
}

// ofRun are the columns that a run needs.
const ofRun = `seq, id, kind, queue, priority, args, dueAt, runAt, timeout, attempts, maxAttempts, claims, enqueuedAt, trace`

// claim gives the owner up to limit jobs of the queue, in their order.
func (store) claim(db dbx.Builder, queue string, kinds []string, limit int, owner string, now, until time.Time) ([]row, error) {
	var rows []row
	err := db.NewQuery(`UPDATE _jobs SET state = 'running', owner = {:owner}, leaseUntil = {:until}, claims = claims + 1,
			attempts = attempts + 1, startedAt = {:now}, progress = 0, message = ''
		WHERE seq IN (SELECT seq FROM _jobs WHERE state = 'pending' AND queue = {:queue}
			AND kind IN (` + literals(kinds) + `)
			AND NOT EXISTS (SELECT 1 FROM _jobsQueues WHERE name = {:queue} AND paused = 1)
			ORDER BY priority DESC, seq LIMIT {:limit})
		RETURNING ` + ofRun).
		Bind(dbx.Params{
			"queue": queue, "limit": limit,
			"owner": owner, "now": now.UnixMilli(), "until": until.UnixMilli(),
		}).All(&rows)
	// RETURNING has no order
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(b.Priority-a.Priority, cmp.Compare(a.Seq, b.Seq)) })
	return rows, err
}

// held is what lets a statement change only a job that this attempt still has: the
// next claim of it has another number.
const held = ` WHERE seq = {:seq} AND id = {:id} AND state = 'running' AND claims = {:claims}`

// ending is what becomes of a job after an attempt, as it is stored.
type ending struct {
	job     row
	outcome outcome
	result  string
	share   float64
	message string
}

// encode is the ending as finishAll reads it, by position.
func (e ending) encode(now time.Time) ([]any, error) {
	runAt := e.job.RunAt
	if !e.outcome.runAt.IsZero() {
		runAt = e.outcome.runAt.UnixMilli()
	}
	uncount := 0
	if e.outcome.uncount {
		uncount = 1
	}
	var problem any
	if e.outcome.problem != "" {
		encoded, err := json.Marshal(failure{At: now.UnixMilli(), Attempt: e.job.Attempts, Error: clip(e.outcome.problem, maxErrorBytes)})
		if err != nil {
			return nil, err
		}
		problem = string(encoded)
	}
	return []any{e.job.Seq, e.job.ID, e.job.Claims, e.outcome.state, runAt, uncount, e.result, e.share, e.message, problem}, nil
}

// finishSQL ends many jobs at once: most of the cost of a short statement is that
// SQLite compiles it anew each time. The plus keeps it from looking through
// all that runs instead of going to each job. A job that is to be cancelled is not
// tried again.
var finishSQL = fmt.Sprintf(`UPDATE _jobs SET
		state = CASE WHEN cancelRequested = 1 AND NOT o.final THEN 'cancelled' ELSE o.state END,
		finishedAt = CASE WHEN cancelRequested = 1 OR o.final THEN {:now} ELSE 0 END,
		runAt = o.runAt, attempts = attempts - o.uncount, owner = '', leaseUntil = 0, cancelRequested = 0,
		result = o.result, progress = o.share, message = o.message,
		errors = CASE WHEN o.error IS NULL THEN errors ELSE json_insert(
			CASE WHEN json_array_length(errors) >= %d THEN json_remove(errors, '$[0]') ELSE errors END, '$[#]', json(o.error)) END
	FROM (SELECT value ->> 0 AS seq, value ->> 1 AS id, value ->> 2 AS claims, value ->> 3 AS state, value ->> 4 AS runAt,
			value ->> 5 AS uncount, value ->> 6 AS result, value ->> 7 AS share, value ->> 8 AS message, value ->> 9 AS error,
			value ->> 3 IN ('done', 'dead', 'cancelled') AS final
		FROM json_each({:endings})) AS o
	WHERE _jobs.seq = o.seq AND _jobs.id = o.id AND +_jobs.state = 'running' AND _jobs.claims = o.claims
	RETURNING seq`, maxErrors)

// finishAll stores what becomes of the jobs. It returns those that are not in this
// attempt's hands any more: somebody else has claimed them since.
func (store) finishAll(db dbx.Builder, endings []ending, now time.Time) (lost []row, err error) {
	if len(endings) == 0 {
		return nil, nil
	}
	encoded := make([][]any, len(endings))
	for i, e := range endings {
		if encoded[i], err = e.encode(now); err != nil {
			return nil, err
		}
	}
	list, err := json.Marshal(encoded)
	if err != nil {
		return nil, err
	}
	var stored []int64
	err = db.NewQuery(finishSQL).Bind(dbx.Params{"now": now.UnixMilli(), "endings": string(list)}).Column(&stored)
	if err != nil {
		return nil, err
	}
	kept := make(map[int64]bool, len(stored))
	for _, seq := range stored {
		kept[seq] = true
	}
	for _, e := range endings {
		if !kept[e.job.Seq] {
			lost = append(lost, e.job)
		}
	}
	return lost, nil
}

// saveProgress stores how far the job is.
func (store) saveProgress(db dbx.Builder, job row, share float64, message string) error {
	result, err := db.NewQuery(`UPDATE _jobs SET progress = {:share}, message = {:message}` + held).
		Bind(dbx.Params{"seq": job.Seq, "id": job.ID, "claims": job.Claims, "share": share, "message": message}).Execute()
	return heldOrLost(result, err)
}

func heldOrLost(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return ErrLeaseLost
}

// lease is a job that a process still has.
type lease struct {
	ID     string `db:"id"`
	Claims int64  `db:"claims"`
}

// renew prolongs the leases of the owner and returns them.
func (store) renew(ctx context.Context, db dbx.Builder, owner string, until time.Time) ([]lease, error) {
	var leases []lease
	err := db.NewQuery(`UPDATE _jobs SET leaseUntil = {:until} WHERE state = 'running' AND owner = {:owner} RETURNING id, claims`).
		WithContext(ctx).Bind(dbx.Params{"owner": owner, "until": until.UnixMilli()}).All(&leases)
	return leases, err
}

// lead makes the owner the leader, or keeps it that, if nobody else is.
func (store) lead(ctx context.Context, db dbx.Builder, owner string, now, until time.Time) (bool, error) {
	result, err := db.NewQuery(`UPDATE _jobsLeader SET owner = {:owner}, until = {:until} WHERE owner = {:owner} OR until < {:now}`).
		WithContext(ctx).Bind(dbx.Params{"owner": owner, "now": now.UnixMilli(), "until": until.UnixMilli()}).Execute()
	if err := heldOrLost(result, err); err != nil {
		if errors.Is(err, ErrLeaseLost) {
			err = nil
		}
		return false, err
	}
	return true, nil
}

// leaderUntil tells how long somebody leads.
func (store) leaderUntil(ctx context.Context, db dbx.Builder) (owner string, until int64, err error) {
	err = db.NewQuery(`SELECT owner, until FROM _jobsLeader`).WithContext(ctx).Row(&owner, &until)
	return owner, until, err
}

// resign lets another process lead.
func (store) resign(db dbx.Builder, owner string) error {
	_, err := db.NewQuery(`UPDATE _jobsLeader SET owner = '', until = 0 WHERE owner = {:owner}`).Bind(dbx.Params{"owner": owner}).Execute()
	return err
}

// literals are the names of kinds as SQL, which is compiled faster than a list that
// is bound. No name has a quote in it, see [name].
func literals(kinds []string) string {
	return "'" + strings.Join(kinds, "','") + "'"
}

// list is strings for json_each.
func list(values []string) string {
	encoded, _ := json.Marshal(values) // of strings it cannot fail
	if values == nil {
		return "[]"
	}
	return string(encoded)
}
