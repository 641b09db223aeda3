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
	SkipRules  = "new records are not asked for the rule"
	Halves     = "what fails in a group is not undone"
)

// Break makes one of the mistakes.
func (p *Plugin) Break(mistake string) {
	switch mistake {
	case StalePlans:
		p.ablation.stalePlans = true
	case SkipHooks:
		p.ablation.skipHooks = true
	case SkipRules:
		p.ablation.skipRules = true
	case Halves:
		p.writer.halved = true
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

// Job is a part of a transaction. It returns whether it is to stay.
type Job func(execute func(text string) error) bool

func (j Job) do(t *transaction) Reason {
	if j(t.exec) {
		return ""
	}
	return ReasonConstraint
}

// Work does a job together with those that wait, and returns whether it was committed.
func (p *Plugin) Work(j Job) bool { return p.writer.do(p.app, j) == "" }

// Waiting is how many jobs wait.
func (p *Plugin) Waiting() int {
	p.writer.mu.Lock()
	defer p.writer.mu.Unlock()
	return len(p.writer.waiting)
}

// States is how many states of the database are as good as the last one.
func (p *Plugin) States() int {
	p.writer.lineage.mu.RLock()
	defer p.writer.lineage.mu.RUnlock()
	return len(p.writer.lineage.states)
}
