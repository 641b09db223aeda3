package limits_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/limits"
)

// keyHeader is how the test's API keys come.
type keyHeader struct{}

func (keyHeader) KeyOf(e *core.RequestEvent) string { return e.Request.Header.Get(limits.DeviceHeader) }

const thingsPath = "/api/collections/things/records"

func TestRates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{
		Rates: []limits.Rate{
			{Name: "address", By: limits.ByAddress, Limit: 5, Window: 10 * time.Second},
			{Name: "user", By: limits.ByUser, Limit: 3, Window: time.Minute},
			{Name: "key", By: limits.ByKey, Limit: 2, Window: time.Minute},
		},
		Costs: map[string]int{"GET /api/collections/{collection}/records/{id}": 5, "GET /api/health": 0},
		Keys:  keyHeader{},
	})
	record, err := w.app.FindAuthRecordByEmail("people", ada)
	if err != nil {
		t.Fatal(err)
	}
	token := pbtest.Token(t, record)
	list := func(c call) answer { c.method, c.path = "GET", thingsPath; return w.send(c) }

	got := list(call{token: token})
	got.want(t, http.StatusOK, "")
	if policy, want := got.header.Get("RateLimit-Policy"), `"address";q=5;w=10, "user";q=3;w=60`; policy != want {
		t.Errorf("got the policy %s, want %s", policy, want)
	}
	if state, want := got.header.Get("RateLimit"), `"address";r=4;t=2, "user";r=2;t=20`; state != want {
		t.Errorf("got the state %s, want %s", state, want)
	}
	list(call{token: token}).want(t, http.StatusOK, "")
	list(call{token: token}).want(t, http.StatusOK, "")
	refused := list(call{token: token})
	refused.want(t, http.StatusTooManyRequests, limits.CodeRate)
	if refused.header.Get("Retry-After") != "20" || !strings.Contains(refused.header.Get("RateLimit"), `"user";r=0;t=60`) {
		t.Errorf("got the headers %v, want to wait 20 s for the user's rate", refused.header)
	}
	// what was refused has cost the address nothing
	list(call{}).want(t, http.StatusOK, "")
	list(call{}).want(t, http.StatusOK, "")
	list(call{}).want(t, http.StatusTooManyRequests, limits.CodeRate)
	list(call{from: "203.0.113.2"}).want(t, http.StatusOK, "")
	for range 9 {
		w.send(call{method: "GET", path: "/api/health"}).want(t, http.StatusOK, "")
		if got := list(call{token: pbtest.Superuser(t, w.app)}); got.status != http.StatusOK {
			t.Fatalf("a superuser: got %d, want 200", got.status)
		}
	}
	w.clock.Advance(2 * time.Second)
	list(call{}).want(t, http.StatusOK, "")
	list(call{}).want(t, http.StatusTooManyRequests, limits.CodeRate)

	one := call{method: "GET", path: thingsPath + "/missing00000001", from: "203.0.113.3"}
	w.send(one).want(t, http.StatusNotFound, "")
	w.send(one).want(t, http.StatusTooManyRequests, limits.CodeRate)

	for _, key := range []string{"one", "two"} {
		for i, want := range []int{200, 200, 429} {
			if got := list(call{device: key, from: "198.51.100." + key[:1]}); got.status != want {
				t.Errorf("request %d with the key %s: got %d, want %d", i+1, key, got.status, want)
			}
			w.clock.Advance(10 * time.Second) // of which the key gets a third of a request
		}
	}
}

func TestABatchCountsItsRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{Rates: []limits.Rate{{Name: "address", By: limits.ByAddress, Limit: 5, Window: time.Minute}}})
	batch := func(n int) call {
		requests := make([]map[string]any, n)
		for i := range requests {
			requests[i] = map[string]any{"method": "POST", "url": thingsPath, "body": map[string]string{"title": "x"}}
		}
		return call{method: "POST", path: "/api/batch", body: map[string]any{"requests": requests}}
	}
	got := w.send(batch(4))
	if left := got.header.Get("RateLimit"); got.status != http.StatusOK || !strings.HasPrefix(left, `"address";r=1;`) {
		t.Fatalf("got %d and %s, want 200 and 1 left", got.status, left)
	}
	w.send(batch(2)).want(t, http.StatusTooManyRequests, limits.CodeRate)
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limits.Rate{
		"600/1m": {Name: "x", By: limits.ByUser, Limit: 600, Window: time.Minute},
		"10/s":   {Name: "x", By: limits.ByUser, Limit: 10, Window: time.Second},
		"5/90s":  {Name: "x", By: limits.ByUser, Limit: 5, Window: 90 * time.Second},
	} {
		if got, err := limits.ParseRate("x", limits.ByUser, text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "600", "x/1m", "0/1m", "5/", "5/0s", "5/48h"} {
		if got, err := limits.ParseRate("x", limits.ByUser, text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func BenchmarkRate(b *testing.B) {
	for name, rates := range map[string][]limits.Rate{
		"off": nil,
		"on":  {{Name: "address", By: limits.ByAddress, Limit: 1_000_000_000, Window: time.Second}},
		"two": {
			{Name: "address", By: limits.ByAddress, Limit: 1_000_000_000, Window: time.Second},
			{Name: "key", By: limits.ByKey, Limit: 1_000_000_000, Window: time.Second},
		},
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b, limits.Config{Rates: rates, Keys: keyHeader{}})
			charge := limits.Charge(w.plugin)
			e := limits.Event(w.app)
			e.Request.Header.Set(limits.DeviceHeader, "key")
			b.ReportAllocs()
			for b.Loop() {
				if err := charge(e, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
