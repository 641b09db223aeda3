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
	StaleKin   = "related records outlive a commit"
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
	case StaleKin:
		p.related.anyState = true
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

// ValuesWithin are the values of an object that was checked before.
func ValuesWithin(body string) (map[string]string, bool) {
	values := map[string]string{}
	reason := readObject(within(token(body)), func(key []byte, value token) Reason {
		values[string(key)] = string(value)
		return ""
	})
	return values, reason == ""
}

// IsBatch tells whether a body is taken for one of a batch.
func IsBatch(body string) bool {
	return readObject(asSent([]byte(body)), func(_ []byte, list token) Reason {
		return readList(list, func(request token) Reason {
			part, reason := readPart(request)
			if reason != "" {
				return reason
			}
			return readObject(within(part.body), func([]byte, token) Reason { return "" })
		})
	}) == ""
}

// Relatives is how many related records are kept, and how many bytes they take. They are
// dropped first to take no more than limit from now on, if it is not 0.
func (p *Plugin) Relatives(limit int) (records, bytes int) {
	r := &p.related
	r.mu.Lock()
	defer r.mu.Unlock()
	if limit > 0 {
		r.limit, r.at, r.rows, r.bytes = limit, moment{}, nil, 0
	}
	return len(r.rows), r.bytes
}
