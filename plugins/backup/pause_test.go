package backup_test

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/backup"
)

var (
	pauseFor    = flag.Duration("pause.for", 300*time.Millisecond, "how long each round of TestWritePause writes")
	pauseRounds = flag.Int("pause.rounds", 1, "how many rounds it has, without and with a backup")
	pauseS3     = flag.Bool("pause.s3", false, "whether there is a bucket besides, whose server shares the machine")
	pauseLimit  = flag.Duration("pause.limit", 5*time.Second, "the longest that a write may take longer than without a backup")
)

// TestWritePause writes without a backup and with one, in turns, and compares how
// long writes take. By default it only finds what freezes writers for seconds;
// "make backup-pause" measures.
func TestWritePause(t *testing.T) {
	t.Parallel()
	config := quick(t.TempDir())
	config.Interval = time.Second
	config.FilesInterval = -1
	if *pauseS3 {
		config.S3 = startS3(t).config()
	}
	plain, _, err := openApp(t.TempDir(), backup.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminate(t, plain) })
	copied, plugin := start(t, t.TempDir(), config)
	shipped(t, plugin)

	without, with := &latencies{}, &latencies{}
	for range *pauseRounds {
		without.measure(t, plain, *pauseFor, 500)
		with.measure(t, copied, *pauseFor, 500)
	}
	t.Logf("at 500 writes a second, without: %s", without)
	t.Logf("at 500 writes a second, with:    %s", with)
	if added := with.longest() - without.longest(); added > *pauseLimit {
		t.Errorf("the backup adds %s to the longest write, want at most %s", added, *pauseLimit)
	}
	without, with = &latencies{}, &latencies{}
	for range *pauseRounds {
		without.measure(t, plain, *pauseFor, 0)
		with.measure(t, copied, *pauseFor, 0)
	}
	t.Logf("as fast as it goes, without: %s", without)
	t.Logf("as fast as it goes, with:    %s (%.1f %%)", with, 100*with.rate()/without.rate())
	shipped(t, plugin)
}

// latencies are how long writes took, from when each was due.
type latencies struct {
	mu    sync.Mutex
	all   []time.Duration
	spent time.Duration
}

func (l *latencies) longest() time.Duration { return slices.Max(l.all) }
func (l *latencies) rate() float64          { return float64(len(l.all)) / l.spent.Seconds() }

func (l *latencies) String() string {
	slices.Sort(l.all)
	at := func(share float64) time.Duration {
		return l.all[int(share*float64(len(l.all)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%.0f/s, median %s, 99 %% %s, 99.9 %% %s, longest %s", l.rate(), at(.5), at(.99), at(.999), at(1))
}

// measure writes for a time, so many a second, or as many as four writers can.
func (l *latencies) measure(t *testing.T, app core.App, d time.Duration, perSecond int) {
	t.Helper()
	began := time.Now()
	var next atomic.Int64
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for {
				n := next.Add(1)
				due := time.Now()
				if perSecond > 0 {
					due = began.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
					time.Sleep(time.Until(due))
				}
				if due.Sub(began) > d {
					return
				}
				if err := writeOne(app, fmt.Sprint("write ", n), false); err != nil {
					t.Error(err)
					return
				}
				took := time.Since(due)
				l.mu.Lock()
				l.all = append(l.all, took)
				l.mu.Unlock()
			}
		})
	}
	running.Wait()
	l.spent += time.Since(began)
}
