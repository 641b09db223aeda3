package backup_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/archive"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// contains tells which files below a directory hold a text.
func contains(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	recipients, identity := someIdentity(t)
	_, other := someIdentity(t)
	dir, target := t.TempDir(), t.TempDir()
	config := quick(target)
	config.Recipients = recipients
	app, plugin := start(t, dir, config)
	secret := strings.Repeat("nobody reads this ", 10)
	write(t, app, secret, secret)
	shipped(t, plugin)
	filesShipped(t, plugin, 2)
	pbtest.Terminate(t, app)
	if found := contains(t, target, "nobody reads"); len(found) > 0 {
		t.Errorf("the text is in %v", found)
	}

	into := filepath.Join(t.TempDir(), "then")
	if _, err := run(t, dir, config, "restore", "--to", "now", "--into", into); !errors.Is(err, backup.ErrLocked) {
		t.Errorf("without the identity: got %v, want %v", err, backup.ErrLocked)
	}
	config.Identity = other
	if _, err := run(t, dir, config, "restore", "--to", "now", "--into", into); err == nil {
		t.Error("another identity restored it")
	}
	config.Identity = identity
	if out, err := run(t, dir, config, "restore", "--to", "now", "--into", into); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := titles(t, into), secret+"("+secret+") "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDrill(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	write(t, app, "one", "the content of a file")
	write(t, app, "two", "the content of a file")
	shipped(t, plugin)
	filesShipped(t, plugin, 4)

	result := plugin.Drill(t.Context())
	if !result.OK || result.Rows["notes"] != 2 || result.Files != 4 || result.Compared != 4 {
		t.Errorf("got %+v, want all of it", result)
	}
	if plugin.Status().Drill == nil || plugin.Problem() != nil {
		t.Errorf("the status is %+v, problem %v", plugin.Status(), plugin.Problem())
	}
	copies := contains(t, filepath.Join(target, "files"), "the content of a file")
	if len(copies) != 1 {
		t.Fatalf("the content is in %v, want one copy", copies)
	}
	if err := os.WriteFile(copies[0], []byte("something else, of any length"), 0o600); err != nil {
		t.Fatal(err)
	}
	if result := plugin.Drill(t.Context()); result.OK || !strings.Contains(result.Error, "damaged") {
		t.Errorf("with a damaged copy: got %+v", result)
	}
	if plugin.Problem() == nil {
		t.Error("a failed drill is no problem")
	}
	if detail, err := plugin.Health(t.Context()); err != nil || !strings.Contains(detail, "PROBLEM") {
		t.Errorf("health says %q, error %v", detail, err)
	}
	pbtest.Terminate(t, app)
	if _, err := run(t, dir, quick(target), "backup", "status"); err == nil || !strings.Contains(err.Error(), "drill") {
		t.Errorf("backup status: got %v, want that the drill failed", err)
	}
	if out, err := run(t, dir, quick(target), "backup", "drill", "--json"); err == nil || !strings.Contains(out, `"ok":false`) {
		t.Errorf("backup drill: got %v\n%s", err, out)
	}
}

func TestDamagedPiecesAreNoticed(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	write(t, app, "one", "")
	shipped(t, plugin)
	pbtest.Terminate(t, app)
	snapshots, err := filepath.Glob(filepath.Join(target, "db", "data.db", "*", "9", "*"))
	if err != nil || len(snapshots) != 1 {
		t.Fatalf("got snapshots %v, error %v", snapshots, err)
	}
	content, err := os.ReadFile(snapshots[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut off":  content[:len(content)/2],
		"a change": append(append(bytes.Clone(content[:3000]), content[3000]^1), content[3001:]...),
	} {
		if err := os.WriteFile(snapshots[0], damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := run(t, dir, quick(target), "restore", "--to", "now", "--into", filepath.Join(t.TempDir(), "then")); err == nil {
			t.Errorf("%s: it was restored", name)
		}
	}
}

func TestRescue(t *testing.T) {
	t.Parallel()
	dir, target := t.TempDir(), t.TempDir()
	app, plugin := start(t, dir, quick(target))
	kept, changed := write(t, app, "kept", ""), write(t, app, "changed", "")
	deleted, other := write(t, app, "deleted", "its photo"), write(t, app, "other", "")
	shipped(t, plugin)
	filesShipped(t, plugin, 2)
	at := moment()
	changed.Set("title", "damaged")
	if err := errors.Join(app.Save(changed), app.Delete(deleted), app.Delete(other)); err != nil {
		t.Fatal(err)
	}
	later := write(t, app, "later", "")
	pbtest.Eventually(t, patience, func() error { // PocketBase removes them in the background
		_, err := os.Stat(filepath.Join(dir, "storage", filepath.FromSlash(deleted.BaseFilesPath())))
		if err == nil {
			return errors.New("the files of a deleted record are still there")
		}
		return nil
	})
	shipped(t, plugin)

	rescue := func(args ...string) backup.Rescued {
		t.Helper()
		root := &cobra.Command{Use: "holdall", SilenceErrors: true, SilenceUsage: true}
		// the command runs in the app of a command, beside the server
		config := quick(target)
		config.RootCmd, config.Engine = root, backup.NewEngine()
		beside := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: config.Engine.Connect})
		if _, err := backup.Register(beside, config); err != nil {
			t.Fatal(err)
		}
		if err := beside.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		defer beside.ResetBootstrapState() //nolint:errcheck // only its effect counts
		var out, problems bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&problems)
		root.SetArgs(append([]string{"restore", "records", "notes", "--to", at, "--json"}, args...))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, problems.String())
		}
		var result backup.Rescued
		if err := json.Unmarshal(out.Bytes(), &result); err != nil {
			t.Fatalf("%v in %s", err, out.String())
		}
		return result
	}
	expect := func(result backup.Rescued) {
		t.Helper()
		got := fmt.Sprint(result.Created, result.Updated, result.Unchanged, result.Files, result.Missing)
		if want := fmt.Sprint([]string{deleted.Id}, []string{changed.Id}, 1, 1, []string{}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	filter := fmt.Sprintf("id != '%s'", other.Id)
	expect(rescue("--filter", filter, "--dry-run"))
	if _, err := app.FindRecordById("notes", deleted.Id); err == nil {
		t.Error("a dry run brought a record back")
	}
	expect(rescue("--filter", filter))

	back, err := app.FindRecordById("notes", deleted.Id)
	if err != nil {
		t.Fatal(err)
	}
	if back.GetString("updated") != deleted.GetString("updated") {
		t.Errorf("updated is %s, want that of then, %s", back.GetString("updated"), deleted.GetString("updated"))
	}
	content, err := os.ReadFile(filepath.Join(dir, "storage", filepath.FromSlash(back.BaseFilesPath()), back.GetString("photo")))
	if err != nil || string(content) != "its photo" {
		t.Errorf("its file is %q, error %v", content, err)
	}
	for id, want := range map[string]string{kept.Id: "kept", changed.Id: "changed", later.Id: "later"} {
		record, err := app.FindRecordById("notes", id)
		if err != nil || record.GetString("title") != want {
			t.Errorf("%s is %v, error %v", want, record, err)
		}
	}
	if _, err := app.FindRecordById("notes", other.Id); err == nil {
		t.Error("a record that the filter leaves out came back")
	}
}

// TestZipsDoNotLockWriters makes a stock backup from within a transaction that
// writes, where PocketBase would wait for itself.
func TestZipsDoNotLockWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	app, _, err := openApp(dir, backup.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	write(t, app, "before", "a photo")
	err = app.RunInTransaction(func(tx core.App) error {
		notes, err := tx.FindCollectionByNameOrId("notes")
		if err != nil {
			return err
		}
		record := core.NewRecord(notes)
		record.Set("title", "uncommitted")
		return errors.Join(tx.Save(record), app.CreateBackup(t.Context(), "while.zip"))
	})
	if err != nil {
		t.Fatal(err)
	}
	zipped := filepath.Join(dir, "backups", "while.zip")
	reader, err := zip.OpenReader(zipped)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, f := range reader.File {
		if strings.HasPrefix(f.Name, ".backup") || strings.HasSuffix(f.Name, "-wal") {
			t.Errorf("%s is in the zip", f.Name)
		}
	}
	into := t.TempDir()
	if err := archive.Extract(zipped, into); err != nil {
		t.Fatal(err)
	}
	if got := titles(t, into); got != "before(a photo) " {
		t.Errorf("the zip has %q, want what was committed", got)
	}
	left, err := os.ReadDir(filepath.Join(dir, core.LocalTempDirName))
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, error %v", left, err)
	}
}
