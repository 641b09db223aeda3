// Package fastlane answers views and lists of records, and writes them, in a fraction
// of PocketBase's time, byte for byte as PocketBase does.
//
//	fastlane.MustRegister(app, fastlane.Config{})
//
// It keeps the queries that PocketBase makes of a collection's rules and of the
// shape of a request, runs them with other values, and writes the rows as JSON
// without making records of them. What it does not fully understand it leaves to
// PocketBase: a request that some hook handler would see, that a rate limit applies
// to, whose rule speaks of the request's headers. Middlewares run as ever, as the
// lane is behind all of them; where there are none but PocketBase's own it is in front
// of the router and does what they do ([Plugin.Placement]). [Plugin.Explain] tells what
// becomes of a request, and why.
package fastlane

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
)

// Config has a useful zero value.
type Config struct {
	// ViewHandlers is how many handlers of OnRecordViewRequest are bound that leave
	// requests without a query, and their answers, as they are. With one more or
	// less all views are left to PocketBase. Defaults to 0.
	ViewHandlers int

	// ListHandlers is how many handlers of OnRecordsListRequest are bound that leave
	// all lists as they are. Defaults to 0.
	ListHandlers int

	// WriteHandlers is how many handlers are bound that leave all writes of records of
	// base collections, and their answers, as they are, by the name of the hook, such as
	// "OnRecordCreateRequest". With one more or less such writes are left to
	// PocketBase. PocketBase's own do not count. Defaults to none.
	WriteHandlers map[string]int

	// RealtimeFromChanges says that clients hear of changes by what reads the tables or
	// a log of them, such as package changes, and not by PocketBase's own hooks. As long
	// as it is not set, writes are left to PocketBase while a client is connected.
	RealtimeFromChanges bool

	// Behind keeps the lane behind all middlewares, in a server in which it could be
	// in front of the router. Defaults to false.
	Behind bool

	// QueryTimeout is after how long a query is given up and the request left to
	// PocketBase, which has a timeout of its own. Defaults to 5s.
	QueryTimeout time.Duration

	// Plans is how many shapes of requests are kept. Defaults to 1000.
	Plans int

	// Callers is how many valid tokens are kept. Defaults to 2000.
	Callers int

	// CacheBytes is how many bytes of answers are kept, 0 for none. A view or a list that
	// is asked for again is given from memory as long as nobody, in whatever process, has
	// committed anything to the database. Defaults to 0.
	CacheBytes int64

	// ETags gives views and lists an ETag, and those who have the answer 304. Defaults
	// to false.
	ETags bool

	// RootCmd, if set, gains the command "fastlane".
	RootCmd *cobra.Command
}

// Validate reports everything that is wrong with the config.
func (c Config) Validate() error {
	var problems []error
	if c.ViewHandlers < 0 {
		problems = append(problems, fmt.Errorf("fastlane: ViewHandlers must be 0 or more, got %d", c.ViewHandlers))
	}
	if c.ListHandlers < 0 {
		problems = append(problems, fmt.Errorf("fastlane: ListHandlers must be 0 or more, got %d", c.ListHandlers))
	}
	for name, n := range c.WriteHandlers {
		if n < 0 || !slices.ContainsFunc(writeHooks, func(h writeHook) bool { return h.name == name }) {
			problems = append(problems, fmt.Errorf("fastlane: WriteHandlers has %d for %q, want 0 or more for a hook of writes", n, name))
		}
	}
	if c.QueryTimeout < 0 {
		problems = append(problems, fmt.Errorf("fastlane: QueryTimeout must be 0 or more, got %s", c.QueryTimeout))
	}
	if c.Plans < 0 {
		problems = append(problems, fmt.Errorf("fastlane: Plans must be 0 or more, got %d", c.Plans))
	}
	if c.Callers < 0 {
		problems = append(problems, fmt.Errorf("fastlane: Callers must be 0 or more, got %d", c.Callers))
	}
	if c.CacheBytes < 0 {
		problems = append(problems, fmt.Errorf("fastlane: CacheBytes must be 0 or more, got %d", c.CacheBytes))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.QueryTimeout == 0 {
		c.QueryTimeout = 5 * time.Second
	}
	if c.Plans == 0 {
		c.Plans = 1000
	}
	if c.Callers == 0 {
		c.Callers = 2000
	}
	return c
}

// Plugin is a registered fast lane.
type Plugin struct {
	config  Config
	app     core.App
	started time.Time
	counts  counts
	schema  atomic.Pointer[schema]
	callers callers
	related relatives
	refused refusals
	cache   *cache // nil for none
	log     *requestLog
	placed  atomic.Pointer[placement]

	views    *hook.TaggedHook[*core.RecordRequestEvent]
	lists    *hook.TaggedHook[*core.RecordsListRequestEvent]
	enriches *hook.TaggedHook[*core.RecordEnrichEvent]
	expected [actions][]expectation
	writer   committer

	refreshes *hook.TaggedHook[*core.RecordAuthRefreshRequestEvent]
	signIns   *hook.TaggedHook[*core.RecordAuthRequestEvent]

	downloads *hook.TaggedHook[*core.FileDownloadRequestEvent]
	storage   storage

	// What tests replace, to see that they notice.
	appendValue appender
	bypass      func(*http.Request) bool
	ablation    ablation
}

// ablation breaks the lane on purpose.
type ablation struct {
	stalePlans, skipHooks, skipRules bool
	// Kept answers are given though what is named was another.
	anyState, anyCaller, anyPlan, anyTime bool
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// registered marks an app that has the plugin.
const registered = "holdallFastlane"

// Register adds the lane to app. It fails on an invalid config, and on an app that
// has one already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("fastlane: the app has it already")
	}
	expected, err := expect(app, config.WriteHandlers)
	if err != nil {
		return nil, err
	}
	app.Store().Set(registered, true)

	p := &Plugin{
		expected: expected, log: newRequestLog(app),
		config: config.withDefaults(), app: app, started: time.Now(), appendValue: appendValue,
		views: app.OnRecordViewRequest(), lists: app.OnRecordsListRequest(), enriches: app.OnRecordEnrich(),
		refreshes: app.OnRecordAuthRefreshRequest(), signIns: app.OnRecordAuthRequest(),
		downloads: app.OnFileDownloadRequest(),
	}
	p.callers.limit = p.config.Callers
	p.cache, p.related.limit = newCache(p.config.CacheBytes), mostOfRelatives
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallFastlanePage",
		Func: func(e *core.ServeEvent) error {
			p.bindReport(e)
			return e.Next()
		},
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id:       "holdallFastlaneServe",
		Func:     p.place,
		Priority: math.MaxInt, // after all who bind middlewares
	})
	app.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "holdallFastlaneLog",
		Func: func(e *core.TerminateEvent) error {
			p.log.flush()
			return e.Next()
		},
		Priority: -999, // as PocketBase's own log
	})
	if p.config.RootCmd != nil {
		p.config.RootCmd.AddCommand(p.command())
	}
	return p, nil
}
