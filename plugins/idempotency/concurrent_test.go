package idempotency_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

// gate is a route that says when it was entered and answers when it is let go.
type gate struct{ entered, leave chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}, 10), make(chan struct{})} }

func (g *gate) bind(e *core.ServeEvent) {
	e.Router.POST("/gate", func(e *core.RequestEvent) error {
		g.entered <- struct{}{}
		<-g.leave
		return e.String(http.StatusOK, "through")
	})
}

func TestRepetitionOfAnUnfinishedRequest(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		wait time.Duration
	}{
		{"refused at once", -1},
		{"refused after waiting", time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGate()
			w := newWorld(t, idempotency.Config{Wait: c.wait, Timeout: time.Minute}, routes(g.bind))
			done := make(chan response)
			go func() { done <- w.send(t, http.MethodPost, "/gate", nil, key, "k") }()
			<-g.entered
			busy := w.send(t, http.MethodPost, "/gate", nil, key, "k", "Origin", "https://app.example.com")
			expect(t, "while it runs", busy, http.StatusConflict, "idempotency_in_progress")
			if busy.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After: got %q, want 1", busy.header.Get("Retry-After"))
			}
			close(g.leave)
			first := <-done
			expectReplay(t, "after it", w.send(t, http.MethodPost, "/gate", nil, key, "k"), first)
		})
	}
}

func TestRepetitionWaits(t *testing.T) {
	t.Parallel()
	g := newGate()
	w := newWorld(t, idempotency.Config{Wait: time.Minute, Timeout: time.Minute}, routes(g.bind))
	answers := make(chan response, 3)
	for range 3 {
		go func() { answers <- w.send(t, http.MethodPost, "/gate", nil, key, "k") }()
	}
	<-g.entered
	close(g.leave)
	replayed := 0
	for range 3 {
		if r := <-answers; r.body != "through" {
			t.Errorf("got %d %s, want the answer", r.status, r.body)
		} else if r.replayed() == "true" {
			replayed++
		}
	}
	if replayed != 2 || len(g.entered) != 0 {
		t.Errorf("got %d replays and %d more runs, want 2 and none", replayed, len(g.entered))
	}
}

// A handler that writes by the app it was registered with waits for the
// transaction that waits for it.
func TestHandlerThatBlocksItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{Timeout: 50 * time.Millisecond}, func(app core.App) error {
		return routes(func(e *core.ServeEvent) {
			e.Router.POST("/blocked", func(e *core.RequestEvent) error {
				collection, err := e.App.FindCollectionByNameOrId("things")
				if err != nil {
					return err
				}
				inside := core.NewRecord(collection)
				inside.Set("title", "inside")
				if err := e.App.Save(inside); err != nil {
					return err
				}
				if _, err := app.NonconcurrentDB().NewQuery("UPDATE owners SET name = ''").Execute(); err != nil {
					return err
				}
				return e.String(http.StatusOK, "done")
			})
		})(app)
	}, func(app core.App) error {
		app.OnRecordUpdateRequest("things").BindFunc(func(e *core.RecordRequestEvent) error {
			if _, err := app.NonconcurrentDB().NewQuery("UPDATE owners SET name = ''").Execute(); err != nil {
				return err
			}
			return e.Next()
		})
		return nil
	})
	for range 2 {
		r := w.send(t, http.MethodPost, "/blocked", nil, key, "k")
		expect(t, "with a key", r, http.StatusServiceUnavailable, "transaction_timeout")
		if r.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After: got %q, want 1", r.header.Get("Retry-After"))
		}
	}
	if n, stored := w.count(t, "things"), w.stored(t); n != 0 || stored != 0 {
		t.Errorf("got %d things and %d stored answers, want none", n, stored)
	}
	if r := w.send(t, http.MethodPost, "/blocked", nil); r.status != http.StatusOK {
		t.Errorf("without a key: got %d %s, want 200", r.status, r.body)
	}
	made := w.create(t, nil, key, "k2")
	r := w.send(t, http.MethodPatch, things+"/"+made.id(), map[string]any{"title": "x"}, "If-Match", made.header.Get("Etag"))
	expect(t, "with If-Match", r, http.StatusServiceUnavailable, "transaction_timeout")
	if now := w.send(t, http.MethodGet, things+"/"+made.id(), nil); now.body != made.body {
		t.Errorf("after it: got %s, want %s", now.body, made.body)
	}
}

// An answer that is given after the commit, as PocketBase does when it is told
// that it is in a transaction, is stored then.
func TestAnswerAfterTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{}, routes(func(e *core.ServeEvent) {
		e.Router.POST("/late", func(e *core.RequestEvent) error {
			answer := func(error) error { return e.String(http.StatusCreated, "late") }
			if tx := e.App.TxInfo(); tx != nil {
				tx.OnComplete(answer)
				return nil
			}
			return answer(nil)
		})
	}))
	first := w.send(t, http.MethodPost, "/late", nil, key, "k")
	if first.status != http.StatusCreated {
		t.Fatalf("got %d %s, want 201", first.status, first.body)
	}
	expectReplay(t, "again", w.send(t, http.MethodPost, "/late", nil, key, "k"), first)
}

// Two processes share no lock, only the table. Two apps on one directory do not
// either.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	config := idempotency.Config{Wait: time.Minute}
	one := newWorld(t, config)
	other := core.NewBaseApp(core.BaseAppConfig{DataDir: one.app.DataDir()})
	if _, err := idempotency.Register(other, config); err != nil {
		t.Fatal(err)
	}
	if err := other.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.ResetBootstrapState() })
	handlers := []http.Handler{one.handler, pbtest.Handler(t, other)}

	for round := range 10 {
		name := string(rune('a' + round))
		answers := make([]response, 10)
		var all sync.WaitGroup
		for i := range answers {
			all.Go(func() {
				answers[i] = send(t, handlers[i%2], http.MethodPost, things, map[string]any{"title": name}, key, name)
			})
		}
		all.Wait()
		for _, r := range answers {
			if r.status != http.StatusOK || r.body != answers[0].body {
				t.Errorf("got %d %s, want %s", r.status, r.body, answers[0].body)
			}
		}
		if n := one.count(t, "things"); n != int64(round+1) {
			t.Fatalf("got %d things after %d rounds", n, round+1)
		}
	}
}
