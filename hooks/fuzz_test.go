package hooks_test

import (
	"bytes"
	"context"
	"database/sql"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/collections"
)

// fuzzWorld is a world whose content is known, so that a change shows, and can
// be undone.
type fuzzWorld struct {
	*world
	targets []target
	order   *collections.WorkOrder
	before  string

	// watcher sees by its own data version whether anybody else has committed.
	// A dump after each request would be too slow for fuzzing.
	watcher *sql.Conn
	version int
}

func newFuzzWorld(f *testing.F) *fuzzWorld {
	f.Helper()
	w := &fuzzWorld{world: newWorld(f)}
	w.targets = w.world.targets()
	w.order = w.world.order()
	for _, name := range w.tables() {
		_, err := w.DB().NewQuery("CREATE TABLE {{saved_" + name + "}} AS SELECT * FROM {{" + name + "}}").Execute()
		w.must(err)
	}
	w.before = w.dump()
	var err error
	w.watcher, err = w.ConcurrentDB().(*dbx.DB).DB().Conn(f.Context())
	w.must(err)
	f.Cleanup(func() { _ = w.watcher.Close() })
	w.changed()
	return w
}

// changed reports whether the content is another than at first.
func (f *fuzzWorld) changed() bool {
	f.tb.Helper()
	before := f.version
	f.must(f.watcher.QueryRowContext(context.Background(), "PRAGMA data_version").Scan(&f.version))
	return f.version != before && f.dump() != f.before
}

// undo brings the content back.
func (f *fuzzWorld) undo() {
	f.tb.Helper()
	for _, name := range f.tables() {
		if strings.HasPrefix(name, "saved_") {
			continue
		}
		_, err := f.DB().NewQuery("DELETE FROM {{" + name + "}}; INSERT INTO {{" + name + "}} SELECT * FROM {{saved_" + name + "}}").Execute()
		f.must(err)
	}
	f.TestMailer.Reset()
	if f.changed() {
		f.tb.Fatal("the content could not be brought back")
	}
}

// judge checks what holds for whatever is sent: no fault of the server, nothing
// of its inner life in the answer, and nothing changed by what was refused. It
// returns whether the request was fine, after which the world is another.
func (f *fuzzWorld) judge(tb testing.TB, got answer) (fine bool) {
	tb.Helper()
	switch {
	case got.status >= 200 && got.status < 300:
		return true
	case got.status >= 400 && got.status < 500:
		got.sane(tb)
	default:
		tb.Errorf("got %d %.300s", got.status, got.body)
	}
	if f.changed() || f.TestMailer.TotalSend() != 0 {
		tb.Error("a refused request changed something or sent a mail")
		f.undo()
	}
	return false
}

// FuzzBodies sends bodies to each route that takes one. TOKEN in a body stands
// for an invitation that holds.
func FuzzBodies(f *testing.F) {
	f.Add(uint8(0), uint8(6), "application/json", []byte(`{"to":"scheduled","note":"Hello"}`))
	w := newFuzzWorld(f)
	f.Fuzz(func(t *testing.T, route, caller uint8, contentType string, body []byte) {
		w.tb = t
		g := w.targets[int(route)%len(w.targets)]
		token, _ := w.targets[2].good["token"].(string)
		body = bytes.ReplaceAll(body, []byte("TOKEN"), []byte(token))
		request := httptest.NewRequest(http.MethodPost, g.path, bytes.NewReader(body))
		request.Header["Content-Type"] = []string{contentType}
		if token := w.token(callers[int(caller)%len(callers)]); token != "" {
			request.Header.Set("Authorization", token)
		}
		if w.judge(t, w.send(request)) {
			w.undo()
		}
	})
}

// FuzzQueries asks for the board and the export with any query.
func FuzzQueries(f *testing.F) {
	f.Add(false, "from=2026-01-01&to=2026-01-31&q=lift")
	w := newFuzzWorld(f)
	f.Fuzz(func(t *testing.T, export bool, query string) {
		w.tb = t
		path := w.boardPath("")
		if export {
			path = w.exportPath("")
		}
		request := w.request("owner", http.MethodGet, path, nil)
		request.URL = &url.URL{Path: path, RawQuery: query}
		if w.judge(t, w.send(request)) && w.changed() {
			t.Error("reading changed something")
			w.undo()
		}
	})
}

// FuzzChecklists sends checklists. What is taken must be in the one form that
// is taken again as it is.
func FuzzChecklists(f *testing.F) {
	f.Add(`[{"id":"a","label":"Brakes","done":true,"required":true}]`)
	w := newFuzzWorld(f)
	f.Fuzz(func(t *testing.T, raw string) {
		w.tb = t
		path := ordersPath + "/" + w.order.Id
		got := w.ask("dispatcher", http.MethodPatch, path, `{"checklist":`+raw+`}`)
		if !w.judge(t, got) {
			return
		}
		stored := w.reload(w.order).Checklist().String()
		if !strings.HasPrefix(stored, "[") {
			t.Errorf("%q is stored as %q", raw, stored)
		}
		if again := w.ask("dispatcher", http.MethodPatch, path, `{"checklist":`+stored+`}`); again.status != http.StatusOK || w.reload(w.order).Checklist().String() != stored {
			t.Errorf("%q is stored as %q, which is then taken as %d %q", raw, stored, again.status, w.reload(w.order).Checklist())
		}
		w.undo()
	})
}
