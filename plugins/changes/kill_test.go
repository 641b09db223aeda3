package changes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// killRounds is how often the writing process is killed, each time on the data
// that the last one left.
const killRounds = 6

// shortLease is over when the next process starts.
const shortLease = 150 * time.Millisecond

// TestMain lets this binary be the process that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "writer" {
		fmt.Fprintln(os.Stdout, "ended", writeUntilKilled(os.Args[2], os.Args[3]))
		return
	}
	m.Run()
}

// TestKilledProcess kills a process that writes in several ways, changes a
// collection now and then and feeds two consumers. What it acknowledged has to
// be there, the log has to agree with the tables, no position is given out twice,
// and the consumers have to see everything in the end.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, _ := newApp(t, dir)
	pbtest.Terminate(t, app)

	random := rand.New(rand.NewPCG(7, 7))
	said := testimony{facts: map[string]string{}, saw: map[string]bool{}}
	for round := range killRounds {
		previous := said.head
		killAWriter(t, dir, round, random, &said)
		if said.head <= previous {
			t.Fatalf("round %d: the process wrote nothing", round)
		}
		app, log := newApp(t, dir)
		said.check(t, app, log)
		head, err := log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := create(app, "projects", id(fmt.Sprint("r", round)), nil); err != nil {
			t.Fatal(err)
		}
		page, err := log.Read(t.Context(), head, 10)
		if err != nil || len(page.Changes) != 1 || page.Changes[0].Seq <= said.head {
			t.Errorf("round %d: after position %d the next change is %+v, error %v", round, said.head, page.Changes, err)
		}
		pbtest.Terminate(t, app)
	}
	said.finish(t, dir)
}

// testimony is what the killed processes said before they were killed.
type testimony struct {
	facts map[string]string // by record: created, a count, or deleted
	saw   map[string]bool   // consumer, record and position
	last  map[string]int64  // by consumer, within one process
	heads []int64
	head  int64 // the largest of all
}

func (s *testimony) hear(t *testing.T, line string) {
	t.Helper()
	var what, name string
	var value string
	var position int64
	if n, _ := fmt.Sscan(line, &what, &name, &value, &position); n != 4 {
		t.Errorf("the process said %q", line)
		return
	}
	if what == "ack" {
		s.facts[name] = value
		s.heads = append(s.heads, position)
		s.head = max(s.head, position)
		return
	}
	s.saw[fmt.Sprint(name, value, position)] = true
	if position < s.last[name] {
		t.Errorf("consumer %s saw %d after %d", name, position, s.last[name])
	}
	s.last[name] = position
}

func killAWriter(t *testing.T, dir string, round int, random *rand.Rand, said *testimony) {
	t.Helper()
	child := pbtest.StartChild(t, "writer", dir, fmt.Sprintf("%02d", round))
	said.last = map[string]int64{}
	enough := len(said.heads) + 10 + random.IntN(40)
	for line := range child.Lines() {
		said.hear(t, line)
		if len(said.heads) >= enough {
			child.KillWithin(5 * time.Millisecond) // somewhere in what it does next
		}
	}
	child.Wait()
}

// check compares what was acknowledged, the tables and the logs.
func (s *testimony) check(t *testing.T, app core.App, log *changes.Log) {
	t.Helper()
	for _, position := range s.heads {
		if err := log.Check(t.Context(), position); err != nil {
			t.Errorf("position %d: %v", position, err)
		}
	}
	counts := map[string]string{}
	var rows []struct {
		ID    string `db:"id"`
		Count string `db:"count"`
	}
	if err := app.DB().NewQuery("SELECT id, CAST(count AS TEXT) AS count FROM tasks").All(&rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		counts[r.ID] = strings.TrimSuffix(r.Count, ".0")
		if strings.HasPrefix(r.ID, "roll") {
			t.Errorf("%s was rolled back and is there", r.ID)
		}
	}
	for record, fact := range s.facts {
		count, there := counts[record]
		// the step after the acknowledged one may have been committed unheard
		allowed := map[string][]string{"created": {"0", "5"}, "updated": {"5", ""}, "deleted": {""}}[fact]
		if !slices.Contains(allowed, count) || there == (count == "") {
			t.Errorf("%s was acknowledged as %s and has count %q", record, fact, count)
		}
	}
	for what, sql := range disagreements {
		var n int
		if err := app.DB().NewQuery(sql).Row(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			t.Errorf("%d %s", n, what)
		}
	}
}

// disagreements count what must not be.
var disagreements = map[string]string{
	"records are not in the log": `SELECT COUNT(*) FROM tasks WHERE id NOT IN (SELECT record FROM _changes JOIN _changesNames ON n = c
		WHERE collection = (SELECT id FROM _collections WHERE name = 'tasks') AND deleted = 0)`,
	"records of the log are gone": `SELECT COUNT(*) FROM _changes JOIN _changesNames ON n = c
		WHERE collection = (SELECT id FROM _collections WHERE name = 'tasks') AND deleted = (record IN (SELECT id FROM tasks))`,
	"changes are not the last of the full log": `SELECT COUNT(*) FROM _changes l JOIN _changesNames ON n = c
		WHERE collection = (SELECT id FROM _collections WHERE name = 'tasks')
		AND seq IS NOT (SELECT MAX(seq) FROM _changesHistory h WHERE h.record = l.record AND h.c = l.c)`,
	"rows differ from the full log": `SELECT COUNT(*) FROM tasks t
		WHERE count <> (SELECT after ->> 'count' FROM _changesHistory WHERE record = t.id ORDER BY seq DESC LIMIT 1)`,
}

// finish lets the consumers come to the end, undisturbed.
func (s *testimony) finish(t *testing.T, dir string) {
	t.Helper()
	var mu sync.Mutex
	app, log := newApp(t, dir, watchers(func(consumer string, c changes.Change) {
		mu.Lock()
		defer mu.Unlock()
		s.saw[fmt.Sprint(consumer, c.Record, c.Seq)] = true
	})...)
	log.Start()
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		states, err := log.Consumers(t.Context())
		for _, state := range states {
			if state.Position < head {
				err = errors.Join(err, fmt.Errorf("%s is at %d of %d", state.Name, state.Position, head))
			}
		}
		return err
	})
	for consumer, table := range map[string]string{"index": "_changes", "audit": "_changesHistory"} {
		var rows []struct {
			Record string `db:"record"`
			Seq    int64  `db:"seq"`
		}
		err := app.DB().NewQuery(`SELECT record, seq FROM ` + table + ` JOIN _changesNames ON n = c
			WHERE collection = (SELECT id FROM _collections WHERE name = 'tasks')`).All(&rows)
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		for _, r := range rows {
			if !s.saw[fmt.Sprint(consumer, r.Record, r.Seq)] {
				t.Errorf("consumer %s never saw change %d of %s", consumer, r.Seq, r.Record)
			}
		}
		mu.Unlock()
		if len(rows) == 0 {
			t.Errorf("there is nothing in %s", table)
		}
	}
}

// watchers are a consumer of the compact log and one of the full log.
func watchers(saw func(consumer string, c changes.Change)) []changes.Consumer {
	consumers := []changes.Consumer{{Name: "index"}, {Name: "audit", History: true}}
	for i, c := range consumers {
		consumers[i].Collections, consumers[i].FromStart = []string{"tasks"}, true
		consumers[i].Handle = func(_ context.Context, change changes.Change) error {
			saw(c.Name, change)
			return nil
		}
	}
	return consumers
}

// writeUntilKilled is the process that is killed. It says what it has done as
// soon as that is committed, a line each.
func writeUntilKilled(dir, prefix string) error {
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(os.Stdout, fmt.Sprintf(format+"\n", args...))
	}
	app, log, err := openApp(dir, changes.Config{Lease: shortLease}, watchers(func(consumer string, c changes.Change) {
		say("saw %s %s %d", consumer, c.Record, c.Seq)
	})...)
	if err != nil {
		return err
	}
	log.Start()
	ack := func(record, fact string) error {
		head, err := log.Head(context.Background())
		say("ack %s %s %d", record, fact, head)
		return err
	}
	failed := make(chan error)
	for worker := range 3 {
		go func() {
			for n := 0; ; n++ {
				if err := writeSome(app, id(fmt.Sprintf("k%sw%dn%04d", prefix, worker, n)), n%3 == 0, ack); err != nil {
					failed <- err
				}
				if worker == 0 && n%8 == 7 {
					if err := changeCollection(app); err != nil {
						failed <- err
					}
				}
			}
		}()
	}
	return <-failed
}

// writeSome gives one record its life, each step in another way.
func writeSome(app core.App, record string, remove bool, ack func(record, fact string) error) error {
	err := create(app, "tasks", record, nil)
	for err != nil && strings.Contains(err.Error(), "no column named extra") {
		err = create(app, "tasks", record, nil) // PocketBase had the collection as it was before
	}
	if err != nil {
		return err
	}
	if err := ack(record, "created"); err != nil {
		return err
	}
	_ = app.RunInTransaction(func(tx core.App) error {
		return errors.Join(exec(tx, "UPDATE tasks SET count = 9 WHERE id = '"+record+"'"), create(tx, "tasks", "roll"+record[4:], nil), errRollback)
	})
	err = app.RunInTransaction(func(tx core.App) error {
		return errors.Join(exec(tx, "UPDATE tasks SET count = 4 WHERE id = '"+record+"'"), exec(tx, "UPDATE tasks SET count = 5 WHERE id = '"+record+"'"))
	})
	if err != nil {
		return err
	}
	if err := ack(record, "updated"); err != nil || !remove {
		return err
	}
	stored, err := app.FindRecordById("tasks", record)
	if err != nil {
		return err
	}
	if err := app.Delete(stored); err != nil {
		return err
	}
	return ack(record, "deleted")
}

// changeCollection adds a field or takes it away.
func changeCollection(app core.App) error {
	c, err := app.FindCollectionByNameOrId("tasks")
	if err != nil {
		return err
	}
	if c.Fields.GetByName("extra") == nil {
		c.Fields.Add(&core.TextField{Name: "extra"})
	} else {
		c.Fields.RemoveByName("extra")
	}
	return app.Save(c)
}
