package fastlane_test

import (
	"bufio"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// together runs all at once while the database's writer is held, so that they become
// one group, and lets go when meanwhile has returned.
func (w *world) together(tb testing.TB, meanwhile func(), all ...func()) {
	tb.Helper()
	held, release := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		err := w.app.RunInTransaction(func(core.App) error {
			close(held)
			<-release
			return nil
		})
		if err != nil {
			tb.Error(err)
		}
	})
	<-held
	for n, one := range all {
		wait.Go(one)
		pbtest.Eventually(tb, time.Minute, func() error { // in this order
			if waiting := w.plugin.Waiting(); waiting != n+1 {
				return fmt.Errorf("%d wait, want %d", waiting, n+1)
			}
			return nil
		})
	}
	if meanwhile != nil {
		meanwhile()
	}
	close(release)
	wait.Wait()
}

// insert is a job that adds a label.
func insert(id string, stay bool) fastlane.Job {
	return func(execute func(string) error) bool {
		return execute("INSERT INTO labels (id, name) VALUES ('"+id+"', 'x')") == nil && stay
	}
}

// labels are those that were added.
func (w *world) labels(tb testing.TB) string {
	tb.Helper()
	var ids []string
	if err := w.app.DB().NewQuery("SELECT id FROM labels WHERE name = 'x' ORDER BY id").Column(&ids); err != nil {
		tb.Fatal(err)
	}
	return strings.Join(ids, " ")
}

// TestGroups does jobs in one transaction, some of which fail.
func TestGroups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		jobs   []fastlane.Job
		want   string // the labels then
		done   string // one letter for each
		halves string // the labels if what fails is not undone
	}{
		"all stay":         {[]fastlane.Job{insert("a", true), insert("b", true), insert("c", true)}, "a b c", "yyy", "a b c"},
		"one fails late":   {[]fastlane.Job{insert("a", true), insert("b", false), insert("c", true)}, "a c", "yny", "a b c"},
		"one panics":       {[]fastlane.Job{insert("a", true), func(func(string) error) bool { panic("as it is meant") }, insert("c", true)}, "a c", "yny", "a c"},
		"one is twice":     {[]fastlane.Job{insert("a", true), insert("a", true), insert("c", true)}, "a c", "yny", "a c"},
		"alone and fails":  {[]fastlane.Job{insert("a", false)}, "", "n", ""},
		"all fail":         {[]fastlane.Job{insert("a", false), insert("b", false)}, "", "nn", "a b"},
		"one ends it all":  {[]fastlane.Job{insert("a", true), func(execute func(string) error) bool { return execute("ROLLBACK") != nil }, insert("c", true)}, "", "nnn", ""},
		"one ends it well": {[]fastlane.Job{insert("a", true), func(execute func(string) error) bool { return execute("ROLLBACK") == nil }}, "", "nn", ""},
		"one ends it soon": {[]fastlane.Job{func(execute func(string) error) bool { return execute("ROLLBACK") == nil }, insert("b", true)}, "", "nn", ""},
	} {
		for _, halves := range []bool{false, true} {
			if halves && c.want == c.halves || halves && c.want == "" {
				continue
			}
			t.Run(fmt.Sprintf("%s, %v", name, halves), func(t *testing.T) {
				t.Parallel()
				w, _ := newNotes(t, fastlane.Config{})
				want := c.want
				if halves {
					w.plugin.Break(fastlane.Halves)
					want = c.halves
				}
				done := make([]byte, len(c.jobs))
				var all []func()
				for n, job := range c.jobs {
					all = append(all, func() {
						done[n] = 'n'
						if w.plugin.Work(job) {
							done[n] = 'y'
						}
					})
				}
				w.together(t, nil, all...)
				if got := w.labels(t); got != want {
					t.Errorf("got labels %q, want %q", got, want)
				}
				if string(done) != c.done {
					t.Errorf("done %s, want %s", done, c.done)
				}
				if !w.plugin.Work(insert("later", true)) {
					t.Error("nothing can be written any more")
				}
			})
		}
	}
}

// TestSavepoints looks whether jobs have one, which they do when another has failed that
// had changed something.
func TestSavepoints(t *testing.T) {
	t.Parallel()
	refuse := func(func(string) error) bool { return false }
	for name, c := range map[string]struct {
		before, after fastlane.Job
		done          string
		guarded       []bool // each time that the job between them is done
		want          string // the labels
	}{
		"nothing fails":    {insert("a", true), insert("b", true), "yyy", []bool{false}, "a b"},
		"nothing was done": {refuse, insert("b", true), "nyy", []bool{false}, "b"},
		"one fails before": {insert("a", false), insert("b", true), "nyy", []bool{true}, "b"},
		"one fails after":  {insert("a", true), insert("b", false), "yyn", []bool{false, true}, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := newNotes(t, fastlane.Config{})
			var guarded []bool
			look := func(execute func(string) error) bool {
				guarded = append(guarded, execute("ROLLBACK TO fastlane") == nil)
				return true
			}
			done := []byte("nnn")
			var all []func()
			for n, job := range []fastlane.Job{c.before, look, c.after} {
				all = append(all, func() {
					if w.plugin.Work(job) {
						done[n] = 'y'
					}
				})
			}
			w.together(t, nil, all...)
			if string(done) != c.done || !slices.Equal(guarded, c.guarded) || w.labels(t) != c.want {
				t.Errorf("done %s, with savepoints %v, labels %q, want %+v", done, guarded, w.labels(t), c)
			}
		})
	}
}

// TestGathers has several write at a time, which one processor can only do one after the
// other. Nevertheless they are one group.
func TestGathers(t *testing.T) { //nolint:paralleltest // it has the processors for itself
	const rounds, writers = 20, 8
	w, _ := newNotes(t, fastlane.Config{})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var commits atomic.Int64
	w.engine.OnCommit(func(path string) {
		if filepath.Base(path) == "data.db" {
			commits.Add(1)
		}
	})
	for round := range rounds {
		var wait sync.WaitGroup
		for n := range writers {
			wait.Go(func() {
				if !w.plugin.Work(insert(fmt.Sprintf("%dx%d", round, n), true)) {
					t.Error("nothing was written")
				}
			})
		}
		wait.Wait()
	}
	if got := commits.Load(); got > rounds*writers/2 {
		t.Errorf("%d commits of %d writes, want about %d", got, rounds*writers, rounds)
	}
}

// TestWaitingWrites has something change while a write waits that was let pass.
func TestWaitingWrites(t *testing.T) {
	t.Parallel()
	const body = `{"title":"x","author":"author000000000"}`
	for name, c := range map[string]struct {
		change  func(w *world) error
		status  int
		mistake string // which lets it through
	}{
		"nothing": {func(*world) error { return nil }, http.StatusOK, ""},
		"a handler": {func(w *world) error {
			w.app.OnRecordCreate("notes").BindFunc(func(*core.RecordEvent) error { return errors.New("refused") })
			return nil
		}, http.StatusBadRequest, fastlane.SkipHooks},
		"the rule": {func(w *world) error {
			c, err := w.app.FindCachedCollectionByNameOrId("notes")
			none := "id = 'x'"
			c.CreateRule = &none
			return err
		}, http.StatusBadRequest, fastlane.StalePlans},
	} {
		for _, mistake := range []string{"", c.mistake} {
			t.Run(name+" "+mistake, func(t *testing.T) {
				t.Parallel()
				w, signedIn := newNotes(t, fastlane.Config{})
				if got := w.send(false, http.MethodPost, notes, body, signedIn); got.status != http.StatusOK {
					t.Fatalf("before: %+v", got)
				}
				want := c.status
				if mistake != "" {
					w.plugin.Break(mistake)
					want = http.StatusOK
				}
				var got answer
				w.together(t, func() {
					if err := c.change(w); err != nil {
						t.Error(err)
					}
				}, func() { got = w.send(false, http.MethodPost, notes, body, signedIn) })
				if got.status != want {
					t.Errorf("got %+v, want the status %d", got, want)
				}
			})
		}
	}
}

// TestSkippedRule is what the comparison of TestCreate is worth.
func TestSkippedRule(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{})
	w.plugin.Break(fastlane.SkipRules)
	if got := w.send(false, http.MethodPost, notes, `{"title":"x"}`, signedIn); got.status != http.StatusOK {
		t.Errorf("got %+v, want that nobody has noticed", got)
	}
}

// TestRealtimeOfWrites has a client listen, from before a write or from the moment of
// its commit.
func TestRealtimeOfWrites(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"before": true, "at the commit": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, signedIn := newNotes(t, fastlane.Config{})
			author, err := w.app.FindRecordById("users", "author000000000")
			if err != nil {
				t.Fatal(err)
			}
			client := subscriptions.NewDefaultClient()
			client.Set("auth", author)
			client.Subscribe("notes/*")
			join := func() { w.app.SubscriptionsBroker().Register(client) }
			before := w.plugin.Stats()
			if early {
				join()
			} else {
				once := sync.OnceFunc(join)
				w.engine.OnCommit(func(string) { once() })
			}
			got := w.send(false, http.MethodPost, notes, `{"title":"x","author":"author000000000"}`, signedIn)
			if got.status != http.StatusOK {
				t.Fatalf("%+v", got)
			}
			if served := w.plugin.Stats().Served > before.Served; served == early {
				t.Errorf("served is %v", served)
			}
			select {
			case message := <-client.Channel():
				if want := fmt.Sprintf(`{"record":%s,"action":"create"}`, strings.TrimSpace(got.body)); string(message.Data) != want {
					t.Errorf("got %s\nwant %s", message.Data, want)
				}
			case <-time.After(time.Minute):
				t.Error("nobody was told")
			}
		})
	}
}

// killedIn is for the process that TestKilled starts.
var killedIn = flag.String("fastlane.killed", "", "the directory of an app that writes until it is killed")

// TestKilled kills a process while it writes in groups. All that it has acknowledged
// has to be there, and of a batch all or nothing.
func TestKilled(t *testing.T) {
	t.Parallel()
	if *killedIn != "" {
		writeUntilKilled(t, *killedIn)
		return
	}
	dir := t.TempDir()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$", "-fastlane.killed="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	const enough = 300
	var acknowledged []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if acknowledged = append(acknowledged, lines.Text()); len(acknowledged) == enough {
			_ = child.Process.Kill()
		}
	}
	_ = child.Wait()
	if len(acknowledged) < enough {
		t.Fatalf("only %d lines: %q", len(acknowledged), acknowledged)
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, id := range acknowledged {
		var n int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM notes WHERE id = ? OR slug = ?", id, id).Scan(&n); err != nil || n == 0 {
			t.Errorf("%s was acknowledged and is not there: %v", id, err)
		}
	}
	var halves, whole int
	err = db.QueryRowContext(t.Context(), "SELECT count(*) FILTER (WHERE n != 3), count(*) FROM (SELECT count(*) AS n FROM notes WHERE slug LIKE 'batch%' GROUP BY slug)").Scan(&halves, &whole)
	if err != nil || halves != 0 || whole == 0 {
		t.Errorf("%d of %d batches are there in parts: %v", halves, whole, err)
	}
}

// writeUntilKilled writes and says what was acknowledged: ids, and slugs of batches.
func writeUntilKilled(t *testing.T, dir string) {
	t.Helper()
	w, signedIn := newNotesIn(t, dir)
	w.app.Settings().Batch.Enabled, w.app.Settings().Batch.MaxRequests = true, 9
	var output sync.Mutex
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for i := range 20_000 {
				said := ""
				if i%4 == 0 {
					said = fmt.Sprintf("batch%dx%d", n, i)
					one := part("POST", "notes/records", `{"title":"x","author":"author000000000","slug":"`+said+`"}`)
					if got := w.send(false, http.MethodPost, "/api/batch", `{"requests":[`+one+`,`+one+`,`+one+`]}`, signedIn); got.status != http.StatusOK {
						said = ""
					}
				} else {
					said = idOf(w.send(false, http.MethodPost, notes, `{"title":"x","author":"author000000000"}`, signedIn).body)
				}
				output.Lock()
				fmt.Println(said) //nolint:forbidigo // it is read by the test
				output.Unlock()
			}
		})
	}
	wait.Wait()
	if w.plugin.Stats().Served == 0 {
		t.Error("nothing was served")
	}
}
