package fastlane_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// changesUnderLoad is how much is changed while requests run.
var changesUnderLoad = flag.Int("fastlane.changes", 12, "how many changes TestNeverOld makes under load")

// state is all that answers depend on, as it is after a change has returned.
type state struct {
	number int    // of the change
	open   bool   // the rules let everybody in who is signed in
	hooked bool   // a handler changes answers
	field  string // the name of a field
	token  string
}

// TestNeverOld changes rules, handlers, tokens and the name of a field while clients
// read and write. What is asked after a change has returned, and answered before the
// next one begins, must not be answered by what was there before.
func TestNeverOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyTemplate(t, dir)
	opened, err := writeWorld{}.start(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.end(t) })
	user, err := opened.app.FindRecordById("users", "users0000000000")
	if err != nil {
		t.Fatal(err)
	}
	l := &load{t: t, twin: opened, address: pbtest.Serve(t, opened.app)}
	l.now.Store(&state{open: true, field: "note", token: pbtest.Token(t, user)})
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for n := range 6 {
		clients.Go(func() { l.ask(ctx, rand.New(rand.NewPCG(*seed, uint64(n)))) })
	}
	random := rand.New(rand.NewPCG(*seed, 99))
	for n := range *changesUnderLoad {
		l.change(n%4, random)
		l.wait()
	}
	stop()
	clients.Wait()
	stats := opened.plugin.Stats()
	t.Logf("%d answers, %d of them of one state, %d served: %v", l.asked.Load(), l.certain.Load(), stats.Served, stats.HandedOn)
	if stats.Served < uint64(l.asked.Load())/8 {
		t.Errorf("only %d of %d requests were served by the lane", stats.Served, l.asked.Load())
	}
}

// load is an app that is asked by many.
type load struct {
	t *testing.T
	*twin
	address        string
	now            atomic.Pointer[state] // nil while something changes
	asked, certain atomic.Int64
}

// wait lets some requests be answered by one state, reads and writes.
func (l *load) wait() {
	enough := l.certain.Load() + 40
	pbtest.Eventually(l.t, 2*time.Minute, func() error {
		if got := l.certain.Load(); got < enough {
			return fmt.Errorf("%d answers, want %d", got, enough)
		}
		return nil
	})
}

// change changes one thing.
func (l *load) change(what int, random *rand.Rand) {
	l.t.Helper()
	next := *l.now.Load()
	next.number++
	l.now.Store(nil)
	var err error
	switch what {
	case 0:
		next.open = !next.open
		err = l.editCollection("kids", func(c *core.Collection) {
			rule := text("@request.auth.id != ''")
			if !next.open {
				rule = text("id = 'nobody'")
			}
			c.ViewRule, c.ListRule, c.UpdateRule = rule, rule, rule
		})
	case 1:
		if next.hooked = !next.hooked; next.hooked {
			l.unbind = l.bind(random)
		} else {
			l.unbind()
		}
	case 2:
		next.field = map[string]string{"note": "remark", "remark": "note"}[next.field]
		err = l.editCollection("kids", func(c *core.Collection) { c.Fields.GetByName(l.other(next.field)).SetName(next.field) })
	case 3:
		next.token, err = l.newToken(random)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.now.Store(&next)
}

func (l *load) other(field string) string {
	return map[string]string{"note": "remark", "remark": "note"}[field]
}

// bind adds a handler that marks each answer, in one of the ways there are.
func (l *load) bind(random *rand.Rand) func() {
	const id = "ofTheTest"
	if random.IntN(2) == 0 {
		l.app.OnRecordEnrich("kids").Bind(&hook.Handler[*core.RecordEnrichEvent]{Id: id, Func: func(e *core.RecordEnrichEvent) error {
			e.Record.Hide("many")
			return e.Next()
		}})
		return func() { l.app.OnRecordEnrich().Unbind(id) }
	}
	hide := &hook.Handler[*core.RecordRequestEvent]{Id: id, Func: func(e *core.RecordRequestEvent) error {
		e.Record.Hide("many")
		return e.Next()
	}}
	lists := &hook.Handler[*core.RecordsListRequestEvent]{Id: id, Func: func(e *core.RecordsListRequestEvent) error {
		for _, record := range e.Records {
			record.Hide("many")
		}
		return e.Next()
	}}
	l.app.OnRecordCreateRequest().Bind(hide)
	l.app.OnRecordUpdateRequest().Bind(hide)
	l.app.OnRecordViewRequest().Bind(hide)
	l.app.OnRecordsListRequest().Bind(lists)
	return func() {
		l.app.OnRecordCreateRequest().Unbind(id)
		l.app.OnRecordUpdateRequest().Unbind(id)
		l.app.OnRecordViewRequest().Unbind(id)
		l.app.OnRecordsListRequest().Unbind(id)
	}
}

// newToken revokes the token, by PocketBase or past it, and returns another.
func (l *load) newToken(random *rand.Rand) (string, error) {
	user, err := l.app.FindRecordById("users", "users0000000000")
	if err != nil {
		return "", err
	}
	user.SetTokenKey(security.RandomString(50))
	if random.IntN(2) == 0 {
		err = l.app.SaveNoValidate(user)
	} else {
		_, err = l.app.NonconcurrentDB().Update("users", dbx.Params{"tokenKey": user.TokenKey()}, dbx.HashExp{"id": user.Id}).Execute()
	}
	if err != nil {
		return "", err
	}
	return user.NewAuthToken()
}

// ask sends requests until ctx is done.
func (l *load) ask(ctx context.Context, random *rand.Rand) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var revoked string
	for ctx.Err() == nil {
		before := l.now.Load()
		if before == nil {
			before = &state{}
		}
		token, valid := before.token, true
		if revoked != "" && revoked != token && random.IntN(4) == 0 {
			token, valid = revoked, false
		} else if token != "" {
			revoked = token
		}
		kind := random.IntN(4)
		status, body, err := l.one(ctx, client, kind, token)
		if err != nil {
			if ctx.Err() == nil {
				l.t.Error(err)
			}
			return
		}
		l.asked.Add(1)
		if after := l.now.Load(); before == after {
			l.certain.Add(1)
			if problem := after.problem(kind, valid, status, body); problem != "" {
				l.t.Errorf("after change %d: rules are open %v, handler bound %v, field %s, token valid %v, request of kind %d: %s\n%d %.300s", after.number, after.open, after.hooked, after.field, valid, kind, problem, status, body)
			}
		}
	}
}

// The kinds of requests.
const (
	createKid = iota
	updateKid
	viewKid
	listKids
)

func (l *load) one(ctx context.Context, client *http.Client, kind int, token string) (status int, body string, err error) {
	const kids = "/api/collections/kids/records"
	var r *http.Request
	switch kind {
	case createKid:
		r, err = http.NewRequestWithContext(ctx, http.MethodPost, l.address+kids, strings.NewReader(`{"note":"x","remark":"x"}`))
	case updateKid:
		r, err = http.NewRequestWithContext(ctx, http.MethodPatch, l.address+kids+"/"+recordID(1), strings.NewReader(`{"note":"x","remark":"x","many":[]}`))
	case viewKid:
		r, err = http.NewRequestWithContext(ctx, http.MethodGet, l.address+kids+"/"+recordID(2), nil)
	case listKids:
		r, err = http.NewRequestWithContext(ctx, http.MethodGet, l.address+kids+"?perPage=2&skipTotal=1", nil)
	}
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", token)
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(read), err
}

// problem says what of an answer is not of the state.
func (s *state) problem(kind int, valid bool, status int, body string) string {
	want := http.StatusOK
	switch {
	case kind == listKids:
	case kind == createKid && !valid:
		want = http.StatusBadRequest
	case kind != createKid && (!valid || !s.open):
		want = http.StatusNotFound
	}
	if status != want {
		return fmt.Sprintf("status %d, want %d", status, want)
	}
	if status != http.StatusOK {
		return ""
	}
	if kind == listKids && (!valid || !s.open) {
		if !strings.Contains(body, `"items":[]`) {
			return "it shows something"
		}
		return ""
	}
	if !strings.Contains(body, `"`+s.field+`":`) {
		return "the field has its old name"
	}
	if strings.Contains(body, `"many":`) == s.hooked {
		return "the handler was called if it is not there, or not if it is"
	}
	return ""
}
