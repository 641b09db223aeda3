package pbtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// diaries is a small world: each user has a page that nobody else reads.
var diaries = pbtest.NewTemplate(func(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	own := `@request.auth.id != "" && author = @request.auth.id`
	pages := core.NewBaseCollection("pages")
	pages.ListRule, pages.ViewRule, pages.CreateRule, pages.UpdateRule = &own, &own, &own, &own
	pages.Fields.Add(
		&core.RelationField{Name: "author", CollectionId: users.Id, MaxSelect: 1, Required: true},
		&core.TextField{Name: "text"},
	)
	if err := app.Save(pages); err != nil {
		return err
	}
	for _, name := range []string{"ada", "bob"} {
		user := core.NewRecord(users)
		user.Id = name + "000000000000"
		user.SetEmail(name + "@example.com")
		user.SetPassword(pbtest.Password)
		if err := app.Save(user); err != nil {
			return err
		}
		page := core.NewRecord(pages)
		page.Id = name + "spage0000000"
		page.Load(map[string]any{"author": user.Id, "text": name + "'s secret"})
		if err := app.Save(page); err != nil {
			return err
		}
	}
	return nil
})

var diaryWorld = pbtest.World{
	New:    func(tb testing.TB) *tests.TestApp { return diaries.New(tb) },
	People: map[string]string{"ada": "users/ada000000000000", "bob": "users/bob000000000000"},
}

// diaryMatrix is right; tests of the engine make it wrong.
func diaryMatrix() pbtest.Matrix {
	return pbtest.Matrix{
		Collection: "pages",
		Record:     "adaspage0000000",
		Create:     map[string]any{"author": pbtest.Self, "text": "new"},
		Update:     map[string]any{"text": "changed"},
		Locked:     pbtest.Delete,
		Secrets:    []string{"ada's secret"},
		Rows: []pbtest.Row{
			{As: pbtest.Guest},
			{As: "bob", Lists: []string{"bobspage0000000"}, May: pbtest.Create},
			{As: "ada", Lists: []string{"adaspage0000000"}, May: pbtest.View | pbtest.Create | pbtest.Update},
		},
	}
}

func TestSuiteRunsWhatHolds(t *testing.T) {
	t.Parallel()
	pbtest.Suite{
		Matrices: []pbtest.Matrix{diaryMatrix()},
		Cases: []pbtest.Case{
			{Name: "bob reads his", As: "bob", Path: "/api/collections/pages/records/bobspage0000000", Has: []string{"bob's secret"}},
			{
				Name: "bob does not write as ada", As: "bob", Method: http.MethodPost, Path: "/api/collections/pages/records",
				Body: map[string]any{"author": "ada000000000000"}, Status: http.StatusBadRequest,
			},
		},
	}.Run(t, diaryWorld)
}

func TestSuiteFindsWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	row := func(as string, change func(*pbtest.Row)) func(*pbtest.Matrix) {
		return func(m *pbtest.Matrix) {
			for i := range m.Rows {
				if m.Rows[i].As == as {
					change(&m.Rows[i])
				}
			}
		}
	}
	rule := func(set func(*core.Collection, *string), rule string) pbtest.World {
		return pbtest.World{People: diaryWorld.People, New: func(tb testing.TB) *tests.TestApp {
			return diaries.New(tb, func(app core.App) error {
				c, err := app.FindCollectionByNameOrId("pages")
				if err != nil {
					return err
				}
				set(c, &rule)
				return app.Save(c)
			})
		}}
	}
	fake := func(bind func(app core.App)) pbtest.World {
		return pbtest.World{People: diaryWorld.People, New: func(tb testing.TB) *tests.TestApp {
			return diaries.New(tb, func(app core.App) error { bind(app); return nil })
		}}
	}

	cases := []struct {
		name, action string
		matrix       func(*pbtest.Matrix)
		world        pbtest.World
		want         string // in the failure
	}{
		{
			name: "a list shows more than is claimed", action: "list", want: "listed",
			world: rule(func(c *core.Collection, r *string) { c.ListRule = r }, ``),
		},
		{
			name: "a list shows less than is claimed", action: "list", want: "listed",
			matrix: row("ada", func(r *pbtest.Row) { r.Lists = append(r.Lists, "bobspage0000000") }),
		},
		{
			name: "somebody may view what is claimed to be refused", action: "view", want: "guest may not view",
			world: rule(func(c *core.Collection, r *string) { c.ViewRule = r }, ``),
		},
		{
			name: "somebody may not view what is claimed to be allowed", action: "view", want: "bob may view",
			matrix: row("bob", func(r *pbtest.Row) { r.May |= pbtest.View }),
		},
		{
			name: "somebody may create", action: "create", want: "guest may not create",
			world: rule(func(c *core.Collection, r *string) { c.CreateRule = r }, ``),
		},
		{
			name: "a creation is refused by validation, which is not the rule's merit", action: "create", want: "not the rule",
			matrix: func(m *pbtest.Matrix) { m.Create = map[string]any{"text": "by nobody"} },
			world:  rule(func(c *core.Collection, r *string) { c.CreateRule = r }, ``),
		},
		{
			name: "somebody may update", action: "update", want: "guest may not update",
			world: rule(func(c *core.Collection, r *string) { c.UpdateRule = r }, ``),
		},
		{
			name: "an update answers well and changes nothing", action: "update", want: "stored text",
			world: fake(func(app core.App) {
				app.OnRecordUpdateRequest("pages").BindFunc(func(e *core.RecordRequestEvent) error {
					return e.JSON(http.StatusOK, e.Record)
				})
			}),
		},
		{
			name: "a deletion answers well and deletes nothing", action: "delete", want: "still there",
			matrix: func(m *pbtest.Matrix) { m.Locked = 0; m.Rows = []pbtest.Row{{As: "ada", May: pbtest.Delete}} },
			world: pbtest.World{People: diaryWorld.People, New: func(tb testing.TB) *tests.TestApp {
				return diaries.New(tb, func(app core.App) error {
					app.OnRecordDeleteRequest("pages").BindFunc(func(e *core.RecordRequestEvent) error {
						return e.NoContent(http.StatusNoContent)
					})
					c, err := app.FindCollectionByNameOrId("pages")
					if err != nil {
						return err
					}
					c.DeleteRule = c.ViewRule
					return app.Save(c)
				})
			}},
		},
		{
			name: "what is claimed to be locked is merely unmet", action: "delete", want: "want 403",
			world: rule(func(c *core.Collection, r *string) { c.DeleteRule = r }, `id = ""`),
		},
		{
			name: "a refusal tells a secret", action: "view", want: "tells",
			world: fake(func(app core.App) {
				app.OnServe().BindFunc(func(e *core.ServeEvent) error {
					e.Router.BindFunc(func(e *core.RequestEvent) error {
						if strings.HasSuffix(e.Request.URL.Path, "/adaspage0000000") && e.Auth == nil {
							return e.NotFoundError("No access to ada's secret.", nil)
						}
						return e.Next()
					})
					return e.Next()
				})
			}),
		},
		{
			name: "a refusal tells that the record exists", action: "view", want: "as for a record that does not exist",
			world: fake(func(app core.App) {
				app.OnServe().BindFunc(func(e *core.ServeEvent) error {
					e.Router.BindFunc(func(e *core.RequestEvent) error {
						if strings.HasSuffix(e.Request.URL.Path, "/adaspage0000000") && e.Auth == nil {
							return e.NotFoundError("This is not yours.", nil)
						}
						return e.Next()
					})
					return e.Next()
				})
			}),
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			matrix, world := diaryMatrix(), c.world
			if c.matrix != nil {
				c.matrix(&matrix)
			}
			if world.New == nil {
				world = diaryWorld
			}
			err := pbtest.Suite{Matrices: []pbtest.Matrix{matrix}}.Failure(t, world, c.action)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("failure: got %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestCaseFindsWhatDoesNotHold(t *testing.T) {
	t.Parallel()
	const page = "/api/collections/pages/records/adaspage0000000"
	cases := map[string]pbtest.Case{
		"status":  {As: "bob", Path: page},
		"has":     {As: "ada", Path: page, Has: []string{"bob"}},
		"has not": {As: "ada", Path: page, HasNot: []string{"secret"}},
		"ids":     {As: "ada", Path: "/api/collections/pages/records", IDs: []string{}},
		"after": {As: "ada", Path: page, After: func(app core.App) error {
			_, err := app.FindRecordById("pages", "nosuchpage00000")
			return err
		}},
		"before": {As: "ada", Path: page, Before: func(app core.App) error {
			_, err := app.FindRecordById("pages", "nosuchpage00000")
			return err
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := (pbtest.Suite{Cases: []pbtest.Case{c}}).Failure(t, diaryWorld, "view"); err == nil {
				t.Error("got no failure")
			}
		})
	}
}
