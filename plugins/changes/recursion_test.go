package changes_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
)

// listening is an app whose log messages are kept.
type listening struct {
	core.App
	heard *messages
}

func (a listening) Logger() *slog.Logger { return slog.New(a.heard) }

type messages struct {
	slog.Handler
	mu   sync.Mutex
	text strings.Builder
}

func (m *messages) Enabled(context.Context, slog.Level) bool { return true }

func (m *messages) Handle(_ context.Context, r slog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text.WriteString(r.Level.String() + " " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		m.text.WriteString(" " + a.String())
		return true
	})
	return nil
}

func TestTriggersThatFireThemselvesAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body  string
		plain bool
		warns bool
	}{
		"updates its own table":        {body: "UPDATE `tasks` SET count = count + 1 WHERE id = NEW.id;", warns: true},
		"updates another table":        {body: "UPDATE projects SET name = NEW.title WHERE id = NEW.project;"},
		"plain triggers of the engine": {body: "UPDATE tasks SET count = count + 1 WHERE id = NEW.id;", plain: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			app, _ := newApp(t, dir)
			_, err := app.DB().NewQuery("CREATE TRIGGER mine AFTER UPDATE ON tasks BEGIN " + test.body + " END").Execute()
			if err != nil {
				t.Fatal(err)
			}
			pbtest.Terminate(t, app)

			engine := sqlite.New()
			engine.PlainTriggers = test.plain
			next := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: engine.Connect})
			if err := next.Bootstrap(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { pbtest.Terminate(t, next) })
			heard := &messages{}
			if _, err := changes.Register(listening{next, heard}, changes.Config{Engine: engine}); err != nil {
				t.Fatal(err)
			}
			if warned := strings.Contains(heard.text.String(), "WARN") && strings.Contains(heard.text.String(), "trigger=mine"); warned != test.warns {
				t.Errorf("got a warning %v, want %v: %s", warned, test.warns, heard.text.String())
			}

			tasks, err := next.FindCollectionByNameOrId("tasks")
			if err != nil {
				t.Fatal(err)
			}
			task := core.NewRecord(tasks)
			if err := next.Save(task); err != nil {
				t.Fatal(err)
			}
			task.Set("title", "x")
			if err := next.Save(task); (err != nil) != test.warns {
				t.Errorf("got %v, want a failure %v", err, test.warns)
			}
		})
	}
}
