package pbtest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/logger"
)

// Template is a data directory that many apps start from, so that a schema or
// a data set is built once a process instead of once a test. It is held in
// memory and leaves nothing on disk. It is safe for concurrent use.
type Template struct {
	build func() (snapshot, error)
}

// NewTemplate returns a template of an empty app after the build functions.
// They run once, in order, when the first app is made. Only what they write
// to the data directory reaches the apps, not the hooks they bind.
func NewTemplate(build ...func(core.App) error) *Template {
	return &Template{build: sync.OnceValues(func() (snapshot, error) {
		return takeSnapshot(build)
	})}
}

// New returns an app that starts from the template, after it ran the register
// functions on it in order. The app and its directory end with the test.
func (t *Template) New(tb testing.TB, register ...func(core.App) error) *tests.TestApp {
	tb.Helper()

	image, err := t.build()
	if err != nil {
		tb.Fatalf("build the template: %v", err)
	}
	app, err := image.app()
	if err != nil {
		tb.Fatalf("start an app from the template: %v", err)
	}
	tb.Cleanup(func() { cleanUp(app) })
	for i, r := range register {
		if err := r(app); err != nil {
			tb.Fatalf("register function %d: %v", i, err)
		}
	}
	return app
}

// Factory returns a function for [tests.ApiScenario.TestAppFactory]. Each call
// of it makes a new app, as [Template.New] does.
func (t *Template) Factory(register ...func(core.App) error) func(testing.TB) *tests.TestApp {
	return func(tb testing.TB) *tests.TestApp {
		tb.Helper()
		return t.New(tb, register...)
	}
}

// snapshot is the content of a data directory by relative path.
type snapshot map[string][]byte

// takeSnapshot builds an app in a directory of its own and reads what it holds.
func takeSnapshot(build []func(core.App) error) (snapshot, error) {
	source, err := os.MkdirTemp("", "pbtest_*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(source)

	app, err := tests.NewTestApp(source)
	if err != nil {
		return nil, fmt.Errorf("start an empty app: %w", err)
	}
	defer app.Cleanup()
	dropLogs(app)
	for i, b := range build {
		if err := b(app); err != nil {
			return nil, fmt.Errorf("build function %d: %w", i, err)
		}
		dropLogs(app)
	}

	image := filepath.Join(source, "image")
	if err := copyData(app, image); err != nil {
		return nil, err
	}
	return readSnapshot(image)
}

// copyData writes the app's databases, compacted and without a log beside
// them, and its stored files to dir.
func copyData(app core.App, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	databases := map[string]dbx.Builder{"data.db": app.DB(), "auxiliary.db": app.AuxDB()}
	for name, db := range databases {
		_, err := db.NewQuery("VACUUM INTO {:path}").Bind(dbx.Params{"path": filepath.Join(dir, name)}).Execute()
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}

	storage := filepath.Join(app.DataDir(), core.LocalStorageDirName)
	if _, err := os.Stat(storage); err != nil {
		return nil // nothing was uploaded
	}
	if err := os.CopyFS(filepath.Join(dir, core.LocalStorageDirName), os.DirFS(storage)); err != nil {
		return fmt.Errorf("copy stored files: %w", err)
	}
	return nil
}

func readSnapshot(dir string) (snapshot, error) {
	result := snapshot{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		result[relative], err = os.ReadFile(path)
		return err
	})
	return result, err
}

// app starts an app on a copy of the snapshot.
func (s snapshot) app() (*tests.TestApp, error) {
	dir, err := os.MkdirTemp("", "pbtest_*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // the app works on a copy of its own

	if err := s.write(dir, isDatabase); err != nil {
		return nil, err
	}
	app, err := tests.NewTestApp(dir)
	if err != nil {
		return nil, err
	}
	dropLogs(app)
	// stored files go where they belong at once, as copying them twice shows
	if err := s.write(app.DataDir(), func(name string) bool { return !isDatabase(name) }); err != nil {
		app.Cleanup()
		return nil, err
	}
	return app, nil
}

// dropLogs empties PocketBase's queue of what it logged while it started. Its
// writer looks at the queue every three seconds, and would look at the app
// while the cleanup takes that down, which is a data race.
func dropLogs(app core.App) {
	if queue, ok := app.Logger().Handler().(*logger.BatchHandler); ok {
		_ = queue.WriteAll(context.Background()) // drops, as the app has logs off
	}
}

// write writes the chosen files to the directory.
func (s snapshot) write(dir string, choose func(name string) bool) error {
	for name, content := range s {
		if !choose(name) {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func isDatabase(name string) bool { return filepath.Ext(name) == ".db" }
