package fastlane

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const (
	// longestBatch is how long the body of a batch is that the lane reads, in bytes.
	longestBatch = 8 << 20

	// batchTimeout is after how long PocketBase gives a batch up if nothing is set.
	batchTimeout = 3 * time.Second

	// batchSize is how long PocketBase lets a body be if nothing is set, in bytes.
	batchSize = 128 << 20
)

// batch does all writes of a batch in one transaction, or returns why PocketBase has to
// and does none of them.
func (p *Plugin) batch(e *core.RequestEvent) (Reason, error) {
	j, reason := p.prepareBatch(e)
	if reason == "" {
		reason = p.writer.do(e.App, j)
	}
	if reason != "" {
		return reason, nil
	}
	for _, w := range j.writes {
		if err := w.tell(e); err != nil {
			return "", e.BadRequestError("Batch transaction failed.", err)
		}
	}
	space := workspaces.Get().(*workspace)
	defer space.release()
	space.out = j.append(space.out[:0])
	writeJSON(e, space.out)
	return "", nil
}

// prepareBatch finds the plans of all writes. It asks the database nothing.
func (p *Plugin) prepareBatch(e *core.RequestEvent) (*batchJob, Reason) {
	settings := e.App.Settings()
	if reason := p.untouchedBatch(e, settings); reason != "" {
		return nil, reason
	}
	s := p.current(e.App)
	if s == nil {
		return nil, ReasonNoCache
	}
	db, ok := sqliteOf(e.App.ConcurrentDB())
	if !ok {
		return nil, ReasonDatabase
	}
	body, reason := readBody(e)
	if reason != "" {
		return nil, reason
	}
	j := &batchJob{ctx: e.Request.Context(), timeout: time.Duration(settings.Batch.Timeout) * time.Second}
	if j.timeout <= 0 {
		j.timeout = batchTimeout
	}
	reason = readObject(asSent(body), func(key []byte, value token) Reason {
		if string(key) != "requests" || j.writes != nil {
			return ReasonJSON
		}
		return readList(value, func(request token) Reason {
			if len(j.writes) == settings.Batch.MaxRequests {
				return ReasonBatch
			}
			w, reason := p.prepareOf(e, s, db, request)
			j.writes = append(j.writes, w)
			return reason
		})
	})
	if reason == "" && len(j.writes) == 0 {
		reason = ReasonBatch
	}
	return j, reason
}

// untouchedBatch returns why a batch is not what its route makes of it, "" if it is.
func (p *Plugin) untouchedBatch(e *core.RequestEvent, settings *core.Settings) Reason {
	longest := settings.Batch.MaxBodySize
	if longest <= 0 {
		longest = batchSize
	}
	switch {
	case !settings.Batch.Enabled || settings.Batch.MaxRequests <= 0:
		return ReasonBatch
	case settings.RateLimits.Enabled:
		return ReasonRateLimit
	case e.Request.ContentLength > longest:
		return ReasonLength
	case p.heard(batch):
		return ReasonWriteHook
	}
	return p.untouchedBody(e, longestBatch)
}

// prepareOf finds the plan of one write of a batch.
func (p *Plugin) prepareOf(e *core.RequestEvent, s *schema, db *dbx.DB, request token) (*write, Reason) {
	r, reason := readPart(request)
	if reason != "" {
		return nil, reason
	}
	name, id, a, ok := r.route()
	if !ok {
		return nil, ReasonBatch
	}
	c := s.find(name)
	if c == nil {
		return nil, ReasonUnknown
	}
	if reason := p.unheard(e.App, a); reason != "" {
		return nil, reason
	}
	call, reason := p.findWrite(e, s, db, planKey{collection: c, action: a, shape: shape{batch: true}}, id)
	if reason != "" {
		return nil, reason
	}
	w := &write{call: call, action: a}
	if a != remove {
		reason = w.readSent(within(r.body))
	}
	return w, reason
}

// part is one request of a batch.
type part struct {
	method, address string
	body            token // which is valid
}

// readPart reads one request of a batch. encoding/json would take keys in capitals,
// too, and leave out others.
func readPart(request token) (r part, reason Reason) {
	r.body = token("{}")
	reason = readObject(within(request), func(key []byte, value token) Reason {
		var ok bool
		switch string(key) {
		case "method":
			ok = r.method == ""
			r.method, _ = value.text()
		case "url":
			ok = r.address == ""
			r.address, _ = value.text()
		case "body":
			ok = string(r.body) == "{}" && (value.null() || value[0] == '{') // also where it is not read
			if !value.null() {
				r.body = value
			}
		case "headers":
			var headers map[string]string // which only rules know that the lane does not
			ok = json.Unmarshal(value, &headers) == nil
		default:
			ok = false
		}
		if !ok {
			return ReasonJSON
		}
		return ""
	})
	return r, reason
}

// route finds what a request of a batch is, and of which record. An upsert is not known
// before the transaction.
func (r part) route() (collection, id string, a action, ok bool) {
	path, ok := strings.CutPrefix(r.address, "/api/collections/")
	if !ok {
		return "", "", 0, false
	}
	collection, path, ok = strings.Cut(path, "/")
	if !ok || !isPlainPath(collection) {
		return "", "", 0, false
	}
	if r.method == http.MethodPost {
		return collection, "", create, path == "records"
	}
	id, ok = strings.CutPrefix(path, "records/")
	switch r.method {
	case http.MethodPatch:
		a = update
	case http.MethodDelete:
		a = remove
	default:
		return "", "", 0, false
	}
	return collection, id, a, ok && isPlainPath(id)
}

// isPlainPath tells whether a part of a path is a name.
func isPlainPath(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isNameStart(c) && !isDigit(c) {
			return false
		}
	}
	return name != ""
}

// batchJob are writes that are done together or not at all.
type batchJob struct {
	writes  []*write
	ctx     context.Context //nolint:containedctx // of the request, which the job is part of
	timeout time.Duration
}

// do implements [job]. PocketBase tells what is wrong with which of them.
func (j *batchJob) do(t *transaction) Reason {
	started := time.Now()
	for _, w := range j.writes {
		if j.ctx.Err() != nil || time.Since(started) > j.timeout {
			return ReasonLate
		}
		if reason := w.do(t); reason != "" {
			return reason
		}
	}
	return ""
}

// append appends the answer.
func (j *batchJob) append(dst []byte) []byte {
	dst = append(dst, '[')
	for i, w := range j.writes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"body":`...)
		if w.action == remove {
			dst = append(dst, `null,"status":204}`...)
			continue
		}
		dst = append(w.append(dst), `,"status":200}`...)
	}
	return append(dst, "]\n"...)
}
