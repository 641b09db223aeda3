package backup_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// A clock that was three years ahead for a while cuts nothing off that came after it:
// neither rows nor files.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	config := quick(target)
	app, plugin := start(t, dir, config)
	write(t, app, "before", "one")
	shipped(t, plugin)
	filesShipped(t, plugin, 2)
	before := moment()
	write(t, app, "ahead", "two")
	shipped(t, plugin)
	filesShipped(t, plugin, 4)
	pbtest.Terminate(t, app)
	since, err := time.Parse("2006-01-02 15:04:05.999999", before)
	if err != nil {
		t.Fatal(err)
	}
	setAhead(t, dir, target, since)

	app, plugin = start(t, dir, config)
	write(t, app, "after", "three")
	shipped(t, plugin)
	filesShipped(t, plugin, 6)
	pbtest.Terminate(t, app)
	for to, want := range map[string]string{
		before: "before(one) ", "now": "before(one) ahead(two) after(three) ",
	} {
		into := filepath.Join(t.TempDir(), "then")
		if out, err := run(t, dir, config, "restore", "--to", to, "--into", into); err != nil {
			t.Fatalf("%s: %v\n%s", to, err, out)
		}
		if got := titles(t, into); got != want {
			t.Errorf("%s: got %q, want %q", to, got, want)
		}
	}
}

// setAhead makes a backup as if the clock had been three years ahead since a time.
func setAhead(t *testing.T, dir, target string, since time.Time) {
	t.Helper()
	const years = 3 * 365 * 24 * time.Hour
	stamp := regexp.MustCompile(`\d{13}`)
	moved := 0
	err := filepath.WalkDir(target, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := stamp.ReplaceAllStringFunc(entry.Name(), func(text string) string {
			ms, err := strconv.ParseInt(text, 10, 64)
			if err != nil || ms < since.UnixMilli() || ms > time.Now().UnixMilli() {
				return text // it is no time, or one before
			}
			moved++
			return strconv.FormatInt(ms+years.Milliseconds(), 10)
		})
		return os.Rename(path, filepath.Join(filepath.Dir(path), name))
	})
	if err != nil {
		t.Fatal(err)
	}
	states, err := filepath.Glob(filepath.Join(dir, ".backup", "*", "directory-files.json"))
	if err != nil || len(states) != 1 || moved < 2 {
		t.Fatalf("got the states %v, error %v, and %d times", states, err, moved)
	}
	content, err := os.ReadFile(states[0])
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]any{}
	if err := json.Unmarshal(content, &state); err != nil {
		t.Fatal(err)
	}
	state["last"] = time.Now().Add(years)
	if content, err = json.Marshal(state); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(states[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
}
