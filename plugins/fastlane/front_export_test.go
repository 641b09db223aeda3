package fastlane

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Mistakes of the front placement.
const (
	NoHeaders   = "headers of all answers are forgotten"
	NoOrigins   = "CORS is not asked"
	WrongRow    = "rows of the log lack the account"
	AllHosts    = "hosts that are redirected are answered"
	AllSettings = "settings of the log are not looked at"
)

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
