package schema_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

func text(name string) core.Field { return &core.TextField{Name: name} }

func relation(name, target string) core.Field {
	return &core.RelationField{Name: name, CollectionId: target, MaxSelect: 1}
}

func view(name, query string) schema.Collection {
	return schema.Collection{Name: name, Type: core.CollectionTypeView, Query: query}
}

// Each case leads from the first definitions to the second and back.
func TestEntangledDefinitions(t *testing.T) {
	t.Parallel()
	// members and clubs name each other in fields and in rules
	clubs := schema.Collection{
		Name: "clubs", Rules: schema.Rules{List: `members_via_club.name ?= "Ann" && chair.name != ""`},
		Fields: []core.Field{text("name"), relation("chair", "members"), relation("parent", "clubs")},
	}
	members := schema.Collection{
		Name: "members", Rules: schema.Rules{List: `club.members_via_club.name ?= "Ann"`},
		Fields: []core.Field{text("name"), relation("club", "clubs")},
	}
	membersCalled := func(field string) schema.Collection {
		return schema.Collection{
			Name: "members", Rules: schema.Rules{List: schema.Rule("club.members_via_club." + field + ` ?= "Ann"`)},
			Fields: []core.Field{schema.Was("name", text(field)), relation("club", "clubs")},
		}
	}
	clubsNaming := func(field string) schema.Collection {
		c := clubs
		c.Rules.List = schema.Rule(`members_via_club.` + field + ` ?= "Ann" && chair.` + field + ` != ""`)
		return c
	}
	people := func(rule schema.Rule) schema.Collection {
		return schema.Collection{
			Name: "people", Type: core.CollectionTypeAuth, Rules: schema.Rules{Auth: rule}, Fields: []core.Field{text("nick")},
			Configure: func(c *core.Collection) {
				c.OTP.Enabled, c.MFA.Enabled = true, true
				c.MFA.Rule = `nick != ""`
			},
		}
	}

	for _, c := range []struct {
		name          string
		before, after []schema.Collection
	}{
		{"new collections that refer to each other", nil, []schema.Collection{clubs, members}},
		{"dropped collections that refer to each other", []schema.Collection{clubs, members}, []schema.Collection{schema.Dropped("clubs"), schema.Dropped("members")}},
		{"a field that the rules of both name is renamed", []schema.Collection{clubs, members}, []schema.Collection{clubsNaming("called"), membersCalled("called")}},
		{"a field leaves the rules and goes", []schema.Collection{clubs, members}, []schema.Collection{
			{Name: "clubs", Fields: []core.Field{text("name"), relation("chair", "members")}},
			{Name: "members", Fields: []core.Field{relation("club", "clubs")}},
		}},
		{"a collection that rules name is renamed", []schema.Collection{clubs, members}, []schema.Collection{
			{Name: "clubs", Rules: schema.Rules{List: `persons_via_club.name ?= "Ann"`}, Fields: []core.Field{text("name"), relation("chair", "persons"), relation("parent", "clubs")}},
			{Name: "persons", Was: "members", Rules: schema.Rules{List: `club.persons_via_club.name ?= "Ann"`}, Fields: []core.Field{text("name"), relation("club", "clubs")}},
		}},
		{"a relation to a new collection, in the middle", []schema.Collection{members, clubs}, []schema.Collection{
			clubs,
			{Name: "members", Fields: []core.Field{text("name"), relation("boat", "vessels"), relation("club", "clubs")}},
			{Name: "vessels"},
		}},
		{"a relation that points elsewhere", []schema.Collection{clubs, members, {Name: "vessels"}}, []schema.Collection{
			{Name: "clubs", Fields: clubs.Fields}, {Name: "members", Fields: []core.Field{text("name"), relation("club", "vessels")}}, {Name: "vessels"},
		}},
		{"collections change names in a circle of three", []schema.Collection{{Name: "a", Fields: []core.Field{text("x")}}, {Name: "b"}}, []schema.Collection{
			{Name: "b", Was: "a", Fields: []core.Field{text("x")}}, {Name: "c", Was: "b"},
		}},
		{"an index moves to another collection", []schema.Collection{
			{Name: "a", Fields: []core.Field{text("x")}, Indexes: []string{"CREATE INDEX `idx_x` ON `a` (`x`)"}}, {Name: "b", Fields: []core.Field{text("x")}},
		}, []schema.Collection{
			{Name: "b", Fields: []core.Field{text("x")}, Indexes: []string{"CREATE INDEX `idx_x` ON `b` (`x`)"}}, {Name: "a", Fields: []core.Field{text("x")}},
		}},
		{
			"an index follows a renamed column",
			[]schema.Collection{{Name: "a", Fields: []core.Field{text("x")}, Indexes: []string{"CREATE INDEX `idx_x` ON `a` (`x`)"}}},
			[]schema.Collection{{Name: "a", Fields: []core.Field{schema.Was("x", text("y"))}, Indexes: []string{"CREATE INDEX `idx_x` ON `a` (`y`)"}}},
		},
		{
			"a view reads a renamed column",
			[]schema.Collection{members, clubs, view("names", "SELECT id, name FROM members"), view("more_names", "SELECT id, name FROM names")},
			[]schema.Collection{membersCalled("called"), clubsNaming("called"), view("names", "SELECT id, called AS name FROM members"), view("more_names", "SELECT id, name FROM names")},
		},
		{"a view reads a renamed collection", []schema.Collection{{Name: "a"}, view("v", "SELECT id FROM a")}, []schema.Collection{{Name: "b", Was: "a"}, view("v", "SELECT id FROM b")}},
		{
			"a view stops to read a dropped column",
			[]schema.Collection{{Name: "a", Fields: []core.Field{text("x"), text("y")}}, view("v", "SELECT id, x, y FROM a")},
			[]schema.Collection{{Name: "a", Fields: []core.Field{text("x")}}, view("v", "SELECT id, x FROM a")},
		},
		{
			"a view of a dropped view",
			[]schema.Collection{{Name: "a"}, view("v", "SELECT id FROM a"), view("w", "SELECT id FROM v")},
			[]schema.Collection{{Name: "a"}, schema.Dropped("v"), view("w", "SELECT id FROM a")},
		},
		{
			"a view and its table go",
			[]schema.Collection{{Name: "a"}, view("v", "SELECT id FROM a"), view("w", "SELECT id FROM v")},
			[]schema.Collection{schema.Dropped("w"), schema.Dropped("v"), schema.Dropped("a")},
		},
		{
			"a list becomes a value under a view",
			[]schema.Collection{{Name: "a", Fields: []core.Field{&core.SelectField{Name: "x", Values: []string{"1", "2"}, MaxSelect: 2}}}, view("v", "SELECT id, x FROM a")},
			[]schema.Collection{{Name: "a", Fields: []core.Field{&core.SelectField{Name: "x", Values: []string{"1", "2"}, MaxSelect: 1}}}, view("v", "SELECT id, x FROM a")},
		},
		{"a rule names a new view", []schema.Collection{{Name: "a", Fields: []core.Field{text("x")}}}, []schema.Collection{
			{Name: "a", Fields: []core.Field{text("x")}, Rules: schema.Rules{List: `@collection.v.total ?> 1`}}, view("v", "SELECT id, count(id) AS total FROM a GROUP BY x"),
		}},
		{"a table becomes a view", []schema.Collection{{Name: "a", Fields: []core.Field{text("x")}}, {Name: "b"}}, []schema.Collection{view("a", "SELECT id FROM b"), {Name: "b"}}},
		{"a collection that others relate to changes its type", []schema.Collection{clubs, members}, []schema.Collection{
			{Name: "members", Type: core.CollectionTypeAuth, Fields: []core.Field{relation("club", "clubs")}}, {Name: "clubs", Fields: clubs.Fields},
		}},
		{"rules of authentication", []schema.Collection{people(`nick != ""`)}, []schema.Collection{people(schema.Public)}},
		{"an index from Configure", []schema.Collection{people("")}, []schema.Collection{{
			Name: "people", Type: core.CollectionTypeAuth, Fields: []core.Field{text("nick")},
			Configure: func(c *core.Collection) {
				c.AddIndex("idx_nick", true, "nick", "")
				c.PasswordAuth.IdentityFields = []string{"email", "nick"}
			},
		}}},
		{"options of system fields", []schema.Collection{people("")}, []schema.Collection{{
			Name: "people", Type: core.CollectionTypeAuth,
			Fields: []core.Field{
				&core.EmailField{Name: "email", OnlyDomains: []string{"zoo.example"}}, &core.PasswordField{Name: "password", Min: 12},
				&core.TextField{Name: "id", Min: 5, Max: 30, Pattern: "^[a-z]+$", AutogeneratePattern: "[a-z]{20}"},
			},
			Indexes: []string{"CREATE UNIQUE INDEX `idx_own` ON `people` (`email` COLLATE NOCASE) WHERE `email` != ''"},
		}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			app := pbtest.New(t)
			if err := schema.Apply(app, c.before); err != nil {
				t.Fatal(err)
			}
			before := schemaOf(t, app)
			back := migrate(t, app, c.after...)
			back()
			if got := schemaOf(t, app); got != before {
				t.Errorf("down does not restore the schema (+ is wrong, - is missing):\n%s", schema.DiffLines(before, got))
			}
		})
	}
}

// Secrets are in no plan and no migration, and stay what they are.
func TestSecretsStay(t *testing.T) {
	t.Parallel()
	const clientSecret = "client-hush-hush"
	app := pbtest.New(t)
	people := schema.Collection{Name: "people", Type: core.CollectionTypeAuth, Rules: schema.Rules{Auth: schema.Public}}
	if err := schema.Apply(app, []schema.Collection{people}); err != nil {
		t.Fatal(err)
	}
	c, err := app.FindCollectionByNameOrId("people")
	if err != nil {
		t.Fatal(err)
	}
	c.OAuth2.Providers = []core.OAuth2ProviderConfig{{Name: "google", ClientId: "google-id", ClientSecret: clientSecret}}
	if err := app.Save(c); err != nil {
		t.Fatal(err)
	}
	secrets := []string{clientSecret, c.AuthToken.Secret, c.FileToken.Secret, c.PasswordResetToken.Secret, c.EmailChangeToken.Secret, c.VerificationToken.Secret}

	// what the definition does not list belongs to the environment
	if plan, err := schema.Diff(app, []schema.Collection{people}); err != nil || !plan.Empty() {
		t.Errorf("got a difference about providers that no definition lists (%v):\n%s", err, plan)
	}

	people.Name, people.Was = "staff", "people"
	people.Fields = []core.Field{text("nick")}
	people.Configure = func(c *core.Collection) {
		c.AuthToken.Duration = 3600
		c.OAuth2.Enabled = true
		c.OAuth2.Providers = []core.OAuth2ProviderConfig{
			{Name: "google", ClientId: "google-id", ClientSecret: "from-the-definition"},
			{Name: "github", ClientId: "github-id", ClientSecret: "from-the-definition"},
		}
	}
	plan, err := schema.Diff(app, []schema.Collection{people})
	if err != nil {
		t.Fatal(err)
	}
	source, err := prove(t, app, people).Source("x")
	if err != nil {
		t.Fatal(err)
	}
	asJSON := asJSON(t, plan)
	for _, secret := range append(secrets, "from-the-definition") {
		if strings.Contains(plan.String(), secret) || strings.Contains(string(source), secret) || strings.Contains(asJSON, secret) {
			t.Errorf("the secret %q shows in the plan or the migration:\n%s\n%s", secret, plan, source)
		}
	}
	if want := "google (google-id) -> google (google-id), github (github-id)"; !strings.Contains(plan.String(), want) {
		t.Errorf("the plan does not say %q:\n%s", want, plan)
	}

	back := migrate(t, app, people)
	assertSecrets := func(name string) *core.Collection {
		t.Helper()
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{c.OAuth2.Providers[0].ClientSecret, c.AuthToken.Secret, c.FileToken.Secret, c.PasswordResetToken.Secret, c.EmailChangeToken.Secret, c.VerificationToken.Secret}
		for i := range secrets {
			if got[i] != secrets[i] {
				t.Errorf("secret %d changed", i)
			}
		}
		return c
	}
	if c := assertSecrets("staff"); c.OAuth2.Providers[1].ClientSecret != "set the secret in the dashboard" {
		t.Errorf("got the secret %q of a new provider, want the placeholder", c.OAuth2.Providers[1].ClientSecret)
	}
	back()
	assertSecrets("people")
}

// The records of a collection and their sessions survive its migration.
func TestRecordsSurviveAMigration(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	people := schema.Collection{Name: "people", Type: core.CollectionTypeAuth, Rules: schema.Rules{Auth: schema.Public}, Fields: []core.Field{text("nick")}}
	if err := schema.Apply(app, []schema.Collection{people}); err != nil {
		t.Fatal(err)
	}
	_, token := pbtest.User(t, app, "people", map[string]any{"nick": "Ann"})
	people.Fields = []core.Field{schema.Was("nick", text("name")), &core.SelectField{Name: "team", Values: []string{"red", "blue"}, MaxSelect: 2}}
	people.Rules.List = `name != ""`
	migrate(t, app, people)

	record, err := app.FindAuthRecordByToken(token, core.TokenTypeAuth)
	if err != nil {
		t.Fatalf("the session ended: %v", err)
	}
	if got := record.GetString("name"); got != "Ann" {
		t.Errorf("got the name %q, want Ann", got)
	}
	record.Set("team", []string{"red"})
	if err := app.Save(record); err != nil {
		t.Errorf("save a record after the migration: %v", err)
	}
}

// A collection of the system can have other options, not another shape.
func TestSystemCollections(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	superusers := schema.Collection{
		Name: core.CollectionNameSuperusers, Type: core.CollectionTypeAuth,
		Rules:     schema.Rules{Auth: schema.Public},
		Fields:    []core.Field{&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true}},
		Configure: func(c *core.Collection) { c.AuthToken.Duration = 1800 },
	}
	migrate(t, app, superusers)()

	superusers.Rules.List = schema.Public
	plan, err := schema.Diff(app, []schema.Collection{superusers})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := schema.Prove(plan); err == nil || !strings.Contains(err.Error(), "System collection") {
		t.Errorf("got error %v, want PocketBase's about system collections", err)
	}
}

// The ids of a fresh database are PocketBase's own, the same everywhere.
func TestIdsAreDeterministic(t *testing.T) {
	t.Parallel()
	var ids []string
	for range 2 {
		app := pbtest.New(t)
		migrate(t, app, boats())
		var found []string
		if err := app.DB().Select("id").From("_collections").Where(dbx.HashExp{"name": "boats"}).Column(&found); err != nil {
			t.Fatal(err)
		}
		c, err := app.FindCollectionByNameOrId("boats")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, found[0]+" "+c.Fields.GetByName("name").GetId())
	}
	if want := core.NewBaseCollection("boats").Id + " text1579384326"; ids[0] != want || ids[1] != want {
		t.Errorf("got ids %v, want twice %s", ids, want)
	}
}
