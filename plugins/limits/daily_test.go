package limits_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/limits"
)

// byHeader counts requests to whom a header names.
func byHeader(most int64) limits.Quota {
	return limits.Quota{
		OfRequest: func(e *core.RequestEvent) string { return e.Request.Header.Get(limits.DeviceHeader) },
		Max:       func(core.App, string) limits.Usage { return limits.Usage{Requests: most} },
	}
}

func TestRequestsOfADay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{Quota: byHeader(3), Costs: map[string]int{"GET /api/health": 0}})
	list := call{method: "GET", path: thingsPath, device: "acme"}
	free := call{method: "GET", path: "/api/health", device: "acme"}
	for range 3 {
		w.send(list).want(t, http.StatusOK, "")
	}
	refused := w.send(list)
	refused.want(t, http.StatusTooManyRequests, limits.CodeQuotaRequests)
	if got := refused.header.Get("Retry-After"); got != "43200" || !strings.Contains(refused.body, "no more than 3 requests a day") {
		t.Errorf("got Retry-After %s and %s, want half a day", got, refused.body)
	}
	w.send(free).want(t, http.StatusOK, "")
	w.send(call{method: "GET", path: thingsPath, device: "other"}).want(t, http.StatusOK, "")
	w.send(call{method: "GET", path: thingsPath}).want(t, http.StatusOK, "")
	list.token = pbtest.Superuser(t, w.app)
	w.send(list).want(t, http.StatusOK, "")
	if usage, err := w.plugin.Usage(w.app, "acme"); err != nil || usage != (limits.Usage{Requests: 3}) {
		t.Errorf("a hook reads %+v, %v, want 3 requests", usage, err)
	}

	w.clock.Advance(12 * time.Hour)
	list.token = ""
	w.send(list).want(t, http.StatusOK, "")
	days, err := w.plugin.Requests("acme")
	if err != nil || days["2026-03-01"] != 3 || days["2026-03-02"] != 1 {
		t.Errorf("the days are %v, %v", days, err)
	}
}

// TestRequestsOfABatch counts each of them.
func TestRequestsOfABatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits.Config{Quota: byHeader(4)})
	request := map[string]any{"method": "POST", "url": thingsPath, "body": map[string]any{"title": "x"}}
	batch := call{method: "POST", path: "/api/batch", device: "acme", body: map[string]any{"requests": []any{request, request, request}}}
	w.send(batch).want(t, http.StatusOK, "")
	w.send(batch).want(t, http.StatusTooManyRequests, limits.CodeQuotaRequests)
	if n, err := w.app.CountRecords("things"); err != nil || n != 3 {
		t.Errorf("there are %d things, %v", n, err)
	}
}

// TestRequestsSurviveARestart counts on where the program has ended.
func TestRequestsSurviveARestart(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)).Now
	config := limits.Config{Quota: byHeader(3), Now: now}
	app := template.New(t, func(app core.App) error {
		_, err := limits.Register(app, config)
		return err
	})
	pbtest.Superuser(t, app)
	server := pbtest.Serve(t, app)
	get := func(server string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+thingsPath, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(limits.DeviceHeader, "acme")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for range 2 {
		if got := get(server); got != http.StatusOK {
			t.Fatalf("got %d", got)
		}
	}
	var again *tests.TestApp
	err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(*core.TerminateEvent) (err error) {
		again, err = tests.NewTestApp(app.DataDir())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Cleanup)
	if _, err := limits.Register(again, config); err != nil {
		t.Fatal(err)
	}
	second := pbtest.Serve(t, again)
	if first, last := get(second), get(second); first != http.StatusOK || last != http.StatusTooManyRequests {
		t.Errorf("after the restart: got %d and %d, want 200 and 429", first, last)
	}
}
