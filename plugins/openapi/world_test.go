package openapi_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// torture has fields of every type with every option, and relations of every kind.
var torture = pbtest.NewTemplate(everything)

// hundred has a hundred collections besides.
var hundred = pbtest.NewTemplate(everything, func(app core.App) error {
	targets, err := app.FindCollectionByNameOrId("targets")
	if err != nil {
		return err
	}
	for i := range 100 {
		c := core.NewBaseCollection(fmt.Sprintf("filler_%d", i))
		c.Fields.Add(everyField(targets.Id)...)
		open(c)
		if err := app.Save(c); err != nil {
			return fmt.Errorf("save %s: %w", c.Name, err)
		}
	}
	return nil
})

func everything(app core.App) error {
	people, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	people.OTP.Enabled = true
	people.OAuth2.Enabled = true
	people.OAuth2.Providers = []core.OAuth2ProviderConfig{{Name: "github", ClientId: "id", ClientSecret: "secret"}}
	people.Fields.Add(&core.TextField{Name: "secret", Hidden: true})
	people.ListRule, people.ViewRule = types.Pointer(""), types.Pointer("")
	people.CreateRule, people.UpdateRule, people.DeleteRule = types.Pointer(""), types.Pointer("id = @request.auth.id"), types.Pointer("id = @request.auth.id")
	if err := app.Save(people); err != nil {
		return err
	}
	staff := core.NewAuthCollection("staff")
	staff.MFA.Enabled, staff.OTP.Enabled = true, true
	staff.Fields.Add(&core.TextField{Name: "username", Required: true, Min: 3, Max: 30, Pattern: `^[a-z]+$`})
	staff.Indexes = append(staff.Indexes, "CREATE UNIQUE INDEX idx_staff_username ON staff (username)")
	staff.PasswordAuth.IdentityFields = []string{"email", "username"}
	staff.ManageRule = types.Pointer("@request.auth.collectionName = 'staff'")
	open(staff)
	if err := app.Save(staff); err != nil {
		return fmt.Errorf("save staff: %w", err)
	}

	targets := core.NewBaseCollection("targets")
	targets.Fields.Add(&core.TextField{Name: "name", Required: true, Help: "What it is called."})
	open(targets)
	if err := app.Save(targets); err != nil {
		return fmt.Errorf("save targets: %w", err)
	}
	loose := core.NewBaseCollection("everything")
	loose.Fields.Add(everyField(targets.Id)...)
	open(loose)
	if err := app.Save(loose); err != nil {
		return fmt.Errorf("save everything: %w", err)
	}
	strict := core.NewBaseCollection("everything_required")
	strict.Fields.Add(everyRequiredField(targets.Id)...)
	open(strict)
	if err := app.Save(strict); err != nil {
		return fmt.Errorf("save everything_required: %w", err)
	}
	uploads := core.NewBaseCollection("uploads")
	uploads.Fields.Add(
		&core.FileField{Name: "one", Required: true, MaxSelect: 1, MaxSize: 1 << 20, MimeTypes: []string{"image/png", "text/plain"}, Thumbs: []string{"200x0"}},
		&core.FileField{Name: "kept", MaxSelect: 1, Protected: true},
	)
	open(uploads)
	if err := app.Save(uploads); err != nil {
		return fmt.Errorf("save uploads: %w", err)
	}
	locked := core.NewBaseCollection("locked")
	locked.Fields.Add(&core.TextField{Name: "note"}, &core.RelationField{Name: "target", CollectionId: targets.Id, MaxSelect: 1})
	if err := app.Save(locked); err != nil {
		return fmt.Errorf("save locked: %w", err)
	}
	return saveView(app)
}

func saveView(app core.App) error {
	view := core.NewViewCollection("summary")
	view.ViewQuery = "SELECT e.id, e.text, e.choice, e.target, (e.number + 1) AS more, e.data, e.place, COUNT(t.id) AS total FROM everything e LEFT JOIN targets t ON t.id = e.target GROUP BY e.id"
	view.ListRule, view.ViewRule = types.Pointer(""), types.Pointer("")
	if err := app.Save(view); err != nil {
		return fmt.Errorf("save summary: %w", err)
	}
	return nil
}

// open lets everybody do everything.
func open(c *core.Collection) {
	c.ListRule, c.ViewRule, c.CreateRule = types.Pointer(""), types.Pointer(""), types.Pointer("")
	c.UpdateRule, c.DeleteRule = types.Pointer(""), types.Pointer("")
}

func everyField(target string) []core.Field {
	low, high := 5.0, 90.0
	from, _ := types.ParseDateTime("2020-01-01 00:00:00.000Z")
	to, _ := types.ParseDateTime("2030-01-01 00:00:00.000Z")
	return []core.Field{
		&core.TextField{Name: "text"},
		&core.TextField{Name: "short", Min: 3, Max: 8},
		&core.TextField{Name: "code", Pattern: `^[A-Z]{2}-\d+$`},
		&core.TextField{Name: "exotic", Pattern: `^\pL+$`},
		&core.TextField{Name: "made", AutogeneratePattern: `[a-z]{8}`, Min: 3},
		&core.TextField{Name: "hidden", Hidden: true},
		&core.NumberField{Name: "number"},
		&core.NumberField{Name: "ranged", Min: &low, Max: &high},
		&core.NumberField{Name: "whole", OnlyInt: true},
		&core.BoolField{Name: "flag"},
		&core.EmailField{Name: "mail"},
		&core.EmailField{Name: "house_mail", OnlyDomains: []string{"example.com"}},
		&core.URLField{Name: "link"},
		&core.URLField{Name: "house_link", OnlyDomains: []string{"example.com"}},
		&core.EditorField{Name: "prose", MaxSize: 1000},
		&core.DateField{Name: "day"},
		&core.DateField{Name: "bounded", Min: from, Max: to},
		&core.SelectField{Name: "choice", Values: []string{"a", "b", "c"}, MaxSelect: 1},
		&core.SelectField{Name: "choices", Values: []string{"a", "b", "c"}, MaxSelect: 2},
		&core.JSONField{Name: "data", MaxSize: 200},
		&core.GeoPointField{Name: "place"},
		&core.RelationField{Name: "target", CollectionId: target, MaxSelect: 1},
		&core.RelationField{Name: "targets", CollectionId: target, MaxSelect: 5, MinSelect: 2},
		&core.FileField{Name: "file", MaxSelect: 1},
		&core.FileField{Name: "files", MaxSelect: 3, Protected: true},
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	}
}

func everyRequiredField(target string) []core.Field {
	low, high := -10.0, -5.0
	return []core.Field{
		&core.TextField{Name: "text", Required: true, Min: 2, Max: 20},
		&core.TextField{Name: "code", Required: true, Pattern: `[a-f0-9]+`},
		&core.NumberField{Name: "number", Required: true},
		&core.NumberField{Name: "negative", Required: true, Min: &low, Max: &high, OnlyInt: true},
		&core.NumberField{Name: "maybe_negative", Max: &high},
		&core.BoolField{Name: "flag", Required: true},
		&core.EmailField{Name: "mail", Required: true, ExceptDomains: []string{"example.net"}},
		&core.URLField{Name: "link", Required: true},
		&core.EditorField{Name: "prose", Required: true},
		&core.DateField{Name: "day", Required: true},
		&core.SelectField{Name: "choice", Required: true, Values: []string{"a", "b"}, MaxSelect: 1},
		&core.SelectField{Name: "choices", Required: true, Values: []string{"a", "b"}, MaxSelect: 2},
		&core.JSONField{Name: "data", Required: true},
		&core.GeoPointField{Name: "place", Required: true},
		&core.RelationField{Name: "target", Required: true, CollectionId: target, MaxSelect: 1},
		&core.RelationField{Name: "targets", Required: true, CollectionId: target, MaxSelect: 5},
	}
}

// register adds the plugin to an app.
func register(config openapi.Config) func(core.App) error {
	return func(app core.App) error {
		_, err := openapi.Register(app, config)
		return err
	}
}

// fetch gets a document from a handler.
func fetch(tb testing.TB, do func(pbtest.Request) pbtest.Response, token string) []byte {
	tb.Helper()
	answer := do(pbtest.Request{Path: openapi.Path, Token: token})
	if answer.Status != 200 {
		tb.Fatalf("get the document: status %d, %s", answer.Status, answer.Body)
	}
	return answer.Body
}

// serve is an app's handler as a function.
func serve(tb testing.TB, app *tests.TestApp) func(pbtest.Request) pbtest.Response {
	handler := pbtest.Handler(tb, app)
	return func(r pbtest.Request) pbtest.Response { return pbtest.Do(tb, handler, r) }
}

// decode reads JSON as the tests compare it.
func decode(tb testing.TB, body []byte) map[string]any {
	tb.Helper()
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		tb.Fatalf("decode %s: %v", body, err)
	}
	return value
}
