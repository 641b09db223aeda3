package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/holdall-go/holdall/plugins/changes"
)

// How long SQL may take to evaluate a condition. Filters are anybody's, and all
// events wait for each of them: those that are too slow again and again are not
// evaluated for a while, and when much time went to such filters, all have less.
// Rules are the app's own.
const (
	ruleLimit        = 10 * time.Second
	filterLimit      = 250 * time.Millisecond
	filterLimitShort = 25 * time.Millisecond

	slowWindow = 10 * time.Second
	slowBudget = time.Second // of the window, until the limit is the short one

	slowTimes = 3           // until a filter is not evaluated any more
	slowPause = time.Minute // for which it is not
)

// closedFilter is the data of the last event of a client whose filter was too slow.
const closedFilter = `{"code":"slow_filter","message":"The connection was closed because a filter of its subscriptions takes too long to evaluate."}`

// errTooSlow is returned for a filter that took too long, now or before.
var errTooSlow = errors.New("the condition took too long")

// patience is the time that went to slow filters lately.
type patience struct {
	mu    sync.Mutex
	since time.Time
	spent time.Duration
}

// limit is how long a filter may take.
func (b *patience) limit() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.since) > slowWindow {
		b.since, b.spent = time.Now(), 0
	}
	if b.spent > slowBudget {
		return filterLimitShort
	}
	return filterLimit
}

func (b *patience) spend(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spent += d
}

// slowness is what is known of a condition that took too long.
type slowness struct {
	mu    sync.Mutex
	times int
	until time.Time
}

// muted tells whether the condition is not evaluated for now.
func (s *slowness) muted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Before(s.until)
}

func (s *slowness) add() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times++; s.times >= slowTimes {
		s.times, s.until = 0, time.Now().Add(slowPause)
	}
}

// timed runs a query about a condition for no longer than the condition may take.
func (p *Plugin) timed(ctx context.Context, c *condition, query func(ctx context.Context) error) error {
	limit := ruleLimit
	if !c.trusted && !p.ablate.limits {
		if c.slow.muted() {
			return errTooSlow
		}
		limit = p.patience.limit()
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	start := time.Now()
	err := query(limited)
	if err == nil || limited.Err() == nil || ctx.Err() != nil {
		return err
	}
	if !c.trusted {
		c.slow.add()
		p.patience.spend(time.Since(start))
	}
	return errors.Join(errTooSlow, err)
}

// isTransient tells whether a condition may well be evaluated the next time: the
// database is to blame and not the condition.
func isTransient(err error) bool {
	if errors.Is(err, errCompile) || errors.Is(err, errTooSlow) {
		return false
	}
	var refused *sqlite.Error
	return !errors.As(err, &refused) || refused.Code()&0xff != sqlitelib.SQLITE_ERROR
}

// errCompile marks what is wrong with a condition itself.
var errCompile = errors.New("compile")

const (
	attempts   = 3
	retryAfter = 30 * time.Millisecond
)

// retried runs fn again while what fails may succeed the next time.
func retried(ctx context.Context, fn func() error) error {
	for i := 1; ; i++ {
		err := fn()
		if err == nil || i == attempts || !isTransient(err) || pause(ctx, retryAfter) != nil {
			return err
		}
	}
}

// trouble are the callers for whom a gate could not be asked.
type trouble struct {
	callers map[*caller]bool
	ours    bool // it was not for a slow filter of theirs
}

// unanswered notes that a condition could not be evaluated for callers. Those of
// a condition that never can be are as good as answered.
func (p *Plugin) unanswered(g *gate, c *condition, src source, callers []*caller, err error) {
	level := slog.LevelDebug
	if isTransient(err) || errors.Is(err, errTooSlow) {
		level = slog.LevelWarn
		if src.trouble.callers == nil {
			src.trouble.callers = map[*caller]bool{}
		}
		for _, who := range callers {
			src.trouble.callers[who] = true
		}
		src.trouble.ours = src.trouble.ours || c.trusted || !errors.Is(err, errTooSlow)
	}
	p.app.Logger().Log(context.Background(), level, "A rule or filter of a realtime subscription could not be evaluated.",
		slog.String("collection", g.collection.Name), slog.String("condition", c.text), slog.Any("error", err))
}

// troubleOf returns where to note whom a gate could not be asked for.
func (ev *event) troubleOf(g *gate) *trouble {
	t := ev.troubles[g]
	if t == nil {
		if ev.troubles == nil {
			ev.troubles = map[*gate]*trouble{}
		}
		t = &trouble{}
		ev.troubles[g] = t
	}
	return t
}

// answerTrouble tells those whom a gate could not be asked for that they may have
// missed something, if they can be told, and closes the connections whose filter
// has been too slow too often.
func (p *Plugin) answerTrouble(ev *event, a audience, g *gate, actions map[*caller]string, out *outbox) {
	trouble := ev.troubleOf(g)
	if len(trouble.callers) == 0 {
		return
	}
	for who := range trouble.callers {
		delete(actions, who)
	}
	closes := g.filter != nil && g.filter.slow.muted()
	for _, l := range a.listeners {
		switch {
		case !trouble.callers[l.caller]:
		case closes:
			l.client.closeFor(closedFilter)
		case trouble.ours:
			out.lose(ev.change, a, l)
		default:
			out.reset(ev.change, a, l)
		}
	}
}

// reset collects the event that tells a client to load anew what it listens to.
// Clients that do not ask for positions know no such event.
func (o *outbox) reset(change changes.Change, a audience, to listener) {
	if to.client.positions {
		o.add(a, to, message{name: a.spec.raw, data: resetData, position: change.Seq, spec: a.spec, record: change.Record})
	}
}

// closedLost is the data of the last event of a client that missed one and knows no
// other way to be told.
const closedLost = `{"code":"lost_events","message":"The connection was closed because of an error that cost it an event."}`

// lose tells a client that it missed an event that the server could not make: to
// load anew, or by the end of the connection, after which every SDK connects again
// and an app loads what it shows.
func (o *outbox) lose(change changes.Change, a audience, to listener) {
	if to.client.positions {
		o.reset(change, a, to)
	} else {
		to.client.closeFor(closedLost)
	}
}

// closeFor is close, unless the connection is being closed for another reason.
func (c *client) closeFor(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing == "" && !c.ended {
		c.close(reason)
	}
}

// lost logs that nobody can be told of a change, and tells that with tell.
func (p *Plugin) lost(change changes.Change, audiences []audience, err error, tell func(*outbox, changes.Change, audience, listener)) {
	p.app.Logger().Error("A realtime event was lost.", slog.String("collection", change.Collection),
		slog.String("record", change.Record), slog.Any("error", err))
	var out outbox
	for _, a := range audiences {
		for _, l := range a.listeners {
			tell(&out, change, a, l)
		}
	}
	out.send(change.Seq)
}

// tryPayload is payload, where a hook that panics fails for one caller only.
func (p *Plugin) tryPayload(ctx context.Context, ev *event, action string, who *caller, s *spec) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
		if err != nil {
			p.app.Logger().Error("A realtime event could not be serialised for somebody.", slog.String("collection", ev.collection.Name),
				slog.String("record", ev.change.Record), slog.String("subscription", s.raw), slog.Any("error", err))
		}
	}()
	return p.payload(ctx, ev, action, who, s)
}
