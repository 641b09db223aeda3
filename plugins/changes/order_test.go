package changes_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

const orderSeeds = 100

// TestNothingMissedNothingEarly lets two processes, as far as SQLite is
// concerned, write one database in transactions of which some roll back, while a
// reader follows the log. What it saw must be what was committed, and nothing may
// turn up behind it.
func TestNothingMissedNothingEarly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, log := newApp(t, dir)
	other, _ := newApp(t, dir)
	log.Start()

	for seed := range uint64(orderSeeds) {
		start, err := log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		seen := make(chan map[int64]string)
		go func() { seen <- follow(ctx, t, log, start, rand.New(rand.NewPCG(seed, 0))) }()

		var writers sync.WaitGroup
		for i, writer := range []core.App{app, other} {
			writers.Go(func() {
				writeAtRandom(t, writer, fmt.Sprintf("s%dw%d", seed, i), rand.New(rand.NewPCG(seed, uint64(i+1))))
			})
		}
		writers.Wait()
		end, err := log.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// one more commit tells the reader that everything has been written
		if err := exec(app, fmt.Sprintf("INSERT INTO projects (id) VALUES ('end%d')", seed)); err != nil {
			t.Fatal(err)
		}
		got := <-seen
		cancel()

		page, err := log.Read(t.Context(), start, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Changes {
			if c.Seq <= end && got[c.Seq] != c.Record {
				t.Errorf("seed %d: the reader passed change %d of %s and saw %q there", seed, c.Seq, c.Record, got[c.Seq])
			}
		}
		for _, record := range got {
			if len(record) > 4 && record[:4] == "roll" {
				t.Errorf("seed %d: the reader saw %s, which was rolled back", seed, record)
			}
		}
	}
}

// follow reads the log with pages of random size until the record that ends the seed.
func follow(ctx context.Context, t *testing.T, log *changes.Log, position int64, random *rand.Rand) map[int64]string {
	seen := map[int64]string{}
	for ctx.Err() == nil {
		if _, err := log.Wait(ctx, position); err != nil {
			break
		}
		page, err := log.Read(ctx, position, 1+random.IntN(7))
		if err != nil {
			t.Error(err)
			break
		}
		for _, c := range page.Changes {
			if c.Seq <= position {
				t.Errorf("change %d came after position %d", c.Seq, position)
			}
			position = c.Seq
			seen[c.Seq] = c.Record
			if len(c.Record) > 3 && c.Record[:3] == "end" {
				return seen
			}
		}
		position = page.Next
	}
	return seen
}

func writeAtRandom(t *testing.T, app core.App, prefix string, random *rand.Rand) {
	for n := range 6 {
		rollback := random.IntN(4) == 0
		err := app.RunInTransaction(func(tx core.App) error {
			for k := range 1 + random.IntN(4) {
				id := fmt.Sprintf("%sn%dk%d", prefix, n, k)
				if rollback {
					id = "roll" + id
				}
				if err := exec(tx, "INSERT INTO tasks (id) VALUES ('"+id+"')"); err != nil {
					return err
				}
				if random.IntN(3) == 0 {
					if err := exec(tx, "UPDATE tasks SET count = count + 1 WHERE id = '"+id+"'"); err != nil {
						return err
					}
				}
			}
			if rollback {
				return errRollback
			}
			return nil
		})
		if err != nil && !errors.Is(err, errRollback) {
			t.Error(err)
		}
	}
}

var errRollback = errors.New("rolled back on purpose")
