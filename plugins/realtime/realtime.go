// Package realtime replaces the inside of PocketBase's realtime API: the same
// routes, wire protocol, broker and hooks, so that every PocketBase SDK works
// unchanged, on top of the change log.
//
//	log := changes.MustRegister(app, changes.Config{})
//	realtime.MustRegister(app, realtime.Config{Log: log})
//
// A save returns before anybody is told of it. One goroutine follows the log,
// finds the subscribers of each change in an index, decides once for each
// distinct rule and caller who may see it, serialises it once for each distinct
// result and puts it into the bounded queues of the connections. So the events of
// a client come in the order of the commits, whoever wrote: the API, raw SQL,
// another process.
//
// # Why the full log
//
// PocketBase promises an event for each save. The compact log tells the last of
// several changes of a record only, and not what a deleted one was. So a
// collection is logged in full from its first subscription until
// [Config.Retention] after its last, and not otherwise: its writes are the only
// ones that pay. The rows before and after also are what rules are evaluated
// on, so that nobody is sent a version that the rules forbid because the next
// one is allowed, and what a client is sent after it was away.
package realtime

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/bg"
	"github.com/holdall-go/holdall/plugins/changes"
)

// Config are the options of the plugin. Log is required.
type Config struct {
	// Log is the app's change log.
	Log *changes.Log

	// Retention is how long after the last subscription to a collection the
	// collection is still logged in full, which is how long a client may be away
	// and resume. The log's own HistoryRetention limits it too. Defaults to 7 days.
	Retention time.Duration

	// QueueLength is how many events may wait for a client that reads too slowly.
	// Then all but the last update of each record are dropped, and if that does
	// not help, the connection is closed. Defaults to 4096.
	QueueLength int

	// QueueBytes is the same limit in bytes of the events' data. An event that is
	// larger is still sent to a client for which nothing else waits. Defaults to
	// 1 MiB.
	QueueBytes int

	// Grace is how long a client that is closed for being slow has to read the
	// reason. Defaults to 10 s.
	Grace time.Duration

	// Enriched names the collections whose records OnRecordEnrich handlers change
	// depending on who asks. Records of others are serialised once for all who may
	// see the same fields, whereas these are serialised for each caller. nil means
	// all collections if there is any handler. An empty list means none.
	Enriched []string

	// PositionInterval is how often a client that asked for positions is told its
	// own although nothing happened for it. Defaults to 30 s.
	PositionInterval time.Duration
}

func (c Config) withDefaults() Config {
	if c.Retention == 0 {
		c.Retention = 7 * 24 * time.Hour
	}
	if c.QueueLength == 0 {
		c.QueueLength = 4096
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 1 << 20
	}
	if c.Grace == 0 {
		c.Grace = 10 * time.Second
	}
	if c.PositionInterval == 0 {
		c.PositionInterval = 30 * time.Second
	}
	return c
}

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	var errs []error
	if c.Log == nil {
		errs = append(errs, errors.New("realtime: Log is required"))
	}
	c = c.withDefaults()
	if c.Retention < time.Minute {
		errs = append(errs, fmt.Errorf("realtime: Retention must be at least 1m, got %v", c.Retention))
	}
	if c.QueueLength < 16 {
		errs = append(errs, fmt.Errorf("realtime: QueueLength must be at least 16, got %d", c.QueueLength))
	}
	if c.QueueBytes < 4096 {
		errs = append(errs, fmt.Errorf("realtime: QueueBytes must be at least 4096, got %d", c.QueueBytes))
	}
	if c.Grace < 0 {
		errs = append(errs, fmt.Errorf("realtime: Grace must not be negative, got %v", c.Grace))
	}
	if c.PositionInterval < 100*time.Millisecond {
		errs = append(errs, fmt.Errorf("realtime: PositionInterval must be at least 100ms, got %v", c.PositionInterval))
	}
	return errors.Join(errs...)
}

// Plugin is the realtime API of one app.
type Plugin struct {
	app     core.App
	config  Config
	log     *changes.Log
	hub     *hub
	replays chan struct{} // a slot for each replay that reads the log
	deletes deletions
	rules   compiled
	kept    keeper
	workers *bg.Group
	ablate  ablations
	stats   counters
	every   func(time.Duration) (ticks <-chan time.Time, stop func()) // a ticker

	patience patience // with filters
}

// ablations switch mechanisms off, for the tests that prove that they are needed.
type ablations struct {
	memory, sql, deletes, history, limits, signatures, before bool

	fail atomic.Pointer[func() error] // stands for a database that fails
}

// counters count the expensive work, for tests and for who wonders.
type counters struct {
	evaluations, queries, serialisations atomic.Int64
}

// MustRegister is [Register] for main functions: it panics on an error.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// registered is set in the store of an app that has the plugin.
const registered = "holdallRealtime"

// Register takes over the realtime API of app. It fails on an invalid config, and
// on an app that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("realtime: the app has the plugin already")
	}
	app.Store().Set(registered, true)
	p := &Plugin{app: app, config: config.withDefaults(), log: config.Log, replays: make(chan struct{}, maxReplays), every: tick}
	p.hub = newHub(p.config)
	p.hub.hooked = func() bool { return app.OnRealtimeMessageSend().Length() > 0 }
	p.hub.idOf = func(name string) string {
		collection, err := app.FindCachedCollectionByNameOrId(name)
		if err != nil || collection.IsView() {
			return ""
		}
		return collection.Id
	}
	p.workers = bg.New(app, "realtime", 10*time.Second)
	p.bindRequests()
	describe(app)
	p.bindSilence()
	p.bindSchema()
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallRealtimeStart",
		Func: func(e *core.ServeEvent) error {
			if err := p.begin(context.Background()); err != nil {
				return err
			}
			if err := e.Next(); err != nil {
				return err
			}
			p.workers.Go("fan out", p.follow)
			p.workers.Go("positions", p.announcePositions)
			p.workers.Go("history", p.keepUp)
			p.workers.Go("connections", p.seeOff)
			return nil
		},
	})
	return p, nil
}

func tick(d time.Duration) (ticks <-chan time.Time, stop func()) {
	ticker := time.NewTicker(d)
	return ticker.C, ticker.Stop
}

// bindRequests takes the connections over from PocketBase, whose handlers of the
// two routes stay: they check the request, trigger these hooks, and would go on
// with what the last handler here does instead.
func (p *Plugin) bindRequests() {
	p.app.OnRealtimeConnectRequest().Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{
		Id: "holdallRealtimeClient",
		Func: func(e *core.RealtimeConnectRequestEvent) error {
			own, err := p.newClient(e)
			if err != nil {
				return e.InternalServerError("", err)
			}
			e.Client = own
			p.hub.meet(own)
			defer p.hub.part(own)
			return e.Next()
		},
		Priority: -9999, // before anybody notes something on the client
	})
	p.app.OnRealtimeConnectRequest().Bind(&hook.Handler[*core.RealtimeConnectRequestEvent]{
		Id: "holdallRealtimeStream",
		Func: func(e *core.RealtimeConnectRequestEvent) error {
			if own := p.hub.own(e.Client); own != nil {
				return p.stream(e, own)
			}
			return e.Next() // a client of somebody's own making is served as ever
		},
		Priority: 9999,
	})
	p.app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id: "holdallRealtimeSubscribe",
		Func: func(e *core.RealtimeSubscribeRequestEvent) error {
			if own := p.hub.own(e.Client); own != nil {
				return p.subscribe(e, own)
			}
			return e.Next()
		},
		Priority: 9999,
	})
}
