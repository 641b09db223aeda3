package fastlane

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// limited tells whether a rate limit of the settings applies. PocketBase looks for
// it within the route.
func limited(e *core.RequestEvent, c *core.Collection, a action) bool {
	limits := &e.App.Settings().RateLimits
	if !limits.Enabled {
		return false
	}
	tag, audience := actionNames[a], []string{core.RateLimitRuleAudienceAll, core.RateLimitRuleAudienceGuest}
	if e.Auth != nil {
		audience[1] = core.RateLimitRuleAudienceAuth
	}
	path := e.Request.URL.Path
	_, found := limits.FindRateLimitRule([]string{c.Name + ":" + tag, "*:" + tag, e.Request.Method + " " + path, path}, audience...)
	return found
}

// charge has PocketBase count the request and refuse it if it is one too many: its
// counters are its own. It looks at the limit first, and then at the body, which is
// one here that it cannot read. An answer that PocketBase has written nevertheless is
// the right one.
func charge(e *core.RequestEvent) error {
	real := e.Request
	defer func() { e.Request = real }()
	probe := *real
	probe.ContentLength = 1
	probe.Header = maps.Clone(real.Header)
	if probe.Header == nil {
		probe.Header = http.Header{}
	}
	probe.Header["Content-Type"] = []string{"holdall/unreadable"}
	e.Request = &probe
	if err := e.Next(); err != error(router.ErrUnsupportedContentType) { //nolint:errorlint // this very one
		return err
	}
	return nil
}

// refusals are whom a rate limit has refused lately. They are left to PocketBase,
// which refuses them before it asks the database; the lane does so after that.
type refusals struct {
	mu    sync.Mutex
	until map[limitKey]time.Time
}

// limitKey is what PocketBase counts by, or less.
type limitKey struct{ collection, route, client string }

func (c *call) limitKey(e *core.RequestEvent) limitKey {
	return limitKey{c.plan.layout.collection.Id, e.Request.Pattern, e.RealIP()}
}

const (
	refusedFor  = 10 * time.Second
	mostRefused = 10_000
)

func (r *refusals) note(key limitKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.until == nil || len(r.until) >= mostRefused {
		r.until = map[limitKey]time.Time{}
	}
	r.until[key] = time.Now().Add(refusedFor)
}

func (r *refusals) lately(key limitKey) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, ok := r.until[key]
	if ok && time.Now().After(until) {
		delete(r.until, key)
		ok = false
	}
	return ok
}
