package fastlane

import (
	"net/http"
	"net/url"
	"path"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Mistakes of the front placement that comparing has to notice.
const (
	NoHeaders   = "the headers of all answers are forgotten"
	NoOrigins   = "CORS is not asked"
	NoVary      = "CORS does not vary"
	AllHosts    = "hosts that are redirected are answered"
	AnyPath     = "other ways of writing a path are answered"
	NoAccount   = "rows of the log lack the account"
	NoProxy     = "rows of the log have the proxy's address"
	WrongStatus = "rows of the log have no status"
)

// FrontMistakes are all of them.
var FrontMistakes = []string{NoHeaders, NoOrigins, NoVary, AllHosts, AnyPath, NoAccount, NoProxy, WrongStatus}

// BreakFront makes one of the mistakes, until it is mended.
func (p *Plugin) BreakFront(mistake string) (mend func()) {
	f := p.placed.Load().front.Load()
	good, read := *f, p.log.read
	mend = func() { *f, p.log.read = good, read }
	asIf := func(change func(*http.Request)) {
		f.target = func(r *http.Request) (action, string, string, bool) {
			other := *r
			change(&other)
			return targetOf(&other)
		}
	}
	row := func(change func(*entry)) {
		p.log.read = func(e *core.RequestEvent, started time.Time) entry {
			made := newEntry(e, started)
			change(&made)
			return made
		}
	}
	switch mistake {
	case NoHeaders:
		f.secure = nil
	case NoOrigins:
		f.cors = func(e *core.RequestEvent) error {
			e.Response.Header().Add("Vary", "Origin")
			return nil
		}
	case NoVary:
		f.cors = nil
	case AllHosts:
		asIf(func(r *http.Request) { r.Host = "" })
	case AnyPath:
		asIf(func(r *http.Request) {
			r.URL = &url.URL{Path: path.Clean(r.URL.Path), RawQuery: r.URL.RawQuery}
		})
	case NoAccount:
		row(func(n *entry) { n.auth = "" })
	case NoProxy:
		row(func(n *entry) { n.userIP = n.remoteIP })
	case WrongStatus:
		row(func(n *entry) { n.status = 0 })
	}
	return mend
}

// FailWith has the lane fail when it reads a record, once.
func (p *Plugin) FailWith(failure any) {
	usual := p.appendValue
	p.appendValue = func(dst []byte, s *step, blank *core.Record, value *sqlite.Value) ([]byte, error) {
		p.appendValue = usual
		p.schema.Store(nil)
		panic(failure)
	}
	p.schema.Store(nil) // whose plans have the usual function
}

// LogWaiting is how many rows of the log wait to be written.
func (p *Plugin) LogWaiting() int {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return len(p.log.waiting)
}

// LogTakes tells whether the plugin writes rows for an app by itself.
func (p *Plugin) LogTakes(app core.App) bool { return p.log.takes(app) }

// FlushLog writes what waits to be logged.
func (p *Plugin) FlushLog() { p.log.flush() }

// Outranks tells whether a pattern takes requests for records.
func Outranks(pattern string) bool {
	return outranks(pattern, viewPattern) || outranks(pattern, listPattern)
}
