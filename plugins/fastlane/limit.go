package fastlane

import (
	"maps"
	"net/http"

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
	tag, audience := "view", []string{core.RateLimitRuleAudienceAll, core.RateLimitRuleAudienceGuest}
	if a == list {
		tag = "list"
	}
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
