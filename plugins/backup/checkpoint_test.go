package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// TestLogBeginsAnew writes much more than the log may grow to between checkpoints,
// with readers that come and go. The log begins anew, and the backup has all.
func TestLogBeginsAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config := quick(t.TempDir())
	app, plugin := start(t, dir, config)
	write(t, app, "first", "")
	shipped(t, plugin)
	wal := filepath.Join(dir, "data.db-wal")
	before := walHeader(t, wal)

	const perWriter, rounds = 40, 5
	long := strings.Repeat("x", 20_000)
	renewals := 0
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var readers, writers sync.WaitGroup
		readers.Go(func() {
			for ctx.Err() == nil {
				if _, err := app.CountRecords("notes"); err != nil {
					t.Error(err)
					return
				}
			}
		})
		for w := range 4 {
			writers.Go(func() {
				for n := range perWriter {
					if err := writeOne(app, fmt.Sprintf("%d-%d-%d-%s", round, w, n, long), false); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		cancel()
		readers.Wait()
		shipped(t, plugin)
		if now := walHeader(t, wal); now != before {
			before = now
			renewals++
		}
	}
	pbtest.Eventually(t, patience, func() error {
		if renewals > 0 || walHeader(t, wal) != before {
			return nil
		}
		return errors.Join(errors.New("the log never began anew"), writeOne(app, long, false))
	})
	shipped(t, plugin)
	pbtest.Terminate(t, app)

	into := filepath.Join(t.TempDir(), "then")
	restoreInto(t, config, "directory", "now", into)
	have := namesIn(t, into)
	for round := range rounds {
		for w := range 4 {
			for n := range perWriter {
				if name := fmt.Sprintf("%d-%d-%d-%s", round, w, n, long); !have[name] {
					t.Errorf("the write %s is lost", name[:10])
				}
			}
		}
	}
}

// TestCaptureLetsOthersRun has litestream tell of the pages that it captures, which is
// when others may run.
func TestCaptureLetsOthersRun(t *testing.T) {
	t.Parallel()
	app, plugin := start(t, t.TempDir(), quick(t.TempDir()))
	shipped(t, plugin)
	before := backup.Turns(plugin)
	pbtest.Eventually(t, patience, func() error {
		if err := writeOne(app, strings.Repeat("x", 20_000), false); err != nil {
			t.Fatal(err)
		}
		shipped(t, plugin)
		if backup.Turns(plugin) == before {
			return errors.New("pages were captured, and nobody was let run before")
		}
		return nil
	})
}

// TestLittleIsLeftForTheLastStep has writers that fill the log faster than a slow disk
// takes it. They are slowed down before they are shut out, so that this is short.
func TestLittleIsLeftForTheLastStep(t *testing.T) {
	t.Parallel()
	app, plugin := start(t, t.TempDir(), quick(t.TempDir()))
	shipped(t, plugin)
	_, times, undisturbed := backup.LastSteps(plugin)
	backup.SlowDisk(plugin, 60*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	for w := range 4 {
		writers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := writeOne(app, fmt.Sprintf("%d-%d", w, n), false); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	pbtest.Eventually(t, patience, func() error {
		_, now, alone := backup.LastSteps(plugin)
		if now < times+2 || alone == undisturbed {
			return fmt.Errorf("writers were shut out %d times, and kept out %d times", now-times, alone-undisturbed)
		}
		return nil
	})
	const most = 400 // pages; a thousand come while one part is moved
	if left, _, _ := backup.LastSteps(plugin); left > most*4120 {
		t.Errorf("%d pages were left for the last step, want at most %d", left/4120, most)
	}
}

// TestLogThatIsCapturedSlowly has writers that fill the log faster than it is captured.
// They are slowed down, so that there is an end of it and the log begins anew.
func TestLogThatIsCapturedSlowly(t *testing.T) {
	t.Parallel()
	app, plugin := start(t, t.TempDir(), quick(t.TempDir()))
	shipped(t, plugin)
	backup.SlowCapture(plugin, time.Millisecond, 1000)
	_, times, _ := backup.LastSteps(plugin)
	ctx, cancel := context.WithCancel(t.Context())
	var writer sync.WaitGroup
	defer writer.Wait()
	defer cancel()
	writer.Go(func() {
		page := strings.Repeat("x", 3000)
		ticker := time.NewTicker(2 * time.Millisecond) // faster than they are captured
		defer ticker.Stop()
		for ctx.Err() == nil {
			if err := writeOne(app, page, false); err != nil {
				t.Error(err)
				return
			}
			<-ticker.C
		}
	})
	pbtest.Eventually(t, patience, func() error {
		if _, now, _ := backup.LastSteps(plugin); now < times+2 {
			return fmt.Errorf("the log began anew %d times", now-times)
		}
		return nil
	})
}

// walHeader is that of a log, whose salt changes when it begins anew.
func walHeader(t *testing.T, path string) [32]byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var header [32]byte
	if _, err := file.Read(header[:]); err != nil {
		t.Fatal(err)
	}
	return header
}
