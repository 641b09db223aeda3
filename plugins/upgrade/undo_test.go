package upgrade_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/upgrade"
)

var since = []string{"c", "changed", "new"} // what is written after an upgrade

// A way back that fails half-way leaves everything as it was.
func TestBackThatFails(t *testing.T) {
	t.Parallel()
	dir, p := upgraded(t, func(c *upgrade.Config) { c.Beside = []string{".beside"} })
	logs, err := os.Stat(filepath.Join(dir, "auxiliary.db"))
	if err != nil {
		t.Fatal(err)
	}
	obstacle := filepath.Join(dir, "data.db-shm") // which is to be removed before data.db is replaced
	if err := os.MkdirAll(filepath.Join(obstacle, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := p.Back(t.Context(), "")
	if err == nil || !strings.Contains(err.Error(), "replace data.db") || r.Aside != "" {
		t.Fatalf("got %+v and error %v, want one about data.db", r, err)
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	asItWas(t, dir, p, logs)
	if _, err := p.Back(t.Context(), ""); err != nil {
		t.Errorf("another try: %v", err)
	}
}

// A process that is killed half-way leaves what the next start puts back.
func TestBackThatIsKilled(t *testing.T) {
	t.Parallel()
	beside := func(c *upgrade.Config) { c.Beside = []string{".beside"} }
	dir, p := upgraded(t, beside)
	logs, err := os.Stat(filepath.Join(dir, "auxiliary.db"))
	if err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(dir, upgrade.Dir, "20260101T000000.000Z-1.1.0-back")
	manifest, err := json.Marshal(upgrade.Snapshot{Kind: upgrade.KindBack, At: time.Now(), Databases: map[string]int64{"auxiliary.db": 1, "data.db": 1}})
	if err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(filepath.Join(dir, upgrade.Dir, snapshots(t, p)[0].ID, "auxiliary.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		os.Mkdir(aside, 0o700), os.WriteFile(filepath.Join(aside, "manifest.json"), manifest, 0o600),
		os.Link(filepath.Join(dir, "data.db"), filepath.Join(aside, "data.db")),
		os.Rename(filepath.Join(dir, ".beside"), filepath.Join(aside, ".beside")),
		os.Rename(filepath.Join(dir, "auxiliary.db"), filepath.Join(aside, "auxiliary.db")),
		os.WriteFile(filepath.Join(dir, "auxiliary.db"), copied, 0o600), // in its place, and then it was killed
	)
	if err != nil {
		t.Fatal(err)
	}
	newer := two
	newer.change = beside
	p = newer.run(t, dir)
	asItWas(t, dir, p, logs)
}

func asItWas(t *testing.T, dir string, p *upgrade.Plugin, logs os.FileInfo) {
	t.Helper()
	if got := things(t, filepath.Join(dir, "data.db")); !slices.Equal(got, since) {
		t.Errorf("got %q, want %q", got, since)
	}
	if list := snapshots(t, p); len(list) != 1 || list[0].Kind != upgrade.KindUpgrade {
		t.Errorf("got %+v, want the snapshot of the upgrade only", list)
	}
	if _, err := os.Stat(filepath.Join(dir, ".beside")); err != nil {
		t.Errorf("what belongs to the databases: %v", err)
	}
	if now, err := os.Stat(filepath.Join(dir, "auxiliary.db")); err != nil || !os.SameFile(now, logs) {
		t.Errorf("auxiliary.db is another file, error %v", err)
	}
}

// Rows that break what their table says are no reason to refuse the way back to them.
func TestBackToBrokenRows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one.run(t, dir, addThing(t, "a"), func(app core.App) {
		for _, statement := range []string{ // a CHECK is not looked at on a connection that only reads
			"CREATE TABLE strict (n INTEGER)", "INSERT INTO strict VALUES (NULL)", "PRAGMA writable_schema = ON",
			"UPDATE sqlite_schema SET sql = 'CREATE TABLE strict (n INTEGER NOT NULL)' WHERE name = 'strict'", "PRAGMA writable_schema = RESET",
		} {
			exec(t, app, statement)
		}
	})
	p := two.run(t, dir)
	if _, err := p.Back(t.Context(), ""); err != nil {
		t.Error(err)
	}
}
