package changes_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
)

// TestEveryWriteIsLogged goes through the ways in which data changes, once with
// the compact log and once with the full log of everything beside it.
func TestEveryWriteIsLogged(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]changes.Config{
		"compact": {},
		"full":    {History: []string{"tasks", "todos", "projects", "imported", "people"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, log, err := openApp(t.TempDir(), config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { pbtest.Terminate(t, app) })
			ways := waysToWrite(t, app)
			position, err := log.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range ways {
				if err := step.write(); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				page, err := log.Read(t.Context(), position, 1000)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				expect(t, step.name, page.Changes, step.want)
				if !page.UpToDate || page.Next < position {
					t.Errorf("%s: page is up to date: %v, next %d after %d", step.name, page.UpToDate, page.Next, position)
				}
				full, err := log.History(t.Context(), position, 1000)
				if err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				if config.History == nil {
					step.history = nil
				}
				expect(t, step.name+", in full", full.Changes, step.history)
				position = page.Next
			}
		})
	}
}

// expect compares changes with what a step has to leave, each once, without
// regard to the order: one statement may change rows in any.
func expect(t *testing.T, name string, list []changes.Change, want []string) {
	t.Helper()
	got, want := summary(list), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
}

// way is a way to write.
type way struct {
	name  string
	write func() error
	// what it leaves in the compact and in the full log: "+id" changed, "-id" deleted
	want, history []string
}

// data is a way that changes records: both logs have the same.
func data(name string, write func() error, want ...string) way {
	return way{name, write, want, want}
}

// definition is a way that changes a collection. The full log has nothing of it,
// also where the records are rewritten.
func definition(name string, write func() error, want ...string) way {
	return way{name, write, want, nil}
}

// waysToWrite build on each other.
func waysToWrite(t *testing.T, app core.App) []way {
	t.Helper()
	api := client(t, app)
	run := func(statements ...string) func() error {
		return func() error {
			for _, sql := range statements {
				if err := exec(app, sql); err != nil {
					return err
				}
			}
			return nil
		}
	}
	change := func(name string, by func(c *core.Collection)) func() error {
		return func() error {
			c, err := app.FindCollectionByNameOrId(name)
			if err != nil {
				return err
			}
			by(c)
			return app.Save(c)
		}
	}
	return slices.Concat(
		waysOfRecords(app, run), waysOfRequests(api), waysOfCollections(app, run, change), waysOfRemoval(app, run))
}

func waysOfRecords(app core.App, run func(...string) func() error) []way {
	return []way{
		data("create", func() error { return create(app, "projects", id("p"), nil) }, "+p"),
		data("create three", func() error {
			return errors.Join(
				create(app, "tasks", id("a"), map[string]any{"project": id("p")}),
				create(app, "tasks", id("b"), map[string]any{"project": id("p")}),
				create(app, "tasks", id("c"), map[string]any{"project": id("p")}))
		}, "+a", "+b", "+c"),
		data("update", func() error {
			r, err := app.FindRecordById("tasks", id("a"))
			if err != nil {
				return err
			}
			r.Set("title", "new")
			return app.Save(r)
		}, "+a"),
		data("a transaction that rolls back", func() error {
			_ = app.RunInTransaction(func(tx core.App) error {
				return errors.Join(create(tx, "tasks", id("x"), nil), errors.New("no"))
			})
			return nil
		}),
		data("SQL update of all rows", run("UPDATE tasks SET title = 'raw'"), "+a", "+b", "+c"),
		data("SQL delete of one row", run("DELETE FROM tasks WHERE id = '"+id("c")+"'"), "-c"),
		data("INSERT OR IGNORE over a tombstone",
			run("INSERT OR IGNORE INTO tasks (id, project) VALUES ('"+id("c")+"', '"+id("p")+"')"), "+c"),
		{
			"INSERT OR ABORT over a tombstone",
			run("DELETE FROM tasks WHERE id = '"+id("c")+"'", "INSERT OR ABORT INTO tasks (id, project) VALUES ('"+id("c")+"', '"+id("p")+"')"),
			[]string{"+c"},
			[]string{"-c", "+c"},
		},
		data("upsert", run("INSERT INTO tasks (id) VALUES ('"+id("c")+"') ON CONFLICT (id) DO UPDATE SET title = 'up'"), "+c"),
		{
			"REPLACE of the same id", run("REPLACE INTO tasks (id, project) VALUES ('" + id("c") + "', '" + id("p") + "')"),
			[]string{"+c"},
			[]string{"-c", "+c"},
		},
		data("cascade", func() error {
			r, err := app.FindRecordById("projects", id("p"))
			if err != nil {
				return err
			}
			return app.Delete(r)
		}, "-a", "-b", "-c", "-p"),
	}
}

func waysOfRequests(api func(method, path, body string) error) []way {
	const records = "/api/collections/tasks/records"
	return []way{
		data("API create", func() error { return api("POST", records, `{"id":"`+id("d")+`","title":"one"}`) }, "+d"),
		data("API update", func() error { return api("PATCH", records+"/"+id("d"), `{"title":"two"}`) }, "+d"),
		data("API delete", func() error { return api("DELETE", records+"/"+id("d"), ``) }, "-d"),
		data("batch that creates two and updates one of them", func() error {
			return api("POST", "/api/batch", fmt.Sprintf(`{"requests":[{"method":"POST","url":%[1]q,"body":{"id":%[2]q}},
				{"method":"POST","url":%[1]q,"body":{"id":%[3]q}},{"method":"PATCH","url":"%[1]s/%[3]s","body":{"title":"x"}}]}`, records, id("d"), id("e")))
		}, "+d", "+e"),
		data("batch that fails and rolls back", func() error {
			err := api("POST", "/api/batch", fmt.Sprintf(`{"requests":[{"method":"POST","url":%[1]q,"body":{"id":%[2]q}},
				{"method":"PATCH","url":"%[1]s/nobody","body":{}}]}`, records, id("x")))
			if err == nil {
				return errors.New("the batch went through")
			}
			return nil
		}),
		data("SQL of the dashboard's console", func() error {
			return api("POST", "/api/sql", `{"query":"UPDATE tasks SET title = 'sql'"}`)
		}, "+d", "+e"),
		{"two statements of the console", func() error {
			return api("POST", "/api/sql", `{"query":"INSERT INTO tasks (id) VALUES ('y'); DELETE FROM tasks WHERE id = 'y'"}`)
		}, []string{"-y"}, []string{"+y", "-y"}},
		data("a statement of the console that fails half-way", func() error {
			if api("POST", "/api/sql", `{"query":"UPDATE tasks SET title = 'no'; UPDATE nothing SET x = 1"}`) == nil {
				return errors.New("the console took it")
			}
			return nil
		}),
	}
}

func waysOfCollections(app core.App, run func(...string) func() error, change func(string, func(*core.Collection)) func() error) []way {
	return []way{
		definition("field rename", change("tasks", func(c *core.Collection) { c.Fields.GetByName("title").SetName("label") }), "+schema"),
		data("write after the field rename", run("UPDATE tasks SET label = 'new name' WHERE id = '"+id("d")+"'"), "+d"),
		definition("field drop", change("tasks", func(c *core.Collection) { c.Fields.RemoveByName("secret") }), "+schema"),
		definition("single select becomes multiple, which rewrites the rows", change("tasks", func(c *core.Collection) {
			c.Fields.GetByName("tag").(*core.SelectField).MaxSelect = 2
		}), "+schema", "+d", "+e"),
		definition("and single again", change("tasks", func(c *core.Collection) {
			c.Fields.GetByName("tag").(*core.SelectField).MaxSelect = 1
		}), "+schema", "+d", "+e"),
		definition("a field of another type under the same name", change("tasks", func(c *core.Collection) {
			c.Fields.RemoveByName("count")
			c.Fields.Add(&core.TextField{Name: "count"})
		}), "+schema"),
		data("write after the retype", run("UPDATE tasks SET count = 'many' WHERE id = '"+id("e")+"'"), "+e"),
		definition("rule and index", change("tasks", func(c *core.Collection) {
			c.ListRule = nil
			c.AddIndex("tasks_label", false, "label", "")
		}), "+schema"),
		definition("collection rename", change("tasks", func(c *core.Collection) { c.Name = "todos" }), "+schema"),
		data("write after the rename", func() error { return create(app, "todos", id("f"), nil) }, "+f"),
		data("change of an id", run("UPDATE todos SET id = '"+id("g")+"' WHERE id = '"+id("f")+"'"), "-f", "+g"),
		definition("import adds a collection", func() error {
			return app.ImportCollections([]map[string]any{{"name": "imported", "type": "base", "fields": []map[string]any{{"name": "t", "type": "text"}}}}, false)
		}, "+schema"),
		data("write to the imported collection", func() error { return create(app, "imported", id("i"), nil) }, "+i"),
		definition("an auth collection", func() error { return app.Save(core.NewAuthCollection("people")) }, "+schema"),
		data("write to the auth collection", func() error {
			return create(app, "people", id("u"), map[string]any{"email": "u@example.com", "password": "12345678"})
		}, "+u"),
		definition("a view", func() error {
			view := core.NewViewCollection("labels")
			view.ViewQuery = "SELECT id, label FROM todos"
			return app.Save(view)
		}, "+schema"),
		definition("a change of a collection that fails", func() error {
			if change("todos", func(c *core.Collection) { c.Name = "imported" })() == nil {
				return errors.New("two collections have one name")
			}
			return nil
		}),
		data("write after the failed change", run("UPDATE todos SET label = 'still' WHERE id = '"+id("d")+"'"), "+d"),
	}
}

func waysOfRemoval(app core.App, run func(...string) func() error) []way {
	todos := func(do func(*core.Collection) error) func() error {
		return func() error {
			c, err := app.FindCollectionByNameOrId("todos")
			if err != nil {
				return err
			}
			return do(c)
		}
	}
	return []way{
		data("truncate", todos(func(c *core.Collection) error { return app.TruncateCollection(c) }), "-d", "-e", "-g"),
		{
			"DELETE without WHERE, which SQLite would shorten to a truncate",
			run("INSERT INTO todos (id) VALUES ('"+id("h")+"')", "DELETE FROM todos"),
			[]string{"-h"},
			[]string{"+h", "-h"},
		},
		{
			"REPLACE that evicts another row through a unique index",
			run("CREATE UNIQUE INDEX u ON todos (label) WHERE label <> ''",
				"INSERT INTO todos (id, label) VALUES ('"+id("j")+"', 'same')", "REPLACE INTO todos (id, label) VALUES ('"+id("k")+"', 'same')"),
			[]string{"-j", "+k"},
			[]string{"+j", "-j", "+k"},
		},
		definition("drop of the view", func() error {
			view, err := app.FindCollectionByNameOrId("labels")
			if err != nil {
				return err
			}
			return app.Delete(view)
		}, "-schema"),
		definition("drop of a collection", todos(func(c *core.Collection) error { return app.Delete(c) }), "-schema"),
	}
}

// client makes requests as a superuser.
func client(t *testing.T, app core.App) func(method, path, body string) error {
	t.Helper()
	token := pbtest.Superuser(t, app)
	app.Settings().Batch.Enabled = true
	handler := pbtest.Handler(t, app)
	return func(method, path, body string) error {
		request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", token)
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request)
		if response.Code >= 300 {
			return fmt.Errorf("%s %s: %d %s", method, path, response.Code, response.Body)
		}
		return nil
	}
}
