package httpguard

import (
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// headerSet is what one kind of response gets. The values are made once and
// shared between responses: this runs for every request.
type headerSet []header

type header struct {
	name   string // in its canonical spelling
	values []string
}

func (s headerSet) with(name, value string) headerSet {
	return append(s[:len(s):len(s)], header{name, []string{value}})
}

// headerSets has a set for each kind of path.
type headerSets struct {
	pages, api, files, dashboard headerSet
	hsts                         []string
}

func newHeaderSets(c Config) headerSets {
	common := headerSet{}.
		with("X-Content-Type-Options", "nosniff").
		// the filters that this once turned on were themselves a way in
		with("X-Xss-Protection", "0").
		// other sites see where a link came from, but not which page; the
		// dashboard's map tiles are refused to those who say nothing
		with("Referrer-Policy", "strict-origin-when-cross-origin")

	sets := headerSets{
		api: common.
			with("X-Frame-Options", "DENY").
			with("Cross-Origin-Resource-Policy", "same-site"),
		files:     common.with("Cross-Origin-Resource-Policy", "cross-origin"),
		dashboard: common.with("X-Frame-Options", "SAMEORIGIN"),
		pages: common.
			with("X-Frame-Options", "DENY").
			with("Cross-Origin-Resource-Policy", "same-origin").
			// with its popups allowed, as the SDK signs in by OAuth2 in one
			with("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
	}
	if c.ContentSecurityPolicy != off {
		sets.pages = sets.pages.with("Content-Security-Policy", c.ContentSecurityPolicy)
	}
	if c.PermissionsPolicy != off {
		sets.pages = sets.pages.with("Permissions-Policy", c.PermissionsPolicy)
	}
	if c.HSTSMaxAge > 0 {
		sets.hsts = []string{"max-age=" + strconv.FormatInt(int64(c.HSTSMaxAge/time.Second), 10)}
	}
	return sets
}

func (s *headerSets) forPath(path string) headerSet {
	switch {
	case strings.HasPrefix(path, "/api/files/"):
		return s.files
	case strings.HasPrefix(path, "/api/") || path == "/api":
		return s.api
	case strings.HasPrefix(path, "/_/") || path == "/_":
		return s.dashboard
	default:
		return s.pages
	}
}

func (p *Plugin) setHeaders(e *core.RequestEvent) error {
	h := e.Response.Header()
	for _, header := range p.headers.forPath(e.Request.URL.Path) {
		h[header.name] = header.values
	}
	if p.headers.hsts != nil && overHTTPS(e) {
		h["Strict-Transport-Security"] = p.headers.hsts
	}
	return e.Next()
}

// overHTTPS reports whether the client came by HTTPS, to this server or to a
// proxy before it. Anybody can claim the latter; what they get is a header that
// browsers ignore when it comes by plain HTTP.
func overHTTPS(e *core.RequestEvent) bool {
	return e.IsTLS() ||
		len(e.App.Settings().TrustedProxy.Headers) > 0 && strings.EqualFold(e.Request.Header.Get("X-Forwarded-Proto"), "https")
}
