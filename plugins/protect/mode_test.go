package protect_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/protect"
)

const (
	refusing  = "The disk is nearly full or cannot be written to: changes are refused until it can."
	accepting = "The disk can be written to: changes are accepted again."
)

// What still works on a disk that is nearly full, and for whom.
func TestNearlyFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protect.Config{Allow: []string{"POST /api/preview"}})
	w.disk.set(100*mib, false)
	w.awaitMode(true)
	records := "/api/collections/notes/records"
	record := records + "/" + w.record.Id
	text := map[string]any{"text": "x"}
	for _, c := range []struct {
		name, method, path, token string
		body                      any
		want                      int // 503 is a refusal of the plugin's
	}{
		{"a list", "GET", records, "", nil, 200},
		{"a record", "GET", record, "", nil, 200},
		{"a new record", "POST", records, w.user, text, 503},
		{"a change", "PATCH", record, w.user, text, 503},
		{"a deletion", "DELETE", record, w.user, nil, 503},
		{"a batch", "POST", "/api/batch", w.root, map[string]any{"requests": []any{}}, 503},
		{"a new record of a superuser", "POST", records, w.root, text, 503},
		{"a sign-up", "POST", "/api/collections/users/records", "", map[string]any{"password": "x"}, 503},
		{"a new password", "POST", "/api/collections/users/confirm-password-reset", "", nil, 503},
		{"a collection", "POST", "/api/collections", w.root, nil, 503},
		{"a backup", "POST", "/api/backups", w.root, nil, 503},
		{"a sign-in", "POST", "/api/collections/users/auth-with-password", "", map[string]any{"identity": "user@example.com", "password": pbtest.Password}, 200},
		{"a new token", "POST", "/api/collections/users/auth-refresh", w.user, nil, 200},
		{"a token for files", "POST", "/api/files/token", w.user, nil, 200},
		{"subscriptions", "POST", "/api/realtime", w.user, map[string]any{"clientId": "none"}, 404}, // it is asked
		{"a route that is said not to write", "POST", "/api/preview", "", nil, 204},
		// what is not valid: PocketBase reads them elsewhere while it writes
		{"the settings of a superuser", "PATCH", "/api/settings", w.root, map[string]any{"logs": map[string]any{"maxDays": -1}}, 400},
		{"the settings of a user", "PATCH", "/api/settings", w.user, nil, 503},
		{"a secret for Apple", "POST", "/api/settings/apple/generate-client-secret", w.root, nil, 400}, // it is asked
		{"health", "GET", "/api/health", "", nil, 200},
		{"the status, for a superuser", "GET", protect.Path, w.root, nil, 200},
		{"the status, for a user", "GET", protect.Path, w.user, nil, 403},
		{"the status, for a guest", "GET", protect.Path, "", nil, 401},
		{"the clock, for a guest", "POST", protect.ClockPath, "", nil, 503},
		{"the clock, for a superuser", "POST", protect.ClockPath, w.root, nil, 200},
		{"a deletion of a superuser", "DELETE", record, w.root, nil, 204},
	} {
		answer := w.do(c.method, c.path, c.token, c.body)
		if c.want == 503 {
			refused(t, c.name, answer)
		} else if answer.Status != c.want {
			t.Errorf("%s: got %d and %s, want %d", c.name, answer.Status, answer.Body, c.want)
		}
	}
	if status := w.p.Status(); !status.ReadOnly || status.Reason != protect.NoSpace || status.Refused == 0 || status.FreeBytes != 100*mib || status.MinBytes != 256*mib || status.LeaveBytes != 384*mib {
		t.Errorf("got %+v", status)
	}
	if got := w.p.Degraded(t.Context()); !strings.Contains(got, "nearly full") {
		t.Errorf("the health check: got %q", got)
	}
	figures := map[string]float64{}
	w.p.Figures(func(name, _ string, value float64) { figures[name] = value })
	if figures["read_only"] != 1 || figures["disk_free_bytes"] != 100*mib || figures["refused_total"] == 0 {
		t.Errorf("got %v", figures)
	}

	w.disk.set(300*mib, false) // more than the minimum, and not enough to begin again
	if w.p.Degraded(t.Context()) == "" {
		t.Error("it writes with 300 MiB free, want 384 MiB")
	}
	w.disk.set(400*mib, false)
	w.awaitMode(false)
	if _, answer := w.create("again"); answer.Status != http.StatusOK {
		t.Errorf("when there is space again: got %d and %s", answer.Status, answer.Body)
	}
	w.awaitLogged(refusing, 1)
	w.awaitLogged(accepting, 1)
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		config   protect.Config
		free     uint64
		readOnly bool // the file system, of 1000 MiB
		want     protect.Reason
	}{
		{"enough", protect.Config{}, 256 * mib, false, ""},
		{"too little", protect.Config{}, 256*mib - 1, false, protect.NoSpace},
		{"no bound", protect.Config{MinFree: -1}, 0, false, ""},
		{"of the size", protect.Config{MinFree: -1, MinFreePercent: 5}, 49 * mib, false, protect.NoSpace},
		{"enough of the size", protect.Config{MinFree: -1, MinFreePercent: 5}, 50 * mib, false, ""},
		{"the larger one", protect.Config{MinFree: mib, MinFreePercent: 5}, 49 * mib, false, protect.NoSpace},
		{"read-only", protect.Config{}, 900 * mib, true, protect.ReadOnlyDisk},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			d.set(c.free, c.readOnly)
			c.config.Space = d.of
			_, p := mustOpen(t, t.TempDir(), c.config)
			p.Degraded(t.Context())
			if got := p.Status().Reason; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// Writers go on while SQLite says that the disk is full: none is told that its change
// was made that was not, none that it is to blame, and all go on when there is space.
func TestSQLiteIsFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protect.Config{})
	limit := func(pages string) {
		t.Helper()
		if _, err := w.app.NonconcurrentDB().NewQuery("PRAGMA max_page_count = " + pages).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // as many as there are
	big := strings.Repeat("x", 20_000)
	var mu sync.Mutex
	var acknowledged []string
	statuses := map[int]int{}
	write := func(n int) {
		for i := range n {
			id, answer := w.create(fmt.Sprint(i, big))
			mu.Lock()
			if id != "" {
				acknowledged = append(acknowledged, id)
			}
			statuses[answer.Status]++
			mu.Unlock()
			if answer.Status != http.StatusOK {
				refused(t, "a note", answer)
			}
		}
	}
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() { write(25) })
	}
	writers.Wait()
	if statuses[http.StatusServiceUnavailable] == 0 {
		t.Fatalf("got %v, want some to be refused", statuses)
	}
	if got := w.p.Status(); got.Reason != protect.WritesFail || !strings.Contains(got.Detail, "full") {
		t.Errorf("got %+v", got)
	}
	limit("1000000")
	w.awaitMode(false)
	write(3)
	if got := statuses[http.StatusOK]; got < 3 {
		t.Errorf("got %d notes after there was space", got)
	}
	for _, id := range acknowledged {
		if _, err := w.app.FindRecordById("notes", id); err != nil {
			t.Errorf("a note that was acknowledged: %v", err)
		}
	}
	var rows int
	if err := w.app.DB().NewQuery("SELECT COUNT(*) FROM notes").Row(&rows); err != nil || rows != len(acknowledged)+1 {
		t.Errorf("got %d rows, error %v, want %d", rows, err, len(acknowledged)+1)
	}
}

// A disk that turns read-only, and back, under a database that is open.
func TestSQLiteIsReadOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protect.Config{})
	query := func(on string) {
		t.Helper()
		if _, err := w.app.NonconcurrentDB().NewQuery("PRAGMA query_only = " + on).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	query("ON")
	_, answer := w.create("x")
	refused(t, "the first one", answer)
	w.awaitMode(true)
	_, answer = w.create("x")
	refused(t, "the second one", answer)
	if answer := w.do("GET", "/api/collections/notes/records", "", nil); answer.Status != http.StatusOK {
		t.Errorf("a list: got %d", answer.Status)
	}
	query("OFF")
	w.awaitMode(false)
	if _, answer = w.create("x"); answer.Status != http.StatusOK {
		t.Errorf("afterwards: got %d and %s", answer.Status, answer.Body)
	}
}

// Whatever of a request the disk does not take, the client is not to blame. What it
// takes, the client is.
func TestErrorsOfTheDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protect.Config{Interval: time.Hour})
	var failure error
	w.app.OnRecordCreateExecute("notes").BindFunc(func(e *core.RecordEvent) error {
		if failure != nil {
			return fmt.Errorf("store a file: %w", failure)
		}
		return e.Next()
	})
	failure = errors.New("it is not valid")
	if _, answer := w.create("x"); answer.Status != http.StatusBadRequest || w.p.ReadOnly() {
		t.Errorf("another error: got %d and read only %v", answer.Status, w.p.ReadOnly())
	}
	failure = syscall.ENOSPC
	_, answer := w.create("x")
	refused(t, "a file that finds no space", answer)
	failure = nil
	// it may have been the disk of temporary files: that of the database takes changes
	if _, answer := w.create("x"); answer.Status != http.StatusOK || w.p.ReadOnly() {
		t.Errorf("after a file that found no space elsewhere: got %d and read only %v", answer.Status, w.p.ReadOnly())
	}
}

// A file that finds no space, on a disk that takes nothing of the database either.
func TestFilesAndDatabaseFindNoSpace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protect.Config{})
	w.app.OnRecordCreateExecute("notes").BindFunc(func(*core.RecordEvent) error { return fmt.Errorf("store a file: %w", syscall.ENOSPC) })
	if _, err := w.app.NonconcurrentDB().NewQuery("PRAGMA max_page_count = 1").Execute(); err != nil {
		t.Fatal(err)
	}
	_, answer := w.create("x")
	refused(t, "a file that finds no space", answer)
	w.awaitMode(true)
	if _, err := w.app.NonconcurrentDB().NewQuery("PRAGMA max_page_count = 1000000").Execute(); err != nil {
		t.Fatal(err)
	}
	w.awaitMode(false)
}

// A disk that goes to and fro is tried less and less often, and what the log holds of
// it is two lines each time.
func TestToAndFro(t *testing.T) {
	t.Parallel()
	clocks := newClocks()
	w := newWorld(t, protect.Config{Clock: clocks.wall, Elapsed: clocks.elapsed, Interval: time.Second})
	turn := func(free uint64) {
		w.disk.set(free, false)
		w.p.Degraded(t.Context()) // which looks
	}
	for _, pause := range []time.Duration{1, 2, 4, 8} {
		turn(0)
		if !w.p.ReadOnly() {
			t.Fatal("it writes to a full disk")
		}
		clocks.pass(pause*time.Second - 1)
		turn(900 * mib)
		if !w.p.ReadOnly() {
			t.Errorf("it writes again within %d s", pause)
		}
		clocks.pass(1)
		turn(900 * mib)
		if w.p.ReadOnly() {
			t.Errorf("it does not write again after %d s", pause)
		}
	}
	clocks.pass(2 * time.Minute)
	turn(0)
	clocks.pass(time.Second)
	turn(900 * mib)
	if w.p.ReadOnly() {
		t.Error("after a while without trouble: it does not write again after 1 s")
	}
}

// Lines of the log are kept while the app only reads, and written afterwards.
func TestLogLinesAreHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, protect.Config{})
	w.disk.set(0, false)
	w.awaitMode(true)
	w.app.Logger().Warn("held")
	if err := w.app.AuxSave(line("held")); err != nil {
		t.Errorf("save a line: %v", err)
	}
	if n, err := w.logged("held"); n != 0 || err != nil {
		t.Errorf("got %d lines, error %v, want none while the disk is full", n, err)
	}
	w.disk.set(900*mib, false)
	w.awaitLogged("held", 2)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	if err := (protect.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	bad := protect.Config{
		MinFree: 100, LeaveFree: 50, MinFreePercent: 91, LeaveFreePercent: 96, Interval: -1, CheckFor: -2,
		ClockTolerance: 1, ClockHold: 1, Allow: []string{"/api/x"},
	}
	err := bad.Validate()
	for _, option := range []string{"LeaveFree ", "MinFreePercent ", "LeaveFreePercent", "Interval", "CheckFor", "ClockTolerance", "ClockHold", "Allow"} {
		if err == nil || !strings.Contains(err.Error(), "protect: "+option) {
			t.Errorf("%s is not reported: %v", option, err)
		}
	}
	app := pbtest.New(t)
	if _, err := protect.Register(app, protect.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := protect.Register(app, protect.Config{}); err == nil {
		t.Error("a second one was registered")
	}
}
