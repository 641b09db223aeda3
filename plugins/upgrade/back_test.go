package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/upgrade"
)

// upgraded is a directory with an upgrade behind it, and what was written since.
func upgraded(t *testing.T, config func(*upgrade.Config)) (dir string, p *upgrade.Plugin) {
	t.Helper()
	dir = t.TempDir()
	one.run(t, dir, addThing(t, "a"), addThing(t, "b"), addThing(t, "c"))
	if err := os.Mkdir(filepath.Join(dir, ".beside"), 0o700); err != nil {
		t.Fatal(err)
	}
	newer := two
	newer.change = config
	p = newer.run(t, dir, addThing(t, "new"), func(app core.App) {
		exec(t, app, "DELETE FROM things WHERE name = 'a'")
		exec(t, app, "UPDATE things SET name = 'changed', updated = '2099-01-01 00:00:00.000Z' WHERE name = 'b'")
	})
	return dir, p
}

func TestBack(t *testing.T) {
	t.Parallel()
	dir, p := upgraded(t, func(c *upgrade.Config) { c.Beside = []string{".beside", ".missing"} })
	data := filepath.Join(dir, "data.db")
	before := []string{"a", "b", "c"}

	plan, err := p.Plan(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := upgrade.TableLoss{Table: "things", Now: 3, Then: 3, Lost: 1, Back: 1, Changed: 1}
	if !slices.Contains(plan.Loss, want) || plan.Aside != "" || plan.Used.Program != "1.1.0" {
		t.Errorf("got the plan %+v, want the loss %+v", plan, want)
	}
	if got := things(t, data); !slices.Equal(got, since) {
		t.Errorf("got %q after a plan, want %q", got, since)
	}

	back, err := p.Back(t.Context(), plan.To.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got := things(t, data); !slices.Equal(got, before) {
		t.Errorf("got %q, want %q", got, before)
	}
	if _, err := os.Stat(filepath.Join(dir, ".beside")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what belongs to the databases is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, upgrade.Dir, back.Aside, ".beside")); err != nil {
		t.Errorf("what belongs to the databases was not kept: %v", err)
	}
	one.run(t, dir, addThing(t, "again")) // the older program starts, and takes no snapshot
	if n := len(snapshots(t, p)); n != 2 {
		t.Errorf("got %d snapshots, want that of the upgrade and what was put aside", n)
	}

	undone, err := p.Back(t.Context(), back.Aside)
	if err != nil {
		t.Fatal(err)
	}
	if got := things(t, data); !slices.Equal(got, since) {
		t.Errorf("got %q after the way back to what was put aside, want %q", got, since)
	}
	if got := things(t, filepath.Join(dir, upgrade.Dir, undone.Aside, "data.db")); !slices.Equal(got, append([]string{"a", "again"}, "b", "c")) {
		t.Errorf("got %q put aside", got)
	}
	two.run(t, dir)
}

func TestBackIsRefused(t *testing.T) {
	t.Parallel()
	truncate := func(t *testing.T, dir string, p *upgrade.Plugin) {
		t.Helper()
		if err := os.Truncate(filepath.Join(dir, upgrade.Dir, snapshots(t, p)[0].ID, "data.db"), 8192); err != nil {
			t.Fatal(err)
		}
	}
	damage := func(t *testing.T, dir string, p *upgrade.Plugin) {
		t.Helper()
		file, err := os.OpenFile(filepath.Join(dir, upgrade.Dir, snapshots(t, p)[0].ID, "data.db"), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for page := int64(1); page < 12; page++ {
			if _, err := file.WriteAt(bytes.Repeat([]byte{0xff}, 200), page*4096); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		before func(t *testing.T, dir string, p *upgrade.Plugin)
		id     string
		want   string
	}{
		"no snapshot of the name":          {nil, "20200101T000000.000Z-a-b", "no such snapshot"},
		"a name that leads elsewhere":      {nil, "../../etc", "no such snapshot"},
		"a snapshot that was cut":          {truncate, "", "is not whole"},
		"a snapshot that is damaged":       {damage, "", "is damaged"},
		"a program that has the databases": {hold, "", "stop it first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, p := upgraded(t, nil)
			if c.before != nil {
				c.before(t, dir, p)
			}
			_, err := p.Back(t.Context(), c.id)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %q", err, c.want)
			}
			if got := things(t, filepath.Join(dir, "data.db")); !slices.Contains(got, "new") {
				t.Errorf("got %q, want that nothing was changed", got)
			}
		})
	}
}

// hold has another process open the database until the test ends: a process does not
// see its own locks.
func hold(t *testing.T, dir string, _ *upgrade.Plugin) {
	t.Helper()
	other := osexec.Command(os.Args[0], "-test.run=^TestHolds$")
	other.Env = append(os.Environ(), holdVariable+"="+filepath.Join(dir, "data.db")) //nolint:forbidigo // of the process that this one starts
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = other.Wait()
	})
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

const holdVariable = "UPGRADE_TEST_HOLD"

// TestHolds is the other process of hold. It does nothing in a usual run.
func TestHolds(t *testing.T) { //nolint:paralleltest // it has the process for itself
	path := os.Getenv(holdVariable) //nolint:forbidigo // from hold
	if path == "" {
		return
	}
	db, err := sqlite.New().Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.NewQuery("SELECT count(*) FROM things").Row(new(int)); err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.WriteString("!")
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test closes it
}

// TestBackFromADamagedDatabase is one reason to go back.
func TestBackFromADamagedDatabase(t *testing.T) {
	t.Parallel()
	dir, p := upgraded(t, nil)
	data := filepath.Join(dir, "data.db")
	if err := os.WriteFile(data, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := p.Back(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if r.LossUnknown == "" {
		t.Error("got no word that the loss is not known")
	}
	if got := things(t, data); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %q", got)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{Use: "holdall"}
	dir, p := upgraded(t, func(c *upgrade.Config) { c.RootCmd = root })
	id := snapshots(t, p)[0].ID
	say := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs(append([]string{"upgrade"}, args...))
		if err := root.ExecuteContext(context.Background()); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out.String()
	}
	wants := func(got string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("got\n%s\nwithout %q", got, want)
			}
		}
	}
	wants(say("list"), id, "1.0.0 to 1.1.0")
	var list []upgrade.Snapshot
	if err := json.Unmarshal([]byte(say("list", "--json")), &list); err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("got %+v and error %v", list, err)
	}
	wants(say("back", "--dry-run"), "Would return", "version 1.0.0", "things", "Nothing was changed")
	if got := things(t, filepath.Join(dir, "data.db")); !slices.Contains(got, "new") {
		t.Errorf("got %q after a dry run", got)
	}
	wants(say("back", "--to", id, "--dry-run=false"), "Returned", "holdall upgrade back --to ", "Now start version 1.0.0")
	if got := things(t, filepath.Join(dir, "data.db")); slices.Contains(got, "new") {
		t.Errorf("got %q after the way back", got)
	}
}
