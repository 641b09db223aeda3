package changes

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Begin lets a consumer work that is OnDemand, from the commit of the transaction
// tx: what is committed later is handed to it, and nothing from before. It changes
// nothing if the consumer works already. Other processes notice within a third of
// [Config.Lease].
func (l *Log) Begin(tx core.App, consumerName string) error {
	c, err := l.onDemand(consumerName)
	if err != nil {
		return err
	}
	if err := claim(tx); err != nil {
		return err
	}
	end, err := head(context.Background(), tx.DB())
	if err != nil {
		return fmt.Errorf("changes: begin consumer %s: %w", c.Name, err)
	}
	if err := insertConsumer(tx, c.Name, end, time.Now()); err != nil {
		return fmt.Errorf("changes: begin consumer %s: %w", c.Name, err)
	}
	afterCommit(tx, func() {
		c.begun.Store(true)
		select {
		case c.demand <- struct{}{}:
		default:
		}
	})
	return nil
}

// End is the opposite of [Log.Begin]: the consumer forgets its position.
func (l *Log) End(tx core.App, consumerName string) error {
	c, err := l.onDemand(consumerName)
	if err != nil {
		return err
	}
	_, err = tx.DB().NewQuery(`DELETE FROM _changesConsumers WHERE name = {:name}`).Bind(dbx.Params{"name": c.Name}).Execute()
	if err != nil {
		return fmt.Errorf("changes: end consumer %s: %w", c.Name, err)
	}
	afterCommit(tx, func() {
		c.begun.Store(false)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.lost != nil {
			c.lost()
		}
	})
	return nil
}

func (l *Log) onDemand(name string) (*consumer, error) {
	for _, c := range l.consumers {
		if c.Name == name && c.OnDemand {
			return c, nil
		}
	}
	return nil, fmt.Errorf("changes: there is no consumer %q that is OnDemand", name)
}

// afterCommit runs do once tx is committed, at once if it is no transaction.
func afterCommit(tx core.App, do func()) {
	info := tx.TxInfo()
	if info == nil {
		do()
		return
	}
	info.OnComplete(func(err error) error {
		if err == nil {
			do()
		}
		return nil
	})
}

// awaitDemand tells whether the consumer is to work. If not, it first waits until
// that may have changed.
func (c *consumer) awaitDemand(ctx context.Context) bool {
	var begun bool
	err := c.log.app.ConcurrentDB().NewQuery(`SELECT EXISTS (SELECT 1 FROM _changesConsumers WHERE name = {:name})`).
		WithContext(ctx).Bind(dbx.Params{"name": c.Name}).Row(&begun)
	if err != nil && ctx.Err() == nil {
		c.log.app.Logger().Error("A consumer of the change log cannot find out whether it is wanted.",
			slog.String("consumer", c.Name), slog.Any("error", err))
	}
	if c.begun.Store(begun); begun {
		return true
	}
	timer := time.NewTimer(c.log.config.Lease / 3)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.demand:
	case <-timer.C:
	}
	return false
}
