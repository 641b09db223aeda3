package idempotency

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// The patterns of PocketBase's routes that write, or show, records.
const (
	batchPattern  = "POST /api/batch"
	viewPattern   = "GET /api/collections/{collection}/records/{id}"
	createPattern = "POST /api/collections/{collection}/records"
	updatePattern = "PATCH /api/collections/{collection}/records/{id}"
	deletePattern = "DELETE /api/collections/{collection}/records/{id}"
)

// route is what the plugin does on a route of PocketBase's own.
type route struct {
	keyed  bool // a key counts
	tagged bool // the answer is one record and gets an ETag
	match  bool // an If-Match is checked
}

var routes = map[string]route{
	batchPattern:  {keyed: true},
	viewPattern:   {tagged: true},
	createPattern: {keyed: true, tagged: true},
	updatePattern: {keyed: true, tagged: true, match: true},
	deletePattern: {keyed: true, match: true},
}

// pocketBase are the paths of which all other routes are PocketBase's: sign-in,
// whose answers hold tokens, and the administration of collections, settings,
// files and backups, which is no matter of one transaction.
var pocketBase = []string{
	"/_/", "/api/backups", "/api/collections", "/api/crons", "/api/files", "/api/health",
	"/api/logs", "/api/oauth2-redirect", "/api/realtime", "/api/settings", "/api/sql",
}

// routeOf tells what to do on the route of the request.
func routeOf(r *http.Request) route { return routeOfPattern(r.Method, r.Pattern) }

func routeOfPattern(method, pattern string) route {
	if known, ok := routes[pattern]; ok {
		return known
	}
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return route{}
	}
	_, path, _ := strings.Cut(pattern, " ")
	for _, own := range pocketBase {
		if path == own || strings.HasPrefix(path, strings.TrimSuffix(own, "/")+"/") {
			return route{}
		}
	}
	return route{keyed: true}
}

// skips reports whether keys have no effect on the request, by its path or by
// that of its route.
func (p *Plugin) skips(r *http.Request) bool {
	if len(p.config.Skip) == 0 {
		return false
	}
	_, registered, _ := strings.Cut(r.Pattern, " ")
	return p.skipsPath(r.URL.Path) || p.skipsPath(registered)
}

func (p *Plugin) skipsPath(path string) bool {
	return slices.ContainsFunc(p.config.Skip, func(skipped string) bool {
		return path == skipped || strings.HasSuffix(skipped, "/") && strings.HasPrefix(path, skipped)
	})
}

// handle is the middleware.
func (p *Plugin) handle(e *core.RequestEvent) error {
	r := routeOf(e.Request)
	if r.keyed && len(e.Request.Header[keyHeader]) > 0 && !p.skips(e.Request) {
		return p.once(e, r)
	}
	next := e.Next
	if r.match && len(e.Request.Header["If-Match"]) > 0 {
		next = func() error { return p.conditional(e) }
	}
	if r.tagged {
		return answerTagged(e, next)
	}
	return next()
}

// conditional runs the rest of the request in one transaction, so that what its
// If-Match is compared with is what it changes.
func (p *Plugin) conditional(e *core.RequestEvent) error {
	return p.refuseTooLong(e, p.inTransaction(e, func(tx core.App) error {
		e.App = tx
		return e.Next()
	}))
}
