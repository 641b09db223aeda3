package protect_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/protect"
)

// patience is how long a test waits for what comes by itself.
const patience = 90 * time.Second

const mib = 1 << 20

// disk is a file system that a test fills.
type disk struct {
	mu    sync.Mutex
	space protect.Space
}

func (d *disk) set(free uint64, readOnly bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.space = protect.Space{Free: free, Total: 1000 * mib, ReadOnly: readOnly}
}

func (d *disk) of(string) (protect.Space, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.space, nil
}

// newDisk returns one with space.
func newDisk() *disk {
	d := &disk{}
	d.set(900*mib, false)
	return d
}

// world is an app with a collection "notes" that everybody may write to, on a data
// directory of its own.
type world struct {
	t       *testing.T
	app     core.App
	p       *protect.Plugin
	handler http.Handler
	user    string // a token
	root    string // a superuser's
	record  *core.Record
	disk    *disk
}

// open opens an app, as a process that begins would.
func open(dir string, config protect.Config) (core.App, *protect.Plugin, error) {
	engine := sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: engine.Connect})
	config.Statements = engine
	if config.Interval == 0 {
		config.Interval = 10 * time.Millisecond
	}
	p, err := protect.Register(app, config)
	if err != nil {
		return nil, nil, err
	}
	return app, p, app.Bootstrap()
}

func mustOpen(t *testing.T, dir string, config protect.Config) (core.App, *protect.Plugin) {
	t.Helper()
	app, p, err := open(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	return app, p
}

// newWorld returns an app that serves.
func newWorld(t *testing.T, config protect.Config) *world {
	t.Helper()
	w := &world{t: t, disk: newDisk()}
	if config.Space == nil {
		config.Space = w.disk.of
	}
	w.app, w.p = mustOpen(t, t.TempDir(), config)
	if err := w.app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	notes := core.NewBaseCollection("notes")
	notes.Fields.Add(&core.TextField{Name: "text", Max: 1_000_000}, &core.FileField{Name: "file", MaxSize: mib})
	notes.ListRule, notes.ViewRule, notes.CreateRule = types.Pointer(""), types.Pointer(""), types.Pointer("")
	notes.UpdateRule, notes.DeleteRule = types.Pointer(""), types.Pointer("")
	if err := w.app.Save(notes); err != nil {
		t.Fatal(err)
	}
	_, w.user = pbtest.User(t, w.app, "users", map[string]any{"email": "user@example.com"})
	w.root = pbtest.Superuser(t, w.app)
	w.record = core.NewRecord(notes)
	if err := w.app.Save(w.record); err != nil {
		t.Fatal(err)
	}
	w.app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.POST("/api/preview", func(e *core.RequestEvent) error { return e.NoContent(http.StatusNoContent) })
		return e.Next()
	})
	w.handler = pbtest.Handler(t, w.app)
	return w
}

// do sends a request.
func (w *world) do(method, path, token string, body any) pbtest.Response {
	w.t.Helper()
	return pbtest.Do(w.t, w.handler, pbtest.Request{Method: method, Path: path, Token: token, Body: body})
}

// create writes a note, and returns its id if that was acknowledged.
func (w *world) create(text string) (id string, answer pbtest.Response) {
	w.t.Helper()
	answer = w.do("POST", "/api/collections/notes/records", "", map[string]any{"text": text})
	if answer.Status != http.StatusOK {
		return "", answer
	}
	var record struct{ ID string }
	answer.JSON(w.t, &record)
	return record.ID, answer
}

// refused wants an answer to be that the app only reads.
func refused(t *testing.T, what string, answer pbtest.Response) {
	t.Helper()
	var body struct {
		Message string
		Data    struct{ Code string }
	}
	answer.JSON(t, &body)
	if answer.Status != http.StatusServiceUnavailable || body.Data.Code != protect.CodeReadOnly || answer.Header.Get("Retry-After") != "30" {
		t.Errorf("%s: got %d, Retry-After %q and %s, want 503 and %s", what, answer.Status, answer.Header.Get("Retry-After"), answer.Body, protect.CodeReadOnly)
	}
}

// awaitMode waits until the app only reads, or writes.
func (w *world) awaitMode(readOnly bool) {
	w.t.Helper()
	pbtest.Eventually(w.t, patience, func() error {
		if got := w.p.ReadOnly(); got != readOnly {
			return fmt.Errorf("read only: got %v, want %v", got, readOnly)
		}
		return nil
	})
}

// logged counts the lines of PocketBase's log with a message.
func (w *world) logged(message string) (n int, err error) {
	err = w.app.AuxDB().NewQuery("SELECT COUNT(*) FROM _logs WHERE message = {:m}").Bind(dbx.Params{"m": message}).Row(&n)
	return n, err
}

// awaitLogged waits until PocketBase has written a line n times. It collects them for
// some seconds.
func (w *world) awaitLogged(message string, n int) {
	w.t.Helper()
	pbtest.Eventually(w.t, patience, func() error {
		got, err := w.logged(message)
		if err == nil && got != n {
			err = fmt.Errorf("%q: logged %d times, want %d", message, got, n)
		}
		return err
	})
}

// clocks are a machine's: one that is set, and one that nobody sets.
type clocks struct {
	wall *clocktest.Clock
	mu   sync.Mutex
	up   time.Duration
}

func newClocks() *clocks { return &clocks{wall: clocktest.New(time.Now())} }

// pass lets time pass.
func (c *clocks) pass(d time.Duration) {
	c.wall.Advance(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up += d
}

func (c *clocks) elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

func auxiliaryPath(app core.App) string { return filepath.Join(app.DataDir(), "auxiliary.db") }

// serve lets the background work.
func serve(t *testing.T, app core.App) {
	t.Helper()
	pbtest.Handler(t, app)
}
