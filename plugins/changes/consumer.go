package changes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
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

	// OnDemand makes a consumer with History work from [Log.Begin] to [Log.End], and
	// read what is logged in full anyway, by [Log.KeepHistory] or for others. While
	// it does not work, it costs nothing and holds nothing back.
	OnDemand bool

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

// Consume adds a consumer. Call it before the app is bootstrapped, or before
// [Log.Start].
func (l *Log) Consume(c Consumer) error {
	switch {
	case c.Name == "":
		return errors.New("changes: a consumer needs a Name")
	case c.Handle == nil:
		return fmt.Errorf("changes: consumer %q needs a Handle", c.Name)
	case c.OnDemand && !c.History:
		return fmt.Errorf("changes: consumer %q is OnDemand and needs History", c.Name)
	case slices.ContainsFunc(l.consumers, func(o *consumer) bool { return o.Name == c.Name }):
		return fmt.Errorf("changes: there are two consumers with the name %q", c.Name)
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = 12
	}
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	l.consumers = append(l.consumers, &consumer{Consumer: c, log: l, demand: make(chan struct{}, 1)})
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
	return len(l.config.History) > 0 || slices.ContainsFunc(l.consumers, func(c *consumer) bool {
		return c.History && (!c.OnDemand || c.begun.Load())
	})
}

// wantsHistory tells whether the collection is logged in full.
func (l *Log) wantsHistory(c *core.Collection) bool {
	if slices.Contains(l.config.History, c.Name) || slices.Contains(l.config.History, c.Id) {
		return true
	}
	return slices.ContainsFunc(l.consumers, func(o *consumer) bool {
		return o.History && !o.OnDemand && (len(o.Collections) == 0 || slices.Contains(o.Collections, c.Name) || slices.Contains(o.Collections, c.Id))
	})
}

// mayHaveHistory tells whether changes of the collection may be in the full log
// for a consumer. Which collections somebody keeps is in the database, and not
// worth a query for each write.
func (l *Log) mayHaveHistory(c *core.Collection) bool {
	return l.wantsHistory(c) || slices.ContainsFunc(l.consumers, func(o *consumer) bool { return o.OnDemand && o.begun.Load() })
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
			(SELECT COUNT(*) FROM _changes WHERE seq > position AND c >= 0) AS behind,
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
