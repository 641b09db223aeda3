package webhooks

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	// maxHandled is how often a message is handled in vain before it is given up.
	maxHandled = 15
	// handleTimeout bounds one call of a handler, which keeps everybody else from writing.
	handleTimeout = 30 * time.Second
	// inboxInterval is how often messages are looked for that nobody announced.
	inboxInterval = 5 * time.Second
)

// inbound is a row of the inbox.
type inbound struct {
	ID       int64  `db:"id"`
	Path     string `db:"path"`
	Message  string `db:"message"`
	Query    string `db:"query"`
	Headers  string `db:"headers"`
	Body     []byte `db:"body"`
	Received int64  `db:"received"`
	State    string `db:"state"`
	Attempts int    `db:"attempts"`
	NextAt   int64  `db:"nextAt"`
	Finished int64  `db:"finished"`
	Error    string `db:"error"`
}

func (row inbound) message() Message {
	header := http.Header{}
	_ = json.Unmarshal([]byte(row.Headers), &header) // we have encoded it
	query, _ := url.ParseQuery(row.Query)            // as far as it can be
	return Message{
		ID: row.Message, Path: row.Path, Query: query, Header: header, Body: row.Body,
		Received: time.UnixMilli(row.Received).UTC(), Attempt: row.Attempts + 1,
	}
}

// workInbox handles messages one after the other: their handlers write, and only
// one can at a time. Two processes that take the same message find that out in the
// transaction.
func (p *Plugin) workInbox(ctx context.Context) {
	for ctx.Err() == nil {
		id, wait, err := p.nextMessage(ctx)
		if err == nil && id != 0 {
			// what went wrong is noted in the inbox
			if err = p.process(ctx, id); errors.Is(err, errNotHandled) {
				err = nil
			}
		}
		if err != nil && ctx.Err() == nil {
			p.app.Logger().Error("Received webhooks cannot be handled at the moment.", slog.Any("error", err))
			id, wait = 0, time.Second
		}
		if id != 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-p.wakeInbox:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// nextMessage returns a message that is due, or 0 and how long to wait.
func (p *Plugin) nextMessage(ctx context.Context) (id int64, wait time.Duration, err error) {
	var next struct {
		ID     int64 `db:"id"`
		NextAt int64 `db:"nextAt"`
	}
	err = p.app.ConcurrentDB().NewQuery(`SELECT id, nextAt FROM _webhooksInbox WHERE state = 'pending' ORDER BY nextAt, id LIMIT 1`).
		WithContext(ctx).One(&next)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, inboxInterval, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("webhooks: read the inbox: %w", err)
	}
	now := p.config.Clock.Now()
	if due := time.UnixMilli(next.NextAt); due.After(now) {
		return 0, min(inboxInterval, due.Sub(now)), nil
	}
	return next.ID, 0, nil
}

// errNotHandled is wrapped by the error of a handler.
var errNotHandled = errors.New("the message could not be handled")

// process handles a message that is pending, in one transaction with its mark.
func (p *Plugin) process(ctx context.Context, id int64) error {
	limited, cancel := context.WithTimeout(ctx, handleTimeout)
	defer cancel()
	var row inbound
	var failure error
	err := p.app.RunInTransaction(func(tx core.App) error {
		err := tx.DB().NewQuery(`SELECT * FROM _webhooksInbox WHERE id = {:id} AND state = 'pending'`).Bind(dbx.Params{"id": id}).One(&row)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // done, by another process or a job that ran twice
		}
		if err != nil {
			return err
		}
		if failure = p.handle(limited, tx, row); failure != nil {
			return failure
		}
		return p.markMessage(tx, row, stateDone, time.Time{}, "")
	})
	if failure == nil {
		if err != nil {
			return fmt.Errorf("webhooks: process a message: %w", err)
		}
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err() // the server stops, so this attempt does not count
	}
	failed, err := p.postpone(row, failure)
	if err != nil || !failed {
		err = errors.Join(fmt.Errorf("webhooks: %w: %w", errNotHandled, failure), err)
	}
	return err
}

// handle calls the handler and turns a panic into an error.
func (p *Plugin) handle(ctx context.Context, tx core.App, row inbound) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	r, values := p.receiverOf(row.Path)
	if r == nil {
		return errors.New("nobody receives at this path any more")
	}
	m := row.message()
	m.PathValues = values
	return r.handle(ctx, tx, m)
}

// postpone notes a failure, and when the message is handled again. It tells
// whether the message was given up, which ends its job, too.
func (p *Plugin) postpone(row inbound, failure error) (failed bool, err error) {
	state, next := statePending, p.config.Clock.Now().Add(p.config.Backoff(row.Attempts+1))
	if failed = row.Attempts+1 >= maxHandled || errors.As(failure, new(rejection)); failed {
		state = stateFailed
	}
	p.app.Logger().Warn("A received webhook could not be handled.", slog.String("path", row.Path), slog.String("message", row.Message),
		slog.String("state", state), slog.Any("error", failure))
	return failed, p.markMessage(p.app, row, state, next, cut(failure.Error(), maxLoggedError))
}

func (p *Plugin) markMessage(app core.App, row inbound, state string, next time.Time, problem string) error {
	finished := int64(0)
	if state != statePending {
		finished = p.config.Clock.Now().UnixMilli()
	}
	_, err := app.NonconcurrentDB().NewQuery(`UPDATE _webhooksInbox SET state = {:state}, attempts = {:attempts}, nextAt = {:next},
		finished = {:finished}, error = {:error} WHERE id = {:id} AND state = 'pending'`).
		Bind(dbx.Params{
			"id": row.ID, "state": state, "attempts": row.Attempts + 1, "next": next.UnixMilli(), "finished": finished, "error": problem,
		}).Execute()
	if err != nil {
		return fmt.Errorf("webhooks: mark a message: %w", err)
	}
	return nil
}

// Retry handles a message again that was given up.
func (p *Plugin) Retry(ctx context.Context, id int64) error {
	defer nudge(p.wakeInbox)
	return p.app.RunInTransaction(func(tx core.App) error {
		result, err := tx.DB().NewQuery(`UPDATE _webhooksInbox SET state = 'pending', attempts = 0, nextAt = {:now}, finished = 0
			WHERE id = {:id} AND state IN ('failed', 'pending')`).WithContext(ctx).
			Bind(dbx.Params{"id": id, "now": p.config.Clock.Now().UnixMilli()}).Execute()
		if err != nil {
			return fmt.Errorf("webhooks: retry a message: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fmt.Errorf("webhooks: retry message %d: %w", id, sql.ErrNoRows))
		}
		if p.config.Queue == nil {
			return nil
		}
		payload, err := json.Marshal(job{Message: id})
		if err != nil {
			return err
		}
		return p.config.Queue.Enqueue(tx, JobKind, payload)
	})
}
