package backup_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// What is old is removed from the backup by the clock for retention: with a machine
// whose clock is an hour ahead of that, nothing is, while the same backup without one
// removes the pieces that it has put together.
func TestRetentionClock(t *testing.T) {
	t.Parallel()
	guarded, usual := t.TempDir(), t.TempDir()
	var pieces int
	for _, target := range []string{guarded, usual} {
		config := quick(target)
		config.CompactInterval, config.Precise = 10*time.Millisecond, time.Second
		if target == guarded {
			config.RetentionClock = clocktest.New(time.Now().Add(-time.Hour))
		}
		app, plugin := start(t, t.TempDir(), config)
		for i := range 5 {
			note := core.NewRecord(collection(t, app, "notes"))
			note.Set("n", i)
			if err := app.Save(note); err != nil {
				t.Fatal(err)
			}
			if err := plugin.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		pieces = max(pieces, len(captures(t, guarded)))
	}
	if pieces < 3 { // the first ones may be in the snapshot
		t.Fatalf("got %d pieces, want one for each change", pieces)
	}
	pbtest.Eventually(t, patience, func() error {
		if n := len(captures(t, usual)); n > 2 {
			return fmt.Errorf("there are still %d pieces", n)
		}
		return nil
	})
	if n := len(captures(t, guarded)); n < pieces {
		t.Errorf("got %d pieces where the clock is ahead, want all %d", n, pieces)
	}
}

func collection(t *testing.T, app core.App, name string) *core.Collection {
	t.Helper()
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// captures are the pieces of data.db in a target that are not put together.
func captures(t *testing.T, target string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(target, "db", "data.db"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.Contains(filepath.ToSlash(path), "/0/") {
			found = append(found, path)
		}
		return nil // it may be removed meanwhile
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
