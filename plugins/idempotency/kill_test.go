package idempotency_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "dies" {
		fmt.Fprintln(os.Stderr, "the process goes on:", halt(os.Args[2], os.Args[3]))
		return
	}
	m.Run()
}

// The moments at which the process is killed.
const (
	beforeCommit = "before the commit" // the record is written, and the answer is not stored
	afterCommit  = "after the commit"  // and before the answer is sent
)

// request is what the process dies of, and what is sent again.
var request = struct {
	body    map[string]any
	headers []string
}{map[string]any{"title": "survivor"}, []string{key, "k"}}

// halt sends the request to an app on dir, and stands still within it.
func halt(dir, moment string) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if _, err := idempotency.Register(app, idempotency.Config{}); err != nil {
		return err
	}
	stand := func(e *core.RecordEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, moment)
		<-time.After(time.Hour)
		return nil
	}
	if moment == beforeCommit {
		app.OnRecordCreate("things").BindFunc(stand)
	} else {
		app.OnRecordAfterCreateSuccess("things").BindFunc(stand)
	}
	if err := app.Bootstrap(); err != nil {
		return err
	}
	tb := new(mute)
	answer := send(tb, pbtest.Handler(tb, app), http.MethodPost, things, request.body, request.headers...)
	return fmt.Errorf("answered %d %s", answer.status, answer.body)
}

// mute lets the process use the helpers of tests.
type mute struct{ testing.TB }

func (*mute) Helper()                  {}
func (*mute) Context() context.Context { return context.Background() }

func TestKilledBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	for moment, replayed := range map[string]string{beforeCommit: "false", afterCommit: "true"} {
		t.Run(moment, func(t *testing.T) {
			t.Parallel()
			dir := template.New(t).DataDir()
			child := pbtest.StartChild(t, "dies", dir, moment)
			if line, ok := child.Line(); !ok || line != moment {
				t.Fatalf("the process says %q, want that it is %s", line, moment)
			}
			child.KillWithin(time.Nanosecond)
			child.Wait()

			app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
			if _, err := idempotency.Register(app, idempotency.Config{}); err != nil {
				t.Fatal(err)
			}
			if err := app.Bootstrap(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = app.ResetBootstrapState() })
			left, err := app.FindAllRecords("things", dbx.HashExp{"title": "survivor"})
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{beforeCommit: 0, afterCommit: 1}[moment]; len(left) != want {
				t.Fatalf("the process left %d records, want %d", len(left), want)
			}

			again := send(t, pbtest.Handler(t, app), http.MethodPost, things, request.body, request.headers...)
			if again.status != http.StatusOK || again.replayed() != replayed {
				t.Errorf("the retry: got %d %s replayed %q, want 200 replayed %q", again.status, again.body, again.replayed(), replayed)
			}
			now, err := app.FindAllRecords("things", dbx.HashExp{"title": "survivor"})
			if err != nil || len(now) != 1 || now[0].Id != again.id() {
				t.Errorf("after the retry: got %d records, error %v, want the one of the answer", len(now), err)
			}
			if len(left) == 1 && left[0].Id != again.id() {
				t.Errorf("the retry was answered with %s, want the record that the dead process had made", again.id())
			}
		})
	}
}
