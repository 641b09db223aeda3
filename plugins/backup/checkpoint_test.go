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

	"github.com/holdall-go/holdall/internal/pbtest"
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
	terminate(t, app)

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
