package webhooks_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// killRounds is how often the process is killed, each time on the data that the
// last one left.
const killRounds = 3

// shortLease is over when the next process starts. longLease is not over because
// the machine was busy for a moment.
const shortLease, longLease = 200 * time.Millisecond, 3 * time.Second

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "sender" {
		fmt.Fprintln(os.Stdout, "ended", sendUntilKilled(os.Args[2], os.Args[3]))
		return
	}
	m.Run()
}

// open opens an app in a directory, as the program does.
func open(dir string, lease time.Duration) (core.App, *changes.Log, *webhooks.Plugin, error) {
	engine := sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: engine.Connect})
	log, err := changes.Register(app, changes.Config{Engine: engine, Lease: lease})
	if err != nil {
		return nil, nil, nil, err
	}
	config := fast()
	config.Log, config.Lease = log, lease
	p, err := webhooks.Register(app, config)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := app.Bootstrap(); err != nil {
		return nil, nil, nil, err
	}
	if _, err := app.FindCollectionByNameOrId("orders"); err != nil {
		if err := app.RunAllMigrations(); err != nil {
			return nil, nil, nil, err
		}
		if err := makeCollections(app); err != nil {
			return nil, nil, nil, err
		}
	}
	return app, log, p, nil
}

// sendUntilKilled is the process that is killed: it writes, says what it has
// written, and sends.
func sendUntilKilled(dir, prefix string) error {
	app, log, p, err := open(dir, shortLease)
	if err != nil {
		return err
	}
	log.Start()
	p.Start()
	orders, err := app.FindCollectionByNameOrId("orders")
	if err != nil {
		return err
	}
	var mu sync.Mutex
	failed := make(chan error)
	for worker := range 3 {
		go func() {
			for n := 0; ; n++ {
				record := core.NewRecord(orders)
				record.Set("title", fmt.Sprint(prefix, worker, n))
				for count := 1; count <= 3; count++ {
					record.Set("count", count)
					if err := app.Save(record); err != nil {
						failed <- err
					}
					mu.Lock()
					fmt.Fprintln(os.Stdout, record.Id, count)
					mu.Unlock()
				}
			}
		}()
	}
	return <-failed
}

// TestKilledProcess kills a process that writes and sends. In the end all that was
// written has been sent, in order per record.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWitness(5)
	r := newReceiver(t, func(writer http.ResponseWriter, _ *http.Request, c call) {
		w.see(c)
		if w.chance(10) == 0 {
			writer.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.acknowledge(c)
	})
	app, _, _, err := open(dir, shortLease)
	if err != nil {
		t.Fatal(err)
	}
	addEndpoint(t, app, r.URL, nil)
	pbtest.Terminate(t, app)

	written := map[string]int{}
	for round := range killRounds {
		killASender(t, dir, fmt.Sprint(round), w, written)
	}
	app, log, p, err := open(dir, shortLease)
	if err != nil {
		t.Fatal(err)
	}
	defer pbtest.Terminate(t, app)
	log.Start()
	p.Start()
	// what was committed unheard counts as well
	rows := []struct {
		ID    string `db:"id"`
		Count int    `db:"count"`
	}{}
	if err := app.DB().NewQuery("SELECT id, CAST(count AS INTEGER) AS count FROM orders").All(&rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Count < written[row.ID] {
			t.Errorf("%s was written up to %d and is at %d", row.ID, written[row.ID], row.Count)
		}
	}
	pbtest.Eventually(t, time.Minute, func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		missing := 0
		for _, row := range rows {
			if w.acknowledged[row.ID] < row.Count {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d of %d records have not been sent to their end", missing, len(rows))
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, problem := range w.problems {
		t.Error(problem)
	}
	if len(rows) < killRounds*5 {
		t.Errorf("only %d records were written", len(rows))
	}
	t.Logf("%d records, %d different events", len(rows), len(w.tries))
}

// killASender lets a process write and send for a while, and kills it in the
// middle of both.
func killASender(t *testing.T, dir, round string, w *witness, written map[string]int) {
	t.Helper()
	child := pbtest.StartChild(t, "sender", dir, round)
	enough := 30 + w.chance(40)
	heard := 0
	for line := range child.Lines() {
		var id string
		var count int
		if n, _ := fmt.Sscan(line, &id, &count); n != 2 || strings.HasPrefix(line, "ended") {
			t.Errorf("the process said %q", line)
			break
		}
		written[id] = count
		if heard++; heard == enough {
			child.KillWithin(5 * time.Millisecond)
		}
	}
	child.Wait()
}

// TestTwoProcesses lets two apps work on one database. Each event is sent by one
// of them, and when it ends, by the other.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWitness(9)
	r := newReceiver(t, func(_ http.ResponseWriter, _ *http.Request, c call) {
		w.see(c)
		w.acknowledge(c)
	})
	first, firstLog, firstHooks, err := open(dir, longLease)
	if err != nil {
		t.Fatal(err)
	}
	addEndpoint(t, first, r.URL, nil)
	second, secondLog, secondHooks, err := open(dir, longLease)
	if err != nil {
		t.Fatal(err)
	}
	defer pbtest.Terminate(t, second)
	firstLog.Start()
	firstHooks.Start()
	secondLog.Start()
	secondHooks.Start()
	var writers sync.WaitGroup
	for _, app := range []core.App{first, second} {
		writers.Go(func() {
			for range 10 {
				record := addRecord(t, app, "orders", map[string]any{"count": 1})
				for n := 2; n <= 3; n++ {
					change(t, app, record, map[string]any{"count": n})
				}
			}
		})
	}
	writers.Wait()
	pbtest.Eventually(t, patience, func() error { return w.missing(20, 3) })
	pbtest.Terminate(t, first)
	record := addRecord(t, second, "orders", map[string]any{"count": 1})
	for n := 2; n <= 3; n++ {
		change(t, second, record, map[string]any{"count": n})
	}
	pbtest.Eventually(t, patience, func() error { return w.missing(21, 3) })

	w.mu.Lock()
	defer w.mu.Unlock()
	for event, n := range w.tries {
		if n > 1 {
			t.Errorf("%s was sent %d times", event, n)
		}
	}
}
