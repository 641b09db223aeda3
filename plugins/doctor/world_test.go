package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/doctor"
)

// large is from how many rows on the tests call a table large, and many how many it
// has then.
const (
	large = 50
	many  = 60
)

// healthy is an app as it should be: nothing is found.
var healthy = pbtest.NewTemplate(makeHealthy)

func makeHealthy(app core.App) error {
	s := app.Settings()
	s.Meta.AppURL, s.Meta.SenderAddress = "https://app.holdall.example", "office@holdall.example"
	s.SMTP.Enabled, s.SMTP.Host = true, "smtp.holdall.example"
	s.RateLimits.Enabled = true
	s.SuperuserIPs = []string{"192.0.2.0/24"}
	if err := app.Save(s); err != nil {
		return err
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	groups := core.NewBaseCollection("groups")
	groups.Fields.Add(&core.TextField{Name: "name"}, &core.RelationField{Name: "members", CollectionId: users.Id, MaxSelect: 9},
		&core.RelationField{Name: "leader", CollectionId: users.Id, MaxSelect: 1})
	groups.ListRule = types.Pointer(`leader = @request.auth.id`)
	groups.AddIndex("idx_groups_leader", false, "leader", "")
	if err := app.Save(groups); err != nil {
		return err
	}
	tasks := core.NewBaseCollection("tasks")
	tasks.Fields.Add(
		&core.TextField{Name: "title"}, &core.EmailField{Name: "contact"}, &core.FileField{Name: "scan", MaxSelect: 1},
		&core.RelationField{Name: "owner", CollectionId: users.Id, MaxSelect: 1},
		&core.RelationField{Name: "group", CollectionId: groups.Id, MaxSelect: 1},
		&core.RelationField{Name: "helpers", CollectionId: users.Id, MaxSelect: 9},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	own := `@request.auth.id != "" && owner = @request.auth.id`
	tasks.ListRule, tasks.ViewRule, tasks.CreateRule, tasks.UpdateRule, tasks.DeleteRule = &own, &own, &own, &own, &own
	tasks.AddIndex("idx_tasks_owner", false, "owner, created", "")
	tasks.AddIndex("idx_tasks_group", false, "`group`", "")
	if err := app.Save(tasks); err != nil {
		return err
	}
	for i := range many { // each has another owner
		for _, query := range []string{
			"INSERT INTO users (id, email, tokenKey, password) VALUES ('user%011[1]d', '%[1]d@holdall.example', 'key%[1]d', 'x')",
			"INSERT INTO tasks (id, title, owner, created) VALUES ('task%011[1]d', 'a', 'user%011[1]d', '2026-01-01 00:00:00.%03[1]dZ')",
		} {
			if _, err := app.DB().NewQuery(fmt.Sprintf(query, i)).Execute(); err != nil {
				return err
			}
		}
	}
	return nil
}

// config is that of the healthy app. What depends on the machine is left out.
var config = doctor.Config{Large: large, SignUps: []string{"users"}, Ignore: []string{"disk.full", "disk.nearly-full"}}

// world returns a healthy app with a superuser.
func world(t *testing.T) *tests.TestApp {
	t.Helper()
	app := healthy.New(t)
	pbtest.Superuser(t, app)
	if err := os.Chmod(app.DataDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	return app
}

// examine returns what is found in the app.
func examine(t *testing.T, app core.App, config doctor.Config) doctor.Report {
	t.Helper()
	p, err := doctor.Register(app, config)
	if err != nil {
		t.Fatal(err)
	}
	return p.Examine(t.Context(), app)
}

// codes are those of the findings.
func codes(findings []doctor.Finding) []string {
	list := make([]string, len(findings))
	for i, f := range findings {
		list[i] = f.Code
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, app core.App, query string) {
	t.Helper()
	_, err := app.NonconcurrentDB().NewQuery(query).Execute()
	must(t, err)
}

// change changes a collection.
func change(name string, f func(c *core.Collection)) func(*testing.T, core.App) {
	return func(t *testing.T, app core.App) {
		t.Helper()
		c, err := app.FindCollectionByNameOrId(name)
		must(t, err)
		f(c)
		must(t, app.Save(c))
	}
}

// set changes the settings, also to what the dashboard would refuse.
func set(f func(s *core.Settings)) func(*testing.T, core.App) {
	return func(_ *testing.T, app core.App) { f(app.Settings()) }
}

// place is a file in the storage of a collection's record, old enough to be looked at.
func place(t *testing.T, app core.App, collection, record, name string) {
	t.Helper()
	dir := filepath.Join(app.DataDir(), core.LocalStorageDirName, collection, record)
	must(t, os.MkdirAll(dir, 0o700))
	path := filepath.Join(dir, name)
	must(t, os.WriteFile(path, []byte("content"), 0o600))
	must(t, os.Chtimes(path, old, old))
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	r := examine(t, world(t), config)
	if len(r.Findings) != 0 || r.Errors+r.Warnings+r.Notes != 0 {
		t.Errorf("got %+v, want nothing", r.Findings)
	}
	if len(r.Checks) < 10 || slices.ContainsFunc(r.Checks, func(c doctor.CheckReport) bool { return c.Findings > 0 || c.Title == "" }) {
		t.Errorf("got the checks %+v", r.Checks)
	}
}
