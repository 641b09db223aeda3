package changes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// Consumer handles changes one after the other, at least once, and keeps its
// position in the database, so that it goes on where it was after a crash.
type Consumer struct {
	// Name identifies the consumer and its position. It must not change.
	Name string

	// Collections limits the consumer to these, by name or id. Empty means all,
	// and includes [SchemaCollection].
	Collections []string

	// History makes the consumer read the full log: each change, with the row
	// before and after. Its collections are logged in full from the moment that
	// the consumer is first registered. Without it the consumer reads the compact
	// log: the fact that a record changed, once for several changes.
	History bool

	// FromStart begins a new consumer at the first change that there is. By
	// default it begins with what happens after its first start.
	FromStart bool

	// Handle handles one change. An error makes the consumer try again later and
	// keeps all later changes waiting, so that their order holds.
	Handle func(ctx context.Context, change Change) error

	// MaxAttempts is how often a change is tried before it is put among the dead
	// and the consumer goes on. -1 tries forever. Defaults to 12, which with the
	// default Backoff is about an hour.
	MaxAttempts int

	// Backoff is the pause after the given number of failed attempts. Defaults to
	// 1 s doubling up to 10 min, with up to a fifth more at random.
	Backoff func(attempts int) time.Duration
}

// ConsumerState says how a consumer is doing.
type ConsumerState struct {
	Name string `json:"name"`
	// Position is the last change that is done.
	Position int64 `json:"position"`
	// Behind is the number of changes in the log after it, of any collection.
	Behind int64 `json:"behind"`
	// Attempts is how often the next change has failed so far, and Error why.
	Attempts int    `json:"attempts"`
	Error    string `json:"error"`
	// Dead is the number of changes that were given up.
	Dead int64 `json:"dead"`
}

// DeadChange is a change that a consumer gave up.
type DeadChange struct {
	ID         int64     `db:"id" json:"id"`
	Consumer   string    `db:"consumer" json:"consumer"`
	Seq        int64     `db:"seq" json:"seq"`
	Collection string    `db:"collection" json:"collection"`
	Record     string    `db:"record" json:"record"`
	Error      string    `db:"error" json:"error"`
	At         time.Time `db:"-" json:"at"`
	AtMillis   int64     `db:"at" json:"-"`
}

const (
	batchSize   = 100
	leaseFor    = 30 * time.Second
	maxErrorLen = 1000
)

type consumer struct {
	Consumer
	log   *Log
	owner string
}

// Consume adds a consumer. Call it before the app is bootstrapped, or before
// [Log.Start].
func (l *Log) Consume(c Consumer) error {
	switch {
	case c.Name == "":
		return errors.New("changes: a consumer needs a Name")
	case c.Handle == nil:
		return fmt.Errorf("changes: consumer %q needs a Handle", c.Name)
	case slices.ContainsFunc(l.consumers, func(o *consumer) bool { return o.Name == c.Name }):
		return fmt.Errorf("changes: there are two consumers with the name %q", c.Name)
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 12
	}
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	l.consumers = append(l.consumers, &consumer{Consumer: c, log: l, owner: security.PseudorandomString(12)})
	if l.app.IsBootstrapped() && c.History {
		return l.installTriggers(l.app)
	}
	return nil
}

func backoff(attempts int) time.Duration {
	d := min(time.Second<<min(attempts-1, 20), 10*time.Minute)
	return d + rand.N(d/5) //nolint:gosec // spreads the retries, guards nothing
}

// keepsHistory tells whether any collection has a full log.
func (l *Log) keepsHistory() bool {
	return slices.ContainsFunc(l.consumers, func(c *consumer) bool { return c.History })
}

// wantsHistory tells whether a consumer reads the full log of the collection.
func (l *Log) wantsHistory(c *core.Collection) bool {
	return slices.ContainsFunc(l.consumers, func(o *consumer) bool {
		return o.History && (len(o.Collections) == 0 || slices.Contains(o.Collections, c.Name) || slices.Contains(o.Collections, c.Id))
	})
}

// run handles changes until ctx ends. Of several processes one holds the lease
// and works; the others look again when it expires.
func (c *consumer) run(ctx context.Context) {
	for ctx.Err() == nil {
		position, attempts, held, err := c.lease(ctx)
		if err != nil || !held {
			if err != nil && ctx.Err() == nil {
				c.log.app.Logger().Error("A consumer of the change log cannot get its lease.", slog.String("consumer", c.Name), slog.Any("error", err))
			}
			pause(ctx, leaseFor/3)
			continue
		}
		if err := c.work(ctx, position, attempts); err != nil && ctx.Err() == nil {
			c.log.app.Logger().Error("A consumer of the change log stopped and starts again.", slog.String("consumer", c.Name), slog.Any("error", err))
			pause(ctx, time.Second)
		}
	}
	c.release()
}

// work reads and handles pages, renewing the lease with each.
func (c *consumer) work(ctx context.Context, position int64, attempts int) error {
	for ctx.Err() == nil {
		page, err := c.read(ctx, position)
		if err != nil {
			return err
		}
		for _, change := range page.Changes {
			if !c.wants(change) {
				continue
			}
			if attempts, err = c.handle(ctx, change, attempts); err != nil {
				return err
			}
		}
		position = page.Next
		if held, err := c.save(ctx, position, 0, ""); err != nil || !held {
			return err
		}
		if page.UpToDate {
			wait, cancel := context.WithTimeout(ctx, leaseFor/3)
			_, err := c.log.Wait(wait, position)
			cancel()
			if err != nil && ctx.Err() != nil {
				return nil
			}
		}
	}
	return nil
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
		if _, err := c.save(ctx, change.Seq-1, attempts, text); err != nil {
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

// lease takes or renews the right to work and returns where to go on.
func (c *consumer) lease(ctx context.Context) (position int64, attempts int, held bool, err error) {
	err = c.log.app.RunInTransaction(func(tx core.App) error {
		start := int64(0)
		if !c.FromStart {
			if start, err = head(ctx, tx.DB()); err != nil {
				return err
			}
		}
		now := time.Now()
		_, err := tx.DB().NewQuery(`INSERT INTO _changesConsumers (name, position) VALUES ({:name}, {:start}) ON CONFLICT (name) DO NOTHING`).
			Bind(dbx.Params{"name": c.Name, "start": start}).Execute()
		if err != nil {
			return err
		}
		result, err := tx.DB().NewQuery(`UPDATE _changesConsumers SET owner = {:owner}, leaseUntil = {:until}
			WHERE name = {:name} AND (owner = {:owner} OR leaseUntil < {:now})`).
			Bind(dbx.Params{"name": c.Name, "owner": c.owner, "now": now.UnixMilli(), "until": now.Add(leaseFor).UnixMilli()}).Execute()
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		held = true
		return tx.DB().NewQuery(`SELECT position, attempts FROM _changesConsumers WHERE name = {:name}`).
			Bind(dbx.Params{"name": c.Name}).Row(&position, &attempts)
	})
	if err != nil {
		err = fmt.Errorf("changes: lease of consumer %s: %w", c.Name, err)
	}
	return position, attempts, held, err
}

// save stores the position and renews the lease. It reports false if another
// process has taken over.
func (c *consumer) save(ctx context.Context, position int64, attempts int, problem string) (bool, error) {
	result, err := c.log.app.NonconcurrentDB().NewQuery(`UPDATE _changesConsumers
		SET position = MAX(position, {:position}), attempts = {:attempts}, error = {:error}, leaseUntil = {:until}
		WHERE name = {:name} AND owner = {:owner}`).WithContext(ctx).
		Bind(dbx.Params{
			"name": c.Name, "owner": c.owner, "position": position, "attempts": attempts, "error": problem,
			"until": time.Now().Add(leaseFor + c.nextPause(attempts)).UnixMilli(),
		}).Execute()
	if err != nil {
		return false, fmt.Errorf("changes: save position of consumer %s: %w", c.Name, err)
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// nextPause is how long the consumer sleeps after a failure, for the lease to outlast it.
func (c *consumer) nextPause(attempts int) time.Duration {
	if attempts == 0 {
		return 0
	}
	return c.Backoff(attempts) * 2
}

// release gives the lease back, so that another process need not wait for it.
func (c *consumer) release() {
	_, err := c.log.app.NonconcurrentDB().NewQuery(`UPDATE _changesConsumers SET leaseUntil = 0 WHERE name = {:name} AND owner = {:owner}`).
		Bind(dbx.Params{"name": c.Name, "owner": c.owner}).Execute()
	if err != nil {
		c.log.app.Logger().Warn("A consumer of the change log could not give its lease back.", slog.String("consumer", c.Name), slog.Any("error", err))
	}
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
			WithContext(ctx).Bind(dbx.Params{"seq": change.Seq, "name": c.Name, "owner": c.owner}).Execute()
		return err
	})
	if err != nil {
		return fmt.Errorf("changes: bury a change of consumer %s: %w", c.Name, err)
	}
	return nil
}

// Consumers tells how the consumers are doing, also those that are no longer registered.
func (l *Log) Consumers(ctx context.Context) ([]ConsumerState, error) {
	rows := []struct {
		Name     string `db:"name"`
		Position int64  `db:"position"`
		Behind   int64  `db:"behind"`
		Attempts int    `db:"attempts"`
		Error    string `db:"error"`
		Dead     int64  `db:"dead"`
	}{}
	err := l.app.ConcurrentDB().NewQuery(`SELECT name, position, attempts, error,
			(SELECT COUNT(*) FROM _changes WHERE seq > position) AS behind,
			(SELECT COUNT(*) FROM _changesDead d WHERE d.consumer = name) AS dead
		FROM _changesConsumers ORDER BY name`).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("changes: list consumers: %w", err)
	}
	states := make([]ConsumerState, len(rows))
	for i, r := range rows {
		states[i] = ConsumerState(r)
	}
	return states, nil
}

// Dead lists the changes that a consumer gave up, oldest first.
func (l *Log) Dead(ctx context.Context, consumerName string, limit int) ([]DeadChange, error) {
	dead := []DeadChange{}
	err := l.app.ConcurrentDB().NewQuery(`SELECT * FROM _changesDead WHERE consumer = {:name} ORDER BY id LIMIT {:limit}`).
		WithContext(ctx).Bind(dbx.Params{"name": consumerName, "limit": limit}).All(&dead)
	if err != nil {
		return nil, fmt.Errorf("changes: list dead changes: %w", err)
	}
	for i := range dead {
		dead[i].At = time.UnixMilli(dead[i].AtMillis).UTC()
	}
	return dead, nil
}
