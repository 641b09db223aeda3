package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/backup"
)

// patience is how long a test waits for what the backup does in the background.
const patience = 90 * time.Second

// quick is a config for tests: what takes a day elsewhere takes no time.
func quick(target string) backup.Config {
	return backup.Config{Directory: target, Interval: 20 * time.Millisecond, DrillInterval: -1, FilesInterval: 10 * time.Minute}
}

// openApp opens an app with a backup on a directory.
func openApp(dir string, config backup.Config) (core.App, *backup.Plugin, error) {
	config.Engine = backup.NewEngine()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: config.Engine.Connect})
	plugin, err := backup.Register(app, config)
	if err != nil {
		return nil, nil, err
	}
	if err := app.Bootstrap(); err != nil {
		return nil, nil, err
	}
	if _, err := app.FindCollectionByNameOrId("notes"); err == nil {
		return app, plugin, nil
	}
	if err := app.RunAllMigrations(); err != nil {
		return nil, nil, err
	}
	notes := core.NewBaseCollection("notes")
	notes.Fields.Add(&core.TextField{Name: "title", Max: 100_000}, &core.NumberField{Name: "n"},
		&core.FileField{Name: "photo", MaxSize: 1 << 20}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	notes.CreateRule, notes.ListRule = types.Pointer(""), types.Pointer("")
	settings := app.Settings()
	settings.Logs.MaxDays = 0
	return app, plugin, errors.Join(app.Save(notes), app.Save(settings))
}

// start opens an app and starts its backup.
func start(t *testing.T, dir string, config backup.Config) (core.App, *backup.Plugin) {
	t.Helper()
	app, plugin, err := openApp(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	if err := plugin.Start(); err != nil {
		t.Fatal(err)
	}
	return app, plugin
}

// write creates a note, with a file if there is content for one.
func write(t *testing.T, app core.App, title, photo string) *core.Record {
	t.Helper()
	notes, err := app.FindCollectionByNameOrId("notes")
	if err != nil {
		t.Fatal(err)
	}
	note := core.NewRecord(notes)
	note.Set("title", title)
	if photo != "" {
		file, err := filesystem.NewFileFromBytes([]byte(photo), "photo.txt")
		if err != nil {
			t.Fatal(err)
		}
		note.Set("photo", file)
	}
	if err := app.Save(note); err != nil {
		t.Fatal(err)
	}
	return note
}

// shipped waits until the targets have what was committed.
func shipped(t *testing.T, plugin *backup.Plugin) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := plugin.Wait(ctx); err != nil {
		t.Fatalf("%v; status %+v", err, plugin.Status())
	}
}

// filesShipped waits until the targets have n files.
func filesShipped(t *testing.T, plugin *backup.Plugin, n int) {
	t.Helper()
	pbtest.Eventually(t, patience, func() error {
		for _, target := range plugin.Status().Targets {
			if target.Files == nil || target.Files.Files != n || target.Files.Error != "" {
				return fmt.Errorf("the files in %s are %+v, want %d", target.Name, target.Files, n)
			}
		}
		return nil
	})
}

// titles are those of all notes in a data directory.
func titles(t *testing.T, dir string) string {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	defer app.ResetBootstrapState() //nolint:errcheck // it is only read
	records, err := app.FindAllRecords("notes")
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, r := range records {
		text += r.GetString("title")
		if name := r.GetString("photo"); name != "" {
			content, err := os.ReadFile(filepath.Join(dir, "storage", filepath.FromSlash(r.BaseFilesPath()), name))
			if err != nil {
				t.Error(err)
			}
			text += "(" + string(content) + ")"
		}
		text += " "
	}
	return text
}

// someIdentity returns a pair of keys.
func someIdentity(t *testing.T) (recipients []string, identity string) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return []string{key.Recipient().String()}, key.String()
}
