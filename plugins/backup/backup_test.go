package backup_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// run runs a command of the plugin, as on a machine that has nothing but the backup.
func run(t *testing.T, dir string, config backup.Config, args ...string) (output string, err error) {
	t.Helper()
	root := &cobra.Command{Use: "holdall", SilenceErrors: true, SilenceUsage: true}
	config.RootCmd, config.Engine = root, backup.NewEngine()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: config.Engine.Connect})
	if _, err := backup.Register(app, config); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

// moment is the time, as the command wants it, once the next change is later.
func moment() string {
	now := time.Now()
	for !time.Now().After(now.Add(2 * time.Millisecond)) {
		<-time.After(time.Millisecond)
	}
	return now.Add(time.Millisecond).UTC().Format("2006-01-02 15:04:05.999999")
}

func TestRestoreToEachMoment(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	var moments, want []string
	text := ""
	for _, title := range []string{"one", "two", "three"} {
		write(t, app, title, "photo of "+title)
		text += title + "(photo of " + title + ") "
		shipped(t, plugin)
		moments, want = append(moments, moment()), append(want, text)
	}
	filesShipped(t, plugin, 6) // with what PocketBase notes of each
	pbtest.Terminate(t, app)

	for i, at := range moments {
		into := filepath.Join(t.TempDir(), "then")
		out, err := run(t, dir, quick(target), "restore", "--to", at, "--into", into)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := titles(t, into); got != want[i] {
			t.Errorf("at %s: got %q, want %q", at, got, want[i])
		}
	}
	if _, err := run(t, dir, quick(target), "restore", "--to", "2001-01-01", "--into", t.TempDir()); err == nil {
		t.Error("a time before the first backup was restored")
	}
}

// Directories may be relative, as people type them, and have any name.
func TestRestoreWithRelativeDirectories(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	write(t, app, "kept", "")
	shipped(t, plugin)
	at := moment()
	pbtest.Terminate(t, app)

	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	relative := func(path string) string {
		t.Helper()
		path, err := filepath.Rel(here, path)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	if out, err := run(t, relative(dir), quick(target), "restore", "--to", at, "--dry-run"); err != nil {
		t.Errorf("compare with what is there: %v\n%s", err, out)
	}
	for _, name := range []string{"plain", "with space", "50%25", "a#b"} {
		into := relative(filepath.Join(t.TempDir(), name))
		if out, err := run(t, relative(dir), quick(target), "restore", "--to", at, "--into", into); err != nil {
			t.Errorf("into %s: %v\n%s", into, err, out)
		} else if got := titles(t, into); got != "kept " {
			t.Errorf("into %s: got %q", into, got)
		}
	}
}

func TestGenerationGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	for _, title := range []string{"one", "two", "three"} {
		app, plugin := start(t, dir, quick(target))
		write(t, app, title, "")
		shipped(t, plugin)
		pbtest.Terminate(t, app)
	}
	snapshots, err := filepath.Glob(filepath.Join(target, "db", "data.db", "*", "9", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(snapshots) != 1 {
		t.Errorf("three starts took %d snapshots of the database, want 1: %v", len(snapshots), snapshots)
	}
	pieces, err := filepath.Glob(filepath.Join(target, "db", "data.db", "*", "0", "*"))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.Stat(snapshots[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range pieces {
		if info, err := os.Stat(piece); err != nil || info.Size() > whole.Size()/2 {
			t.Errorf("%s has %d bytes, error %v: it holds the whole database, which has %d", piece, info.Size(), err, whole.Size())
		}
	}
}

func TestRestoreInPlace(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	write(t, app, "kept", "a photo")
	shipped(t, plugin)
	filesShipped(t, plugin, 2)
	at := moment()
	write(t, app, "lost", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)

	if out, err := run(t, dir, quick(target), "restore", "--to", at); err == nil || !strings.Contains(err.Error(), "--force") {
		t.Errorf("data was replaced without --force: %v\n%s", err, out)
	}
	out, err := run(t, dir, quick(target), "restore", "--to", at, "--dry-run", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var plan backup.Plan
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &plan); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, table := range plan.Loss.Tables {
		want := backup.TableLoss{Table: table.Table, Now: table.Now, Then: table.Then}
		if table.Table == "notes" {
			want = backup.TableLoss{Table: "notes", Now: 2, Then: 1, Lost: 1}
		}
		if table != want {
			t.Errorf("got %+v, want %+v", table, want)
		}
	}
	if got := titles(t, dir); got != "kept(a photo) lost " {
		t.Errorf("a dry run left %q", got)
	}
	if out, err = run(t, dir, quick(target), "restore", "--to", at, "--force"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := titles(t, dir); got != "kept(a photo) " {
		t.Errorf("got %q, want what was kept", got)
	}
	aside, err := filepath.Glob(filepath.Join(dir, ".before-restore-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("the former data is in %v, error %v", aside, err)
	}
	if got := titles(t, aside[0]); got != "kept(a photo) lost " {
		t.Errorf("the former data is %q", got)
	}

	// the restored database is another life, with a generation of its own
	app, plugin = start(t, dir, quick(target))
	write(t, app, "later", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)
	generations, err := filepath.Glob(filepath.Join(target, "db", "data.db", "*"))
	if err != nil || len(generations) != 2 {
		t.Errorf("there are generations %v, error %v, want two", generations, err)
	}
	into := filepath.Join(t.TempDir(), "then")
	if out, err := run(t, dir, quick(target), "restore", "--to", "now", "--into", into); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := titles(t, into); got != "kept(a photo) later " {
		t.Errorf("got %q", got)
	}
}
