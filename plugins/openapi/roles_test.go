package openapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// offices has teams with members in roles, and documents of theirs whose rules go
// through the roles in every way that rules can.
var offices = pbtest.NewTemplate(func(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.Add(&core.TextField{Name: "level"})
	// hidden from sight, changed only by oneself
	users.ListRule, users.ViewRule, users.CreateRule = nil, types.Pointer("id = @request.auth.id"), types.Pointer("@request.auth.id = ''")
	users.UpdateRule, users.DeleteRule = types.Pointer("id = @request.auth.id && level = 'x'"), nil
	if err := app.Save(users); err != nil {
		return err
	}
	const signedIn = `@request.auth.id != ""`
	const member = `team.members_via_team.user ?= @request.auth.id`
	const writes = `(team.members_via_team.role ?= "writer" || team.members_via_team.role ?= "boss")`

	specs := []struct {
		name   string
		rules  []string
		fields func(id func(string) string) []core.Field
	}{
		{"teams", []string{
			signedIn + " && members_via_team.user ?= @request.auth.id", "", signedIn, `members_via_team.user ?= @request.auth.id && members_via_team.role ?= "boss"`, "-",
		}, func(func(string) string) []core.Field { return []core.Field{&core.TextField{Name: "name"}} }},
		{"members", []string{"-", "-", "-", "-", "-"}, func(id func(string) string) []core.Field {
			return []core.Field{
				&core.RelationField{Name: "team", CollectionId: id("teams"), MaxSelect: 1},
				&core.RelationField{Name: "user", CollectionId: id("users"), MaxSelect: 1},
				&core.TextField{Name: "role"},
			}
		}},
		{"papers", []string{
			signedIn + " && " + member,
			signedIn + " && " + member,
			signedIn + " && " + member + " && " + writes + ` && @request.body.state:isset = false`,
			signedIn + " && " + member + " && (" + writes + ` || author = @request.auth.id && team.members_via_team.role ?= "guest writer")`,
			signedIn + " && " + member + ` && team.members_via_team.role ?= "boss" && state = "draft"`,
		}, func(id func(string) string) []core.Field {
			return []core.Field{
				&core.RelationField{Name: "team", CollectionId: id("teams"), MaxSelect: 1}, &core.TextField{Name: "state"},
				&core.RelationField{Name: "author", CollectionId: id("users"), MaxSelect: 1},
			}
		}},
		{"remarks", []string{
			signedIn + " && paper.team.members_via_team.user ?= @request.auth.id", "", signedIn + " && paper.author ?= @request.auth.id",
			signedIn + ` && paper.team.members_via_team.user ?= @request.auth.id && paper.team.members_via_team.role ?= "boss"`, `@request.auth.level = "chief"`,
		}, func(id func(string) string) []core.Field {
			return []core.Field{&core.RelationField{Name: "paper", CollectionId: id("papers"), MaxSelect: 3}}
		}},
		{"journal", []string{
			`@collection.members.user ?= @request.auth.id && @collection.members.role ?= "boss"`, `@request.method = "GET"`,
			`@request.auth.members_via_user.role ?= "boss"`, `@request.headers.x_secret = "let me"`, `@request.auth.collectionName = "robots"`,
		}, func(func(string) string) []core.Field { return []core.Field{&core.TextField{Name: "line"}} }},
	}
	id := func(name string) string {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			panic(err)
		}
		return c.Id
	}
	for _, spec := range specs {
		c := core.NewBaseCollection(spec.name)
		c.Fields.Add(spec.fields(id)...)
		if err := app.Save(c); err != nil {
			return fmt.Errorf("save %s: %w", spec.name, err)
		}
	}
	for _, spec := range specs {
		if err := setRules(app, spec.name, spec.rules); err != nil {
			return err
		}
	}
	return nil
})

// setRules gives a collection its rules of list, view, create, update and delete,
// once there is what they speak of. "-" locks.
func setRules(app core.App, name string, rules []string) error {
	c, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		return err
	}
	for i, field := range []**string{&c.ListRule, &c.ViewRule, &c.CreateRule, &c.UpdateRule, &c.DeleteRule} {
		if rules[i] != "-" {
			*field = &rules[i]
		}
	}
	if err := app.Save(c); err != nil {
		return fmt.Errorf("save the rules of %s: %w", name, err)
	}
	return nil
}

// world is the people of the offices with what each has.
func world(tb testing.TB, app *tests.TestApp) map[string]string {
	tb.Helper()
	add := func(collection string, values map[string]any) *core.Record {
		c, err := app.FindCollectionByNameOrId(collection)
		if err != nil {
			tb.Fatal(err)
		}
		r := core.NewRecord(c)
		r.Load(values)
		if err := app.Save(r); err != nil {
			tb.Fatalf("save a record of %s: %v", collection, err)
		}
		return r
	}
	team, other := add("teams", map[string]any{"name": "one"}), add("teams", map[string]any{"name": "two"})
	tokens := map[string]string{"nobody": ""}
	people := map[string]*core.Record{}
	for _, name := range []string{"stranger", "reader", "guest writer", "writer", "boss", "chief"} {
		level := ""
		if name == "chief" {
			level = "chief"
		}
		people[name], tokens[name] = pbtest.User(tb, app, "users", map[string]any{"level": level})
	}
	for _, name := range []string{"reader", "guest writer", "writer", "boss"} {
		add("members", map[string]any{"team": team.Id, "user": people[name].Id, "role": name})
	}
	// a boss elsewhere is none of the stranger's business
	add("members", map[string]any{"team": other.Id, "user": people["boss"].Id, "role": "reader"})
	add("papers", map[string]any{"team": team.Id, "author": people["reader"].Id, "state": "draft"})
	return tokens
}

func TestDocumentsListWhatTheRulesAllow(t *testing.T) {
	t.Parallel()
	app := offices.New(t, register(openapi.Config{}))
	do := serve(t, app)
	tokens := world(t, app)
	tokens["superuser"] = pbtest.Superuser(t, app)

	// which of list, view, create, update and delete each has, as letters
	cases := map[string]map[string]string{
		"nobody":       {"users": "c", "teams": "v", "papers": "", "remarks": "v", "journal": "vu", "members": ""},
		"stranger":     {"users": "vu", "teams": "vc", "papers": "", "remarks": "v", "journal": "vu", "members": ""},
		"reader":       {"users": "vu", "teams": "lvc", "papers": "lv", "remarks": "lvc", "journal": "vu", "members": ""},
		"guest writer": {"users": "vu", "teams": "lvc", "papers": "lvu", "remarks": "lv", "journal": "vu", "members": ""},
		"writer":       {"users": "vu", "teams": "lvc", "papers": "lvcu", "remarks": "lv", "journal": "vu", "members": ""},
		"boss":         {"users": "vu", "teams": "lvcu", "papers": "lvcud", "remarks": "lvu", "journal": "lvcu", "members": ""},
		"chief":        {"users": "vu", "teams": "vc", "papers": "", "remarks": "vd", "journal": "vu", "members": ""},
		"superuser":    {"users": "lvcud", "teams": "lvcud", "papers": "lvcud", "remarks": "lvcud", "journal": "lvcud", "members": "lvcud"},
	}
	for who, want := range cases {
		document := apispec.Read(t, fetch(t, do, tokens[who]))
		for collection, letters := range want {
			if got := listedActions(document, collection); got != letters {
				t.Errorf("%s, %s: the document lists %q, want %q", who, collection, got, letters)
			}
		}
	}
}

// listedActions are those of a collection that the document has, as letters.
func listedActions(document *apispec.Document, collection string) string {
	path := "/api/collections/" + collection + "/records"
	var letters strings.Builder
	for _, action := range []struct{ letter, method, path string }{
		{"l", "GET", path}, {"v", "GET", path + "/{id}"}, {"c", "POST", path}, {"u", "PATCH", path + "/{id}"}, {"d", "DELETE", path + "/{id}"},
	} {
		if document.At("paths", action.path, strings.ToLower(action.method)) != nil {
			letters.WriteString(action.letter)
		}
	}
	return letters.String()
}

// A field that the rule of an action keeps out of requests is no part of the body.
func TestBodiesLeaveOutWhatTheRulesRefuse(t *testing.T) {
	t.Parallel()
	app := offices.New(t, func(app core.App) error {
		if err := setRules(app, "teams", []string{"", "", "", `(@request.body.name:changed = false && id != "")`, "-"}); err != nil {
			return err
		}
		return setRules(app, "remarks", []string{"", "", `@request.body.paper:isset = false || id != ""`, `@request.body.paper:isset = true`, "-"})
	}, register(openapi.Config{}))
	do := serve(t, app)
	tokens := world(t, app)
	boss, superuser := apispec.Read(t, fetch(t, do, tokens["boss"])), apispec.Read(t, fetch(t, do, pbtest.Superuser(t, app)))
	for _, c := range []struct {
		schema, field string
		has           bool
	}{
		{"PapersCreate", "state", false},
		{"PapersUpdate", "state", true},
		{"TeamsCreate", "name", true},
		{"TeamsUpdate", "name", false},
		{"RemarksCreate", "paper", true},
		{"RemarksUpdate", "paper", true},
	} {
		keys := []string{"components", "schemas", c.schema, "properties", c.field}
		if got := boss.At(keys...) != nil; got != c.has {
			t.Errorf("%s has %s: got %t, want %t", c.schema, c.field, got, c.has)
		}
		if superuser.At(keys...) == nil {
			t.Errorf("%s has no %s for superusers, who pass rules by", c.schema, c.field)
		}
	}
}

// What a document does not list is refused, and what it lists is allowed with a
// request that fits.
func TestRulesAgreeWithDocuments(t *testing.T) {
	t.Parallel()
	app := offices.New(t, register(openapi.Config{}))
	do := serve(t, app)
	tokens := world(t, app)
	paper, err := app.FindFirstRecordByData("papers", "state", "draft")
	if err != nil {
		t.Fatal(err)
	}
	team := paper.GetString("team")
	attempts := []struct {
		letter, method, collection, path string
		body                             map[string]any
	}{
		{"l", "GET", "teams", "", nil},
		{"l", "GET", "papers", "", nil},
		{"v", "GET", "papers", "/" + paper.Id, nil},
		{"c", "POST", "papers", "", map[string]any{"team": team}},
		{"c", "POST", "remarks", "", map[string]any{"paper": []string{paper.Id}}},
		{"u", "PATCH", "teams", "/" + team, map[string]any{"name": "new"}},
		{"c", "POST", "journal", "", map[string]any{"line": "x"}},
		{"d", "DELETE", "papers", "/" + paper.Id, nil}, // last: only the boss may
	}
	people := make([]string, 0, len(tokens))
	for name := range tokens {
		people = append(people, name)
	}
	slices.SortFunc(people, func(a, b string) int { // whoever deletes comes last
		return strings.Compare(map[bool]string{true: "z"}[a == "boss"]+a, map[bool]string{true: "z"}[b == "boss"]+b)
	})
	for _, who := range people {
		document := apispec.Read(t, fetch(t, do, tokens[who]))
		for _, a := range attempts {
			answer := do(pbtest.Request{Method: a.method, Path: "/api/collections/" + a.collection + "/records" + a.path, Token: tokens[who], Body: a.body})
			allowed := answer.Status < 300
			if a.letter == "l" {
				var items struct{ Items []any }
				answer.JSON(t, &items)
				allowed = allowed && len(items.Items) > 0
			}
			if listed := strings.Contains(listedActions(document, a.collection), a.letter); listed != allowed {
				t.Errorf("%s, %s %s: listed %t, but the answer is %d %s", who, a.method, a.collection, listed, answer.Status, answer.Body)
			}
		}
	}
}
