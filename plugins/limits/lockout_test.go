package limits_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/limits"
)

func TestFailuresWaitLongerEachTime(t *testing.T) {
	t.Parallel()
	for name, identity := range map[string]string{"somebody": ada, "nobody": "nobody@example.com"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, limits.Config{})
			w.fail(5, identity)
			for _, seconds := range []int{1, 2, 4, 8} {
				got := w.signIn(strings.ToUpper(identity), pbtest.Password)
				got.want(t, http.StatusTooManyRequests, limits.CodeAttempts)
				if after := got.header.Get("Retry-After"); after != fmt.Sprint(seconds) {
					t.Fatalf("got Retry-After %s, want %d", after, seconds)
				}
				w.clock.Advance(time.Duration(seconds) * time.Second)
				w.fail(1, identity)
			}
			if got := w.compared.Load(); got != 9 {
				t.Errorf("got %d comparisons, want 9", got)
			}
			w.clock.Advance(25 * time.Hour)
			w.fail(5, identity) // all is forgotten
		})
	}
}

func TestAThousandGuessesFromAHundredAddresses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	home := w.signIn(ada, pbtest.Password, call{from: "198.51.100.1"}).cookie()
	if home == nil || !home.HttpOnly || home.SameSite != http.SameSiteLaxMode {
		t.Fatalf("got the cookie %v, want one that scripts and other sites do not get", home)
	}
	w.compared.Store(0)

	var guesses sync.WaitGroup
	for address := range 100 {
		guesses.Go(func() {
			for guess := range 10 {
				got := w.signIn(ada, fmt.Sprintf("guess-%d-%d", address, guess), call{from: fmt.Sprintf("203.0.113.%d", address)})
				if got.status != http.StatusBadRequest && got.code() != limits.CodeAttempts {
					t.Errorf("got %d %s, want a refusal", got.status, got.body)
				}
			}
		})
	}
	guesses.Wait()
	if got := w.compared.Load(); got != 5 {
		t.Errorf("got %d guesses compared, want 5", got)
	}
	w.signIn(ada, pbtest.Password, call{from: "192.0.2.1"}).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
	w.signIn(ada, pbtest.Password, call{from: "203.0.113.7", cookie: home}).want(t, http.StatusOK, "")
	// what the owner does at home gives strangers nothing back
	w.signIn(ada, "guess", call{from: "192.0.2.1"}).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
}

func TestManyAccountsFromOneAddress(t *testing.T) {
	t.Parallel()
	for name, addresses := range map[string][2]string{
		"IPv4":       {"203.0.113.1", "203.0.113.1"},
		"IPv6 by 64": {"2001:db8::1", "2001:db8::ffff:0:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, limits.Config{})
			for i := range 20 {
				w.fail(1, fmt.Sprintf("user-%d@example.com", i), call{from: addresses[i%2]})
				// an account of one's own gives the address nothing back
				if i < 19 {
					w.signIn(ada, pbtest.Password, call{from: addresses[0]}).want(t, http.StatusOK, "")
				}
			}
			w.signIn("another@example.com", "x", call{from: addresses[1]}).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
			w.signIn("another@example.com", "x", call{from: "2001:db8:1::1"}).want(t, http.StatusBadRequest, "")
		})
	}
}

func TestPrivateAddressesAreNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	for i := range 30 {
		w.fail(1, fmt.Sprintf("user-%d@example.com", i), call{from: "10.0.0.1"})
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	pbtest.User(t, w.app, "people", map[string]any{"email": "eve@example.com"})
	known := w.signIn(ada, pbtest.Password, call{device: "new"})
	device := known.header.Get(limits.DeviceHeader)
	if device == "" || known.cookie() != nil {
		t.Fatalf("got the headers %v, want the device in one and no cookie", known.header)
	}
	eves := w.signIn("eve@example.com", pbtest.Password, call{device: "new"}).header.Get(limits.DeviceHeader)
	w.fail(5, ada, call{from: "192.0.2.9"})

	for name, other := range map[string]string{"none": "", "somebody else's": eves, "forged": device[:len(device)-4] + "AAAA", "nonsense": "...~.~~"} {
		if got := w.signIn(ada, pbtest.Password, call{device: other}); got.status != http.StatusTooManyRequests {
			t.Errorf("%s: got %d, want 429", name, got.status)
		}
	}
	w.fail(4, ada, call{device: eves + "~" + device})
	w.signIn(ada, pbtest.Password, call{device: device}).want(t, http.StatusOK, "")
	w.fail(5, ada, call{device: device}) // success has cleared its budget, which ends too
	w.signIn(ada, pbtest.Password, call{device: device}).want(t, http.StatusTooManyRequests, limits.CodeAttempts)

	w.clock.Advance(181 * 24 * time.Hour)
	w.fail(5, ada)
	w.signIn(ada, pbtest.Password, call{device: device}).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
}

func TestANewPasswordForgetsDevices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	device := w.signIn(ada, pbtest.Password, call{device: "new"}).header.Get(limits.DeviceHeader)
	record, err := w.app.FindAuthRecordByEmail("people", ada)
	if err != nil {
		t.Fatal(err)
	}
	token, err := record.NewPasswordResetToken()
	if err != nil {
		t.Fatal(err)
	}
	w.fail(5, ada)
	got := w.send(call{method: "POST", path: "/api/collections/people/confirm-password-reset", device: "new", body: map[string]string{
		"token": token, "password": "another-password", "passwordConfirm": "another-password",
	}})
	got.want(t, http.StatusNoContent, "")
	w.signIn(ada, "another-password", call{device: device}).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
	// who has read the mail is known
	w.signIn(ada, "another-password", call{device: got.header.Get(limits.DeviceHeader)}).want(t, http.StatusOK, "")
}

func TestGuessesAtOneTimePasswords(t *testing.T) {
	t.Parallel()
	for name, email := range map[string]string{"somebody": ada, "nobody": "nobody@example.com"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, limits.Config{})
			ask := func() string {
				got := w.send(call{method: "POST", path: "/api/collections/people/request-otp", body: map[string]string{"email": email}})
				if got.status != http.StatusOK {
					t.Fatalf("got %d %s, want 200", got.status, got.body)
				}
				return strings.Split(got.body, `"`)[3]
			}
			guess := func(id string, i int) answer {
				return w.send(call{
					method: "POST", path: "/api/collections/people/auth-with-otp", from: fmt.Sprintf("203.0.113.%d", i),
					body: map[string]string{"otpId": id, "password": "00000000"},
				})
			}
			first := ask()
			for i := range 5 {
				guess(first, i).want(t, http.StatusBadRequest, "")
			}
			guess(first, 9).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
			guess(ask(), 10).want(t, http.StatusTooManyRequests, limits.CodeAttempts) // of the same account
			w.signIn(email, pbtest.Password).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
		})
	}
}

func TestTheFirstFactorGivesNoGuessesAtTheSecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	password := call{path: "/api/collections/careful/auth-with-password"}
	for range 4 {
		w.fail(1, mia, password)
		got := w.signIn(mia, pbtest.Password, password)
		if got.status != http.StatusUnauthorized || got.cookie() != nil {
			t.Fatalf("got %d and the cookie %v, want 401 and none", got.status, got.cookie())
		}
	}
	w.fail(1, mia, password)
	w.signIn(mia, pbtest.Password, password).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
}

func TestMailsAreCounted(t *testing.T) {
	t.Parallel()
	for _, route := range []string{"request-otp", "request-password-reset"} {
		for name, email := range map[string]string{"somebody": ada, "nobody": "nobody@example.com"} {
			t.Run(route+" of "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, limits.Config{})
				ask := func(i int) answer {
					return w.send(call{
						method: "POST", path: "/api/collections/people/" + route, from: fmt.Sprintf("203.0.113.%d", i),
						body: map[string]string{"email": email},
					})
				}
				for i := range 10 {
					if got := ask(i); got.status >= 300 {
						t.Fatalf("mail %d: got %d %s", i+1, got.status, got.body)
					}
				}
				ask(11).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
				w.signIn(ada, pbtest.Password).want(t, http.StatusOK, "") // they have budgets of their own
			})
		}
	}
}

func TestManySignInsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := w.signIn(ada, pbtest.Password); got.status != http.StatusOK {
				t.Errorf("got %d %s, want 200: nobody fails here", got.status, got.body)
			}
		})
	}
	all.Wait()
	if list, err := w.plugin.List(); err != nil || len(list) != 0 {
		t.Errorf("got %v, %v, want nothing written for those who succeed", list, err)
	}
}

func TestSuperusersAreCountedAndLetInAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	token := pbtest.Superuser(t, w.app)
	roots := call{path: "/api/collections/_superusers/auth-with-password"}
	w.fail(5, "root@example.com", roots)
	w.signIn("root@example.com", "x", roots).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
	w.fail(1, "hunter2 is my password")

	got := w.send(call{method: "GET", path: "/api/limits/attempts", token: token})
	if got.status != 200 || !strings.Contains(got.body, "root@example.com") || strings.Contains(got.body, "hunter2") {
		t.Errorf("got %d %s, want the account, and no password in the wrong place", got.status, got.body)
	}
	for _, path := range []string{"GET /api/limits/attempts", "POST /api/limits/attempts/clear"} {
		method, path, _ := strings.Cut(path, " ")
		if got := w.send(call{method: method, path: path, body: map[string]string{"of": "x"}}); got.status != http.StatusUnauthorized {
			t.Errorf("%s as a guest: got %d, want 401", path, got.status)
		}
	}
	got = w.send(call{method: "POST", path: "/api/limits/attempts/clear", token: token, body: map[string]string{"of": "ROOT@example.com"}})
	if got.status != 200 || !strings.Contains(got.body, `"cleared":1`) {
		t.Errorf("got %d %s, want 1 cleared", got.status, got.body)
	}
	w.fail(1, "root@example.com", roots)
	if n, err := w.plugin.Clear("203.0.113.1"); n != 1 || err != nil {
		t.Errorf("clear the address: got %d, %v, want 1", n, err)
	}
}

func TestFailuresSurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	w.fail(5, ada)
	restarted := core.NewBaseApp(core.BaseAppConfig{DataDir: w.app.DataDir()})
	p, err := limits.Register(restarted, limits.Config{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := restarted.Bootstrap(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = restarted.ResetBootstrapState() })
	list, err := p.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("got %v, %v, want the account and the address", list, err)
	}
	for _, entry := range list {
		if entry.Failures != 5 || entry.Until.After(w.clock.Now()) != (entry.Kind == "account") {
			t.Errorf("got %+v, want 5 failures, for which the account has to wait", entry)
		}
	}
}

func TestWithoutItsTablesItCountsAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{})
	w.fail(2, ada)
	if _, err := w.app.AuxNonconcurrentDB().NewQuery("DROP TABLE _limits_attempts").Execute(); err != nil {
		t.Fatal(err)
	}
	w.fail(3, ada) // the table is made again
	// and where it cannot be written to
	if _, err := w.app.AuxNonconcurrentDB().NewQuery(`CREATE TRIGGER full BEFORE INSERT ON _limits_attempts BEGIN SELECT RAISE(ABORT, 'disk full'); END`).Execute(); err != nil {
		t.Fatal(err)
	}
	w.fail(2, ada)
	w.signIn(ada, pbtest.Password).want(t, http.StatusTooManyRequests, limits.CodeAttempts)
}
