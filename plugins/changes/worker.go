package changes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock"
)

const (
	batchSize   = 100
	saveEvery   = 500 * time.Millisecond
	maxErrorLen = 1000
)

type consumer struct {
	Consumer
	log *Log

	begun  atomic.Bool   // of one that is OnDemand, as far as this process knows
	demand chan struct{} // tells that it may have begun

	mu   sync.Mutex
	lost context.CancelFunc // ends the work; nil without a lease

	position int64 // after the last change that is done
	saved    int64 // in the database
	savedAt  time.Time
}

// run handles changes until ctx ends. Of several processes one holds the lease
// and works; the others look again when it expires.
func (c *consumer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if c.OnDemand && !c.awaitDemand(ctx) {
			continue
		}
		attempts, held, err := c.lease(ctx)
		if err != nil || !held {
			if err != nil && ctx.Err() == nil {
				c.log.app.Logger().Error("A consumer of the change log cannot get its lease.", slog.String("consumer", c.Name), slog.Any("error", err))
			}
			pause(ctx, c.log.config.Lease/10)
			continue
		}
		err = c.work(ctx, attempts)
		if err != nil && !errors.Is(err, context.Canceled) {
			c.log.app.Logger().Error("A consumer of the change log stopped and starts again.", slog.String("consumer", c.Name), slog.Any("error", err))
			pause(ctx, time.Second)
		}
	}
	c.release(context.WithoutCancel(ctx))
}

// work reads and handles pages as long as it holds the lease.
func (c *consumer) work(ctx context.Context, attempts int) error {
	ctx, lost := context.WithCancel(ctx)
	defer lost()
	c.setLost(lost)
	defer c.setLost(nil)

	for ctx.Err() == nil {
		page, err := c.read(ctx, c.position)
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			if c.wants(change) {
				if attempts, err = c.handle(ctx, change, attempts); err != nil {
					return err
				}
			}
			c.position = change.Seq
			if err := c.saveIfDue(ctx); err != nil {
				return err
			}
		}
		c.position = page.Next
		if page.UpToDate {
			if err := c.rest(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// rest waits for more changes. If none come for a while it saves the position.
func (c *consumer) rest(ctx context.Context) error {
	if c.position != c.saved {
		due, cancel := context.WithDeadline(ctx, c.savedAt.Add(saveEvery))
		_, err := c.log.Wait(due, c.position)
		cancel()
		if err == nil {
			return nil
		}
		if err := c.save(ctx, c.position, 0, ""); err != nil {
			return err
		}
	}
	_, err := c.log.Wait(ctx, c.position)
	return err
}

// saveIfDue saves the position now and then: each save is a write, and who goes
// on from a position that is a little old does nothing that is not allowed.
func (c *consumer) saveIfDue(ctx context.Context) error {
	if time.Since(c.savedAt) < saveEvery {
		return nil
	}
	return c.save(ctx, c.position, 0, "")
}

// handle tries one change until it is done or dead.
func (c *consumer) handle(ctx context.Context, change Change, attempts int) (int, error) {
	for {
		err := c.try(ctx, change)
		if err == nil {
			return 0, nil
		}
		if ctx.Err() != nil {
			return attempts, ctx.Err()
		}
		attempts++
		text := err.Error()
		if len(text) > maxErrorLen {
			text = text[:maxErrorLen]
		}
		if c.MaxAttempts > 0 && attempts >= c.MaxAttempts {
			c.log.app.Logger().Error("A consumer of the change log gave up a change.", slog.String("consumer", c.Name),
				slog.String("collection", change.Collection), slog.String("record", change.Record),
				slog.Int64("seq", change.Seq), slog.Any("error", err))
			return 0, c.bury(ctx, change, text)
		}
		if err := c.save(ctx, change.Seq-1, attempts, text); err != nil {
			return attempts, err
		}
		pause(ctx, c.Backoff(attempts))
	}
}

// try calls Handle and turns a panic into an error.
func (c *consumer) try(ctx context.Context, change Change) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return c.Handle(ctx, change)
}

func (c *consumer) read(ctx context.Context, position int64) (Page, error) {
	if c.History {
		return c.log.History(ctx, position, batchSize)
	}
	return c.log.Read(ctx, position, batchSize)
}

// wants tells whether the change is of one of the consumer's collections.
func (c *consumer) wants(change Change) bool {
	if len(c.Collections) == 0 || slices.Contains(c.Collections, change.Collection) {
		return true
	}
	if change.Collection == SchemaCollection {
		return false
	}
	collection, err := c.log.app.FindCachedCollectionByNameOrId(change.Collection)
	if err != nil {
		return false // dropped since
	}
	return slices.Contains(c.Collections, collection.Name)
}

// lease takes or renews the right to work and finds out where to go on.
func (c *consumer) lease(ctx context.Context) (attempts int, held bool, err error) {
	err = write(c.log.app, func(tx core.App) error {
		start := int64(0)
		if !c.FromStart {
			if start, err = head(ctx, tx.DB()); err != nil {
				return err
			}
		}
		now := time.Now()
		if !c.OnDemand { // else it has been begun, or ended since
			if err := insertConsumer(tx, c.Name, start, now); err != nil {
				return err
			}
		}
		result, err := tx.DB().NewQuery(`UPDATE _changesConsumers SET owner = {:owner}, leaseUntil = {:until}
			WHERE name = {:name} AND (owner IN ('', {:owner}) OR leaseUntil < {:now} OR leaseUntil > {:far})`).
			Bind(dbx.Params{"name": c.Name, "owner": c.log.owner, "now": now.UnixMilli(), "until": now.Add(c.log.config.Lease).UnixMilli(), "far": now.Add(clock.LongestLease).UnixMilli()}).Execute()
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		held = true
		return tx.DB().NewQuery(`SELECT position, attempts FROM _changesConsumers WHERE name = {:name}`).
			Bind(dbx.Params{"name": c.Name}).Row(&c.position, &attempts)
	})
	if err != nil {
		return 0, false, fmt.Errorf("changes: lease of consumer %s: %w", c.Name, err)
	}
	c.saved, c.savedAt = c.position, time.Time{}
	return attempts, held, nil
}

// insertConsumer notes where a new consumer starts. From then on it holds back
// what is deleted of the log.
func insertConsumer(tx core.App, name string, start int64, now time.Time) error {
	_, err := tx.DB().NewQuery(`INSERT INTO _changesConsumers (name, position, leaseUntil) VALUES ({:name}, {:start}, {:now})
		ON CONFLICT (name) DO NOTHING`).Bind(dbx.Params{"name": name, "start": start, "now": now.UnixMilli()}).Execute()
	return err
}

// errLeaseLost is returned when another process has taken over.
var errLeaseLost = fmt.Errorf("another process has taken over: %w", context.Canceled)

// setLost notes how to end the work when the lease is lost.
func (c *consumer) setLost(lost context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = lost
}

// works tells whether the consumer has its lease.
func (c *consumer) works() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost != nil
}

// keepLeases renews the leases of this process beside the work, however long one
// change takes.
func (l *Log) keepLeases(ctx context.Context) {
	ticker := time.NewTicker(l.config.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := l.renewLeases(ctx); err != nil && ctx.Err() == nil {
			l.app.Logger().Warn("The change log could not renew the leases of its consumers.", slog.Any("error", err))
		}
	}
}

// renewLeases prolongs the leases that this process has, and ends the work of
// the consumers whose lease another process has.
func (l *Log) renewLeases(ctx context.Context) error {
	if !slices.ContainsFunc(l.consumers, (*consumer).works) {
		return nil
	}
	var held []string
	err := l.app.NonconcurrentDB().NewQuery(`UPDATE _changesConsumers SET leaseUntil = {:until}
		WHERE owner = {:owner} RETURNING name`).WithContext(ctx).
		Bind(dbx.Params{"owner": l.owner, "until": time.Now().Add(l.config.Lease).UnixMilli()}).Column(&held)
	if err != nil {
		return err
	}
	for _, c := range l.consumers {
		c.mu.Lock()
		if c.lost != nil && !slices.Contains(held, c.Name) {
			c.lost()
		}
		c.mu.Unlock()
	}
	return nil
}

// save stores a position, and what is wrong with the change after it.
func (c *consumer) save(ctx context.Context, position int64, attempts int, problem string) error {
	err := c.update(ctx, "position = MAX(position, {:position}), attempts = {:attempts}, error = {:error}",
		dbx.Params{"position": position, "attempts": attempts, "error": problem})
	if err != nil {
		return err
	}
	c.saved, c.savedAt = position, time.Now()
	return nil
}

// release stores where the consumer is and gives the lease back, so that another
// process need not wait for it.
func (c *consumer) release(ctx context.Context) {
	err := c.update(ctx, "position = MAX(position, {:position}), owner = ''", dbx.Params{"position": c.position})
	if err != nil && !errors.Is(err, errLeaseLost) {
		c.log.app.Logger().Warn("A consumer of the change log could not give its lease back.", slog.String("consumer", c.Name), slog.Any("error", err))
	}
}

// update changes the consumer's row while it holds the lease.
func (c *consumer) update(ctx context.Context, set string, params dbx.Params) error {
	params["name"], params["owner"] = c.Name, c.log.owner
	result, err := c.log.app.NonconcurrentDB().NewQuery("UPDATE _changesConsumers SET " + set + " WHERE name = {:name} AND owner = {:owner}").
		WithContext(ctx).Bind(params).Execute()
	if err != nil {
		return fmt.Errorf("changes: update consumer %s: %w", c.Name, err)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return errLeaseLost
	}
	return err
}

// bury puts a change among the dead and moves on.
func (c *consumer) bury(ctx context.Context, change Change, problem string) error {
	err := c.log.app.RunInTransaction(func(tx core.App) error {
		_, err := tx.DB().NewQuery(`INSERT INTO _changesDead (consumer, seq, collection, record, error, at)
			VALUES ({:consumer}, {:seq}, {:collection}, {:record}, {:error}, {:at})`).WithContext(ctx).
			Bind(dbx.Params{
				"consumer": c.Name, "seq": change.Seq, "collection": change.Collection, "record": change.Record,
				"error": problem, "at": time.Now().UnixMilli(),
			}).Execute()
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`UPDATE _changesConsumers SET position = {:seq}, attempts = 0, error = '' WHERE name = {:name} AND owner = {:owner}`).
			WithContext(ctx).Bind(dbx.Params{"seq": change.Seq, "name": c.Name, "owner": c.log.owner}).Execute()
		return err
	})
	if err != nil {
		return fmt.Errorf("changes: bury a change of consumer %s: %w", c.Name, err)
	}
	return nil
}
