package limits_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/limits"
)

// The accounts: mia needs two factors.
const (
	ada = "ada@example.com"
	mia = "mia@example.com"
)

var template = pbtest.NewTemplate(collections, pbtest.FastPasswords)

// collections creates accounts, and things that everybody may do everything with.
func collections(app core.App) error {
	app.Settings().TrustedProxy.Headers = []string{"X-Forwarded-For"}
	app.Settings().Batch.Enabled = true
	if err := app.Save(app.Settings()); err != nil {
		return err
	}
	for _, name := range []string{"people", "careful"} {
		c := core.NewAuthCollection(name)
		c.AuthAlert.Enabled = false
		c.OTP.Enabled = true
		c.OTP.Length = 8
		c.MFA.Enabled = name == "careful"
		if err := app.Save(c); err != nil {
			return err
		}
	}
	things := core.NewBaseCollection("things")
	things.ListRule, things.ViewRule, things.CreateRule = new(string), new(string), new(string)
	things.Fields.Add(&core.TextField{Name: "title"})
	return app.Save(things)
}

// world is an app with the plugin, whose clock stands still.
type world struct {
	tb      testing.TB
	app     *tests.TestApp
	plugin  *limits.Plugin
	clock   *clocktest.Clock
	handler http.Handler
	// compared is how many passwords were compared with a hash.
	compared atomic.Int64
}

func newWorld(tb testing.TB, config limits.Config) *world {
	tb.Helper()
	w := &world{tb: tb, clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	config.Now = w.clock.Now
	w.app = template.New(tb, func(app core.App) (err error) {
		w.plugin, err = limits.Register(app, config)
		return err
	})
	w.app.OnRecordAuthWithPasswordRequest().Bind(&hook.Handler[*core.RecordAuthWithPasswordRequestEvent]{
		Priority: 99999, // as near to the comparison as can be
		Func: func(e *core.RecordAuthWithPasswordRequestEvent) error {
			w.compared.Add(1)
			return e.Next()
		},
	})
	pbtest.User(tb, w.app, "people", map[string]any{"email": ada})
	pbtest.User(tb, w.app, "careful", map[string]any{"email": mia})
	pbtest.AwaitMails(tb, w.app)
	w.handler = pbtest.Handler(tb, w.app)
	return w
}

// call is a request. The address is a public one unless it is given.
type call struct {
	method, path, from, token, device string
	cookie                            *http.Cookie
	body                              any
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (w *world) send(c call) answer {
	w.tb.Helper()
	body := ""
	if c.body != nil {
		encoded, err := json.Marshal(c.body)
		if err != nil {
			w.tb.Fatal(err)
		}
		body = string(encoded)
	}
	r := httptest.NewRequest(c.method, c.path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if c.from == "" {
		c.from = "203.0.113.1"
	}
	r.Header.Set("X-Forwarded-For", c.from)
	if c.token != "" {
		r.Header.Set("Authorization", c.token)
	}
	if c.device != "" {
		r.Header.Set(limits.DeviceHeader, c.device)
	}
	if c.cookie != nil {
		r.AddCookie(c.cookie)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// signIn tries a password; the right one is pbtest.Password.
func (w *world) signIn(identity, password string, more ...call) answer {
	w.tb.Helper()
	c := call{}
	if len(more) > 0 {
		c = more[0]
	}
	if c.path == "" {
		c.path = "/api/collections/people/auth-with-password"
	}
	c.method, c.body = http.MethodPost, map[string]string{"identity": identity, "password": password}
	return w.send(c)
}

// code is the stable code of a refusal.
func (a answer) code() string {
	var parsed struct {
		Data struct {
			Code string `json:"code"`
		} `json:"data"`
	}
	_ = json.Unmarshal([]byte(a.body), &parsed)
	return parsed.Data.Code
}

func (a answer) cookie() *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == limits.DeviceCookie {
			return c
		}
	}
	return nil
}

func (a answer) want(tb testing.TB, status int, code string) {
	tb.Helper()
	if a.status != status || a.code() != code {
		tb.Fatalf("got %d %q (%s), want %d %q", a.status, a.code(), a.body, status, code)
	}
}

// fail tries a wrong password n times, each of which is compared.
func (w *world) fail(n int, identity string, more ...call) {
	w.tb.Helper()
	for i := range n {
		if got := w.signIn(identity, fmt.Sprintf("wrong-%d", i), more...); got.status != http.StatusBadRequest {
			w.tb.Fatalf("guess %d: got %d (%s), want 400", i+1, got.status, got.body)
		}
	}
}
