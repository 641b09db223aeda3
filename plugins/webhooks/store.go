package webhooks

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock"
)

// The states of deliveries and of received messages.
const (
	statePending   = "pending"
	stateDelivered = "delivered"
	stateDone      = "done"
	stateFailed    = "failed"
)

// delivery is an event on its way to an endpoint.
type delivery struct {
	ID       int64  `db:"id"`
	Endpoint string `db:"endpoint"`
	Event    string `db:"event"`
	// Run is empty for the first delivery of an event, and else names the replay.
	Run string `db:"run"`
	// Subject is the record. Deliveries with one subject go out one after the other.
	Subject  string `db:"subject"`
	Type     string `db:"type"`
	Payload  string `db:"payload"`
	Created  int64  `db:"created"`
	State    string `db:"state"`
	Ready    bool   `db:"ready"`
	NextAt   int64  `db:"nextAt"`
	Attempts int    `db:"attempts"`
	FirstAt  int64  `db:"firstAt"`
	Finished int64  `db:"finished"`
	Status   int    `db:"status"`
	Error    string `db:"error"`
	// Trace is where in a trace it was asked for, see [Tracer].
	Trace string `db:"trace"`
}

// attempt is one try to deliver, as the delivery log shows it.
type attempt struct {
	ID              int64  `db:"id"`
	Delivery        int64  `db:"delivery"`
	At              int64  `db:"at"`
	Duration        int64  `db:"duration"` // ms
	URL             string `db:"url"`
	RequestHeaders  string `db:"requestHeaders"` // a JSON object
	Status          int    `db:"status"`         // 0 without an answer
	ResponseHeaders string `db:"responseHeaders"`
	ResponseBody    string `db:"responseBody"`
	Error           string `db:"error"`
}

// enqueue stores deliveries and returns how many were new. One that waits behind
// another of the same record becomes ready when that one is finished.
func enqueue(ctx context.Context, app core.App, now time.Time, deliveries ...delivery) (int64, error) {
	added := int64(0)
	err := app.RunInTransaction(func(tx core.App) error {
		for _, d := range deliveries {
			result, err := tx.DB().NewQuery(`INSERT INTO _webhooksDeliveries
					(endpoint, event, run, subject, type, payload, created, state, ready, nextAt, trace)
				SELECT {:endpoint}, {:event}, {:run}, {:subject}, {:type}, {:payload}, {:now}, 'pending', NOT EXISTS (
					SELECT 1 FROM _webhooksDeliveries WHERE endpoint = {:endpoint} AND subject = {:subject} AND state = 'pending'), {:now}, {:trace}
				WHERE TRUE ON CONFLICT DO NOTHING`).WithContext(ctx).
				Bind(dbx.Params{
					"endpoint": d.Endpoint, "event": d.Event, "run": d.Run, "subject": d.Subject, "type": d.Type,
					"payload": d.Payload, "now": now.UnixMilli(), "trace": d.Trace,
				}).Execute()
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			added += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("webhooks: store deliveries: %w", err)
	}
	return added, nil
}

// dueDeliveries returns deliveries of an endpoint that may go out now.
func dueDeliveries(ctx context.Context, app core.App, endpoint string, now time.Time, without map[int64]bool, limit int) ([]delivery, error) {
	due := []delivery{}
	err := app.ConcurrentDB().NewQuery(`SELECT * FROM _webhooksDeliveries
		WHERE endpoint = {:endpoint} AND ready = 1 AND nextAt <= {:now} ORDER BY nextAt, id LIMIT {:limit}`).WithContext(ctx).
		Bind(dbx.Params{"endpoint": endpoint, "now": now.UnixMilli(), "limit": limit + len(without)}).All(&due)
	if err != nil {
		return nil, fmt.Errorf("webhooks: read due deliveries: %w", err)
	}
	free := due[:0]
	for _, d := range due {
		if !without[d.ID] && len(free) < limit {
			free = append(free, d)
		}
	}
	return free, nil
}

// nextDue returns when the next delivery of an endpoint is due after a time,
// which is zero if there is none.
func nextDue(ctx context.Context, app core.App, endpoint string, after time.Time) (time.Time, error) {
	var at int64
	err := app.ConcurrentDB().NewQuery(`SELECT COALESCE(MIN(nextAt), 0) FROM _webhooksDeliveries
		WHERE endpoint = {:endpoint} AND ready = 1 AND nextAt > {:after}`).WithContext(ctx).
		Bind(dbx.Params{"endpoint": endpoint, "after": after.UnixMilli()}).Row(&at)
	if err != nil {
		return time.Time{}, fmt.Errorf("webhooks: read the next delivery: %w", err)
	}
	if at == 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(at), nil
}

// hasPending tells whether there is anything to send to an enabled endpoint.
func hasPending(ctx context.Context, app core.App) (bool, error) {
	var found bool
	err := app.ConcurrentDB().NewQuery(`SELECT EXISTS (SELECT 1 FROM _webhooks e WHERE e.enabled
		AND EXISTS (SELECT 1 FROM _webhooksDeliveries d WHERE d.endpoint = e.id AND d.ready = 1))`).WithContext(ctx).Row(&found)
	if err != nil {
		return false, fmt.Errorf("webhooks: look for deliveries: %w", err)
	}
	return found, nil
}

// outcome is what an attempt means for its delivery.
type outcome struct {
	state  string    // pending to try again
	nextAt time.Time // if pending
}

// saveAttempt logs an attempt and moves its delivery on. If it is finished, the
// next of the same record becomes ready in the same transaction.
func saveAttempt(app core.App, d delivery, a attempt, o outcome, now time.Time) error {
	finished, ready := int64(0), 1
	if o.state != statePending {
		finished, ready = now.UnixMilli(), 0
	}
	firstAt := d.FirstAt
	if firstAt == 0 {
		firstAt = a.At
	}
	err := app.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`UPDATE _webhooksDeliveries SET state = {:state}, ready = {:ready}, nextAt = {:nextAt},
				attempts = attempts + 1, firstAt = {:firstAt}, finished = {:finished}, status = {:status}, error = {:error}
			WHERE id = {:id} AND state = 'pending'`).
			Bind(dbx.Params{
				"id": d.ID, "state": o.state, "ready": ready, "nextAt": o.nextAt.UnixMilli(), "firstAt": firstAt,
				"finished": finished, "status": a.Status, "error": a.Error,
			}).Execute()
		if err != nil {
			return err
		}
		if o.state != statePending {
			if err := readyNext(tx, d, now); err != nil {
				return err
			}
		}
		if err := saveHealth(tx, d.Endpoint, a, now); err != nil {
			return err
		}
		return insertAttempt(tx, a)
	})
	if err != nil {
		return fmt.Errorf("webhooks: save an attempt: %w", err)
	}
	return nil
}

// readyNext lets the next delivery of the same record go out.
func readyNext(tx core.App, d delivery, now time.Time) error {
	_, err := tx.DB().NewQuery(`UPDATE _webhooksDeliveries SET ready = 1, nextAt = {:now} WHERE ready = 0 AND id = (
			SELECT MIN(id) FROM _webhooksDeliveries WHERE endpoint = {:endpoint} AND subject = {:subject} AND state = 'pending')`).
		Bind(dbx.Params{"endpoint": d.Endpoint, "subject": d.Subject, "now": now.UnixMilli()}).Execute()
	return err
}

func insertAttempt(tx core.App, a attempt) error {
	_, err := tx.DB().NewQuery(`INSERT INTO _webhooksAttempts
			(delivery, at, duration, url, requestHeaders, status, responseHeaders, responseBody, error)
		VALUES ({:delivery}, {:at}, {:duration}, {:url}, {:requestHeaders}, {:status}, {:responseHeaders}, {:responseBody}, {:error})`).
		Bind(dbx.Params{
			"delivery": a.Delivery, "at": a.At, "duration": a.Duration, "url": a.URL, "requestHeaders": a.RequestHeaders,
			"status": a.Status, "responseHeaders": a.ResponseHeaders, "responseBody": a.ResponseBody, "error": a.Error,
		}).Execute()
	return err
}

// saveHealth notes how an attempt went for the endpoint as a whole.
func saveHealth(tx core.App, endpoint string, a attempt, now time.Time) error {
	query := `INSERT INTO _webhooksHealth (endpoint, failingSince, lastSuccess, lastFailure, lastError)
		VALUES ({:endpoint}, {:now}, 0, {:now}, {:error}) ON CONFLICT (endpoint) DO UPDATE SET
		failingSince = CASE failingSince WHEN 0 THEN {:now} ELSE failingSince END, lastFailure = {:now}, lastError = {:error}`
	if a.Error == "" {
		query = `INSERT INTO _webhooksHealth (endpoint, failingSince, lastSuccess, lastFailure, lastError)
			VALUES ({:endpoint}, 0, {:now}, 0, {:error}) ON CONFLICT (endpoint) DO UPDATE SET failingSince = 0, lastSuccess = {:now}`
	}
	_, err := tx.DB().NewQuery(query).Bind(dbx.Params{"endpoint": endpoint, "now": now.UnixMilli(), "error": a.Error}).Execute()
	return err
}

// failingSince returns since when all attempts at an endpoint fail, zero if the
// last one did not.
func failingSince(app core.App, endpoint string) (time.Time, error) {
	var since int64
	err := app.ConcurrentDB().NewQuery(`SELECT COALESCE(MAX(failingSince), 0) FROM _webhooksHealth WHERE endpoint = {:endpoint}`).
		Bind(dbx.Params{"endpoint": endpoint}).Row(&since)
	if err != nil {
		return time.Time{}, fmt.Errorf("webhooks: read the health of an endpoint: %w", err)
	}
	if since == 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(since), nil
}

// startAnew forgets the failures of an endpoint that is enabled again. What waits
// for it goes out now and has all its time again.
func startAnew(app core.App, endpoint string, now time.Time) error {
	return app.RunInTransaction(func(tx core.App) error {
		for _, sql := range []string{
			`UPDATE _webhooksHealth SET failingSince = 0 WHERE endpoint = {:endpoint}`,
			`UPDATE _webhooksDeliveries SET firstAt = 0, nextAt = {:now} WHERE endpoint = {:endpoint} AND state = 'pending'`,
		} {
			_, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"endpoint": endpoint, "now": now.UnixMilli()}).Execute()
			if err != nil {
				return fmt.Errorf("webhooks: start an endpoint anew: %w", err)
			}
		}
		return nil
	})
}

func forgetEndpoint(app core.App, endpoint string) error {
	for _, sql := range []string{
		`DELETE FROM _webhooksAttempts WHERE delivery IN (SELECT id FROM _webhooksDeliveries WHERE endpoint = {:endpoint})`,
		`DELETE FROM _webhooksDeliveries WHERE endpoint = {:endpoint}`,
		`DELETE FROM _webhooksHealth WHERE endpoint = {:endpoint}`,
		`DELETE FROM _webhooksSecrets WHERE endpoint = {:endpoint}`,
	} {
		if _, err := app.NonconcurrentDB().NewQuery(sql).Bind(dbx.Params{"endpoint": endpoint}).Execute(); err != nil {
			return fmt.Errorf("webhooks: forget an endpoint: %w", err)
		}
	}
	return nil
}

// holdLease takes or prolongs the right to send, and tells whether this process has it.
func holdLease(ctx context.Context, app core.App, owner string, now, until time.Time) (bool, error) {
	result, err := app.NonconcurrentDB().NewQuery(`UPDATE _webhooksLease SET owner = {:owner}, until = {:until}
		WHERE owner = {:owner} OR until < {:now} OR until > {:far}`).WithContext(ctx).
		Bind(dbx.Params{
			"owner": owner, "now": now.UnixMilli(), "until": until.UnixMilli(), "far": now.Add(clock.LongestLease).UnixMilli(),
		}).Execute()
	if err != nil {
		return false, fmt.Errorf("webhooks: hold the lease: %w", err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

func releaseLease(app core.App, owner string) error {
	_, err := app.NonconcurrentDB().NewQuery(`UPDATE _webhooksLease SET until = 0 WHERE owner = {:owner}`).
		Bind(dbx.Params{"owner": owner}).Execute()
	return err
}

// forgetOnce is how many rows go in one transaction, so that others can write in between.
const forgetOnce = 500

// forgetFinished deletes what was finished before a time.
func forgetFinished(ctx context.Context, app core.App, before time.Time) error {
	for _, sql := range []string{
		`DELETE FROM _webhooksAttempts WHERE id IN (SELECT a.id FROM _webhooksAttempts a JOIN _webhooksDeliveries d ON d.id = a.delivery
			WHERE d.finished > 0 AND d.finished < {:before} LIMIT {:limit})`,
		`DELETE FROM _webhooksDeliveries WHERE id IN (SELECT id FROM _webhooksDeliveries d WHERE finished > 0 AND finished < {:before}
			AND NOT EXISTS (SELECT 1 FROM _webhooksAttempts a WHERE a.delivery = d.id) LIMIT {:limit})`,
		`DELETE FROM _webhooksInbox WHERE id IN (SELECT id FROM _webhooksInbox WHERE finished > 0 AND finished < {:before} LIMIT {:limit})`,
	} {
		for {
			result, err := app.NonconcurrentDB().NewQuery(sql).WithContext(ctx).
				Bind(dbx.Params{"before": before.UnixMilli(), "limit": forgetOnce}).Execute()
			if err != nil {
				return fmt.Errorf("webhooks: forget what is finished: %w", err)
			}
			if n, err := result.RowsAffected(); err != nil || n < forgetOnce {
				break
			}
		}
	}
	return nil
}
