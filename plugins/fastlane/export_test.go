package fastlane

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Bypass has PocketBase answer the requests that leave to it.
func (p *Plugin) Bypass(leave func(*http.Request) bool) { p.bypass = leave }

// Mistakes that the differential test has to notice.
const (
	StalePlans = "plans outlive their collection"
	SkipHooks  = "handlers are not looked for"
	WrongNull  = "NULL becomes an empty text"
)

// Break makes one of the mistakes.
func (p *Plugin) Break(mistake string) {
	switch mistake {
	case StalePlans:
		p.ablation.stalePlans = true
	case SkipHooks:
		p.ablation.skipHooks = true
	case WrongNull:
		p.appendValue = func(dst []byte, s *step, blank *core.Record, value *sqlite.Value) ([]byte, error) {
			if value.Type == sqlite.Null {
				return append(dst, `""`...), nil
			}
			return appendValue(dst, s, blank, value)
		}
	}
}

// Plans is how many plans are kept.
func (p *Plugin) Plans() int { return len(p.schema.Load().plans) }

// How texts and numbers are written.
var (
	AppendString = appendString
	AppendNumber = appendNumber
)
