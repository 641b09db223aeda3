package jobs_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdall-go/holdall/plugins/jobs"
)

// TestCommand goes through the commands; each starts from what the last has left.
func TestCommand(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "holdall", SilenceErrors: true, SilenceUsage: true}
	app, p := newQueue(t, jobs.Config{RootCmd: root, EnqueueOnly: true})
	handle(t, p, "note", nothing)
	id := enqueue(t, app, "note", "x", jobs.Delay(time.Hour))
	dead := enqueue(t, app, "note", "y")
	kill(t, app, dead)

	for _, c := range []struct {
		args string
		has  string // in the output, or in the error behind a !
	}{
		{"list", id},
		{"list --state dead", "no\\npaper"},
		{"list --state nope", `!there is no state "nope"`},
		{"list --limit 1", "There are more: --after"},
		{"list --json --kind note", `"state":"scheduled"`},
		{"show " + id, `"name": "x"`},
		{"show nope", "!\"jobs list\" and \"jobs stats\" show what there is"},
		{"show", "!accepts 1 arg"},
		{"retry", "!give the ids of jobs, or --dead"},
		{"retry --dead " + id, "!give the ids of jobs, or --dead"},
		{"retry --dead --kind other", "0 to run again"},
		{"retry --dead --json", `{"retried":1}`},
		{"retry " + id, "1 to run again"},
		{"retry " + id, "!the state of the job does not allow it"},
		{"cancel " + id + " nope", "!there is none of that name"},
		{"cancel " + id, "!the state of the job does not allow it"}, // the last command has
		{"list --state cancelled --json", id},
		{"pause default", "1 paused"},
		{"stats", "paused"},
		{"stats --json", `"pending":1`},
		{"resume default --json", `{"resumed":["default"]}`},
		{"pause nope", "!there is none of that name"},
	} {
		out, err := execute(root, strings.Fields("jobs "+c.args)...)
		if want, wantsError := strings.CutPrefix(c.has, "!"); wantsError {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got error %v, want %q", c.args, err, want)
			}
			continue
		}
		if want := strings.ReplaceAll(c.has, "\\n", " "); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: got %q, error %v, want %q", c.args, out, err, want)
		}
		if strings.Contains(c.args, "--json") && !json.Valid([]byte(out)) {
			t.Errorf("%s: got %q, want JSON", c.args, out)
		}
	}
}

func execute(root *cobra.Command, args ...string) (string, error) {
	for _, c := range root.Commands() { // cobra keeps the flags of the run before
		for _, sub := range c.Commands() {
			sub.Flags().VisitAll(func(f *pflag.Flag) { _ = f.Value.Set(f.DefValue) })
		}
	}
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.Execute()
	return out.String(), err
}

// kill makes the job dead.
func kill(t *testing.T, app core.App, id string) {
	t.Helper()
	_, err := app.DB().NewQuery(`UPDATE _jobs SET state = 'dead', finishedAt = 1, errors = '[{"error":"no\npaper"}]' WHERE id = '` + id + `'`).Execute()
	if err != nil {
		t.Fatal(err)
	}
}
