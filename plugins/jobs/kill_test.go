package jobs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/jobs"
)

// How much TestKilledProcess does. The whole of it takes minutes:
//
//	go test ./plugins/jobs -run TestKilledProcess -kill.jobs=50000 -kill.times=20 -timeout=30m
var (
	killJobs  = flag.Int("kill.jobs", 3000, "how many jobs TestKilledProcess enqueues")
	killTimes = flag.Int("kill.times", 6, "how often it kills the process")
)

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "worker" {
		fmt.Fprintln(os.Stdout, "ended", workUntilKilled(os.Args[2], os.Args[3]))
		return
	}
	m.Run()
}

// shortConfig lets the next process go on soon after one was killed.
func shortConfig() jobs.Config {
	return jobs.Config{Lease: 200 * time.Millisecond, PollInterval: 20 * time.Millisecond, Queues: map[string]int{jobs.DefaultQueue: 20}, MaxAttempts: 1000, Backoff: never}
}

// witness is who effects are on: the outside world, which does nothing twice for
// one job.
type witness struct {
	calls   int            // however often
	applied map[string]int // orders by job
}

// TestKilledProcess kills a process that enqueues jobs, each with an order in one
// transaction, rolls back some, and runs jobs all the while. Afterwards each order
// that was committed has had its effect on the witness by exactly one job, and in
// the database exactly once; none that was rolled back has had any.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(9, 9))
	said := &witness{applied: map[string]int{}}
	committed := map[string]bool{} // what the process heard of its commits
	orders := *killJobs / 2        // each has two jobs
	each := orders / (*killTimes + 1)
	for round := range *killTimes {
		killAWorker(t, dir, round, each, random, said, committed)
	}

	app, p := openKilled(t, dir)
	handleOrders(t, app, p, func(line string) { said.hear(t, line, committed) })
	for n := len(committed); n < orders; n++ { // in peace
		if err := addOrder(app, fmt.Sprintf("last%d", n), nil); err != nil {
			t.Fatal(err)
		}
		committed[fmt.Sprintf("last%d", n)] = true
	}
	p.Start()
	pbtest.Eventually(t, 10*time.Minute, func() error {
		stats, err := p.Stats(t.Context())
		left := stats.States[jobs.StatePending] + stats.States[jobs.StateScheduled] + stats.States[jobs.StateRunning]
		if err == nil && left > 0 {
			err = fmt.Errorf("%d jobs are left", left)
		}
		return err
	})
	pbtest.Terminate(t, app)
	said.check(t, dir, committed)
}

// check compares what was committed, what was rolled back and what was done.
func (w *witness) check(t *testing.T, dir string, committed map[string]bool) {
	t.Helper()
	app, p := openKilled(t, dir)
	var orders []struct {
		Name    string `db:"name"`
		Effects int    `db:"effects"`
	}
	if err := app.DB().NewQuery("SELECT name, effects FROM orders").All(&orders); err != nil {
		t.Fatal(err)
	}
	stored := map[string]bool{}
	jobsOf := map[string]int{}
	handleMu.Lock()
	for job := range w.applied {
		jobsOf[strings.SplitN(job, "/", 2)[1]]++
	}
	handleMu.Unlock()
	for _, o := range orders {
		stored[o.Name] = true
		if strings.HasPrefix(o.Name, "rolled") {
			t.Errorf("order %s was rolled back and is there", o.Name)
		}
		if jobsOf[o.Name] != 1 || o.Effects != 1 {
			t.Errorf("order %s: got %d jobs with an effect on the witness and %d effects in the database, want one each", o.Name, jobsOf[o.Name], o.Effects)
		}
	}
	for name := range committed {
		if !stored[name] {
			t.Errorf("order %s was committed and is gone", name)
		}
	}
	for name := range jobsOf {
		if !stored[name] {
			t.Errorf("a job ran for order %s, which was not committed", name)
		}
	}
	stats, err := p.Stats(t.Context())
	if err != nil || stats.States[jobs.StateDead] > 0 || stats.States[jobs.StateDone] != int64(2*len(orders)) {
		t.Errorf("got %v, error %v, want two done jobs of each of %d orders", stats.States, err, len(orders))
	}
	t.Logf("%d orders, %d effects asked for, %d applied", len(orders), w.calls, len(w.applied))
}

// handleMu guards the witness: jobs call it side by side.
var handleMu sync.Mutex

// hear takes a line of the process: "effect <job> <order>" asks the witness for an
// effect, "ack <order>" says that a transaction was committed.
func (w *witness) hear(t *testing.T, line string, committed map[string]bool) {
	t.Helper()
	handleMu.Lock()
	defer handleMu.Unlock()
	words := strings.Fields(line)
	switch {
	case len(words) == 2 && words[0] == "ack":
		committed[words[1]] = true
	case len(words) == 3 && words[0] == "effect":
		w.calls++
		if key := words[1] + "/" + words[2]; w.applied[key] == 0 {
			w.applied[key] = 1
		}
	default:
		t.Errorf("the process said %q", line)
	}
}

func killAWorker(t *testing.T, dir string, round, enough int, random *rand.Rand, said *witness, committed map[string]bool) {
	t.Helper()
	child := pbtest.StartChild(t, "worker", dir, fmt.Sprint(round))
	before, enough := len(committed), len(committed)+enough/2+random.IntN(enough)
	for line := range child.Lines() {
		said.hear(t, line, committed)
		if len(committed) >= enough {
			child.KillWithin(10 * time.Millisecond) // somewhere in what it does next
		}
	}
	child.Wait()
	if len(committed) == before {
		t.Errorf("round %d: the process committed nothing", round)
	}
}

func openKilled(t *testing.T, dir string) (core.App, *jobs.Plugin) {
	t.Helper()
	app, p, err := openWorker(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	return app, p
}

func openWorker(dir string) (core.App, *jobs.Plugin, error) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	p, err := jobs.Register(app, shortConfig())
	if err != nil {
		return nil, nil, err
	}
	if err := app.Bootstrap(); err != nil {
		return nil, nil, err
	}
	_, err = app.NonconcurrentDB().NewQuery("CREATE TABLE IF NOT EXISTS orders (name TEXT PRIMARY KEY, effects INTEGER NOT NULL DEFAULT 0)").Execute()
	return app, p, err
}

func handleOrders(t *testing.T, app core.App, p *jobs.Plugin, say func(line string)) {
	t.Helper()
	if err := handleKinds(app, p, say); err != nil {
		t.Fatal(err)
	}
}

// handleKinds has one kind whose effect is on the witness, and one whose effect is
// in the database, in the transaction that completes its job.
func handleKinds(app core.App, p *jobs.Plugin, say func(line string)) error {
	return errors.Join(
		jobs.Handle(p, "outside", func(_ context.Context, job jobs.Job[task]) error {
			say(fmt.Sprintf("effect %s %s", job.ID, job.Args.Name))
			return nil
		}),
		jobs.Handle(p, "inside", func(_ context.Context, job jobs.Job[task]) error {
			return app.RunInTransaction(func(tx core.App) error {
				_, err := tx.DB().NewQuery("UPDATE orders SET effects = effects + 1 WHERE name = '" + job.Args.Name + "'").Execute()
				return errors.Join(err, job.Complete(tx))
			})
		}))
}

// addOrder stores an order with its two jobs, and fails with after if that is set.
func addOrder(app core.App, name string, after error) error {
	return app.RunInTransaction(func(tx core.App) error {
		_, first := jobs.Enqueue(tx, "outside", task{name})
		_, err := tx.DB().NewQuery("INSERT INTO orders (name) VALUES ('" + name + "')").Execute()
		_, second := jobs.Enqueue(tx, "inside", task{name})
		return errors.Join(first, err, second, after)
	})
}

// workUntilKilled is the process that is killed.
func workUntilKilled(dir, round string) error {
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(os.Stdout, line+"\n")
	}
	app, p, err := openWorker(dir)
	if err != nil {
		return err
	}
	if err := handleKinds(app, p, say); err != nil {
		return err
	}
	p.Start()
	failed := make(chan error)
	rolledBack := errors.New("rolled back")
	var n atomic.Int64
	for range 3 {
		go func() {
			for {
				i := n.Add(1)
				if i%5 == 0 {
					if err := addOrder(app, fmt.Sprintf("rolled%sn%d", round, i), rolledBack); !errors.Is(err, rolledBack) {
						failed <- err
					}
				}
				name := fmt.Sprintf("r%sn%d", round, i)
				if err := addOrder(app, name, nil); err != nil {
					failed <- err
				}
				say("ack " + name)
			}
		}()
	}
	return <-failed
}
