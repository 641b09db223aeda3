package channels_test

import (
	"context"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/channels"
)

// template has teams with members and documents, and a collection for each
// kind of view rule.
var template = pbtest.NewTemplate(func(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.Add(&core.TextField{Name: "level"})
	if err := app.Save(users); err != nil {
		return err
	}
	made := map[string]*core.Collection{"users": users}
	for _, c := range []struct {
		name      string
		rule      *string
		relations map[string]string
	}{
		{"teams", nil, nil},
		{"members", nil, map[string]string{"team": "teams", "user": "users"}},
		{"docs", types.Pointer("team.members_via_team.user ?= @request.auth.id"), map[string]string{"team": "teams"}},
		{"drafts", types.Pointer("owner = @request.auth.id"), map[string]string{"owner": "users"}},
		{"listed", types.Pointer("@collection.members.user ?= @request.auth.id"), nil},
		{"aliased", types.Pointer("@collection.members:mine.user ?= @request.auth.id"), nil},
		{"vips", types.Pointer("@request.auth.level = 'vip'"), nil},
		{"tenants", types.Pointer("@request.headers.x_tenant = 'north'"), nil},
		{"secrets", nil, nil},
		{"notices", types.Pointer(""), nil},
	} {
		collection := core.NewBaseCollection(c.name)
		collection.ViewRule = c.rule
		for field, target := range c.relations {
			collection.Fields.Add(&core.RelationField{Name: field, CollectionId: made[target].Id, MaxSelect: 1, CascadeDelete: true})
		}
		collection.Fields.Add(&core.TextField{Name: "title"}, &core.TextField{Name: "hush", Hidden: true})
		if err := app.Save(collection); err != nil {
			return err
		}
		made[c.name] = collection
	}
	view := core.NewViewCollection("overview")
	view.ViewQuery = "SELECT docs.id, members.user FROM docs JOIN members ON members.team = docs.team"
	view.ViewRule = types.Pointer("user = @request.auth.id")
	return app.Save(view)
}, pbtest.FastPasswords)

// world is a server with two teams: anna and ben are in the one that has doc,
// carl is in the other.
type world struct {
	*testing.T
	app    *tests.TestApp
	plugin *channels.Plugin
	url    string

	anna, ben, carl                *core.Record
	annaToken, benToken, carlToken string
	annaMember, doc, draft, notice *core.Record
	listed, aliased, vip, secret   *core.Record
	tenant                         *core.Record
}

// never switches the regular check off, so that what a test sees has a cause.
const never = -1 * time.Nanosecond

func newWorld(t *testing.T, config channels.Config) *world {
	t.Helper()
	if config.RecheckEvery == 0 {
		config.RecheckEvery = never
	}
	w := &world{T: t}
	w.app = template.New(t, func(app core.App) (err error) {
		w.plugin, err = channels.Register(app, config)
		return err
	})
	w.anna, w.annaToken = pbtest.User(t, w.app, "users", map[string]any{"level": "vip"})
	w.ben, w.benToken = pbtest.User(t, w.app, "users", nil)
	w.carl, w.carlToken = pbtest.User(t, w.app, "users", nil)
	team, other := w.save("teams", nil), w.save("teams", nil)
	w.annaMember = w.save("members", map[string]any{"team": team.Id, "user": w.anna.Id})
	w.save("members", map[string]any{"team": team.Id, "user": w.ben.Id})
	w.save("members", map[string]any{"team": other.Id, "user": w.carl.Id})
	w.doc = w.save("docs", map[string]any{"team": team.Id})
	w.draft = w.save("drafts", map[string]any{"owner": w.anna.Id})
	w.listed, w.aliased = w.save("listed", nil), w.save("aliased", nil)
	w.vip, w.secret = w.save("vips", nil), w.save("secrets", nil)
	w.notice, w.tenant = w.save("notices", nil), w.save("tenants", nil)
	w.url = pbtest.Serve(t, w.app)
	return w
}

func (w *world) save(collection string, fields map[string]any) *core.Record {
	w.Helper()
	c, err := w.app.FindCollectionByNameOrId(collection)
	if err != nil {
		w.Fatal(err)
	}
	record := core.NewRecord(c)
	record.Load(fields)
	if err := w.app.Save(record); err != nil {
		w.Fatal(err)
	}
	return record
}

func (w *world) change(record *core.Record, field string, value any) {
	w.Helper()
	record, err := w.app.FindRecordById(record.Collection(), record.Id)
	if err != nil {
		w.Fatal(err)
	}
	record.Set(field, value)
	if err := w.app.Save(record); err != nil {
		w.Fatal(err)
	}
}

func (w *world) remove(record *core.Record) {
	w.Helper()
	if err := w.app.Delete(record); err != nil {
		w.Fatal(err)
	}
}

func (w *world) changeCollection(name string, change func(*core.Collection)) {
	w.Helper()
	c, err := w.app.FindCollectionByNameOrId(name)
	if err != nil {
		w.Fatal(err)
	}
	change(c)
	if err := w.app.Save(c); err != nil {
		w.Fatal(err)
	}
}

func (w *world) superusersFrom(addresses ...string) {
	w.Helper()
	settings, err := w.app.Settings().Clone()
	if err != nil {
		w.Fatal(err)
	}
	settings.SuperuserIPs = addresses
	if err := w.app.Save(settings); err != nil {
		w.Fatal(err)
	}
}

func (w *world) sql(query string) {
	w.Helper()
	if _, err := w.app.DB().NewQuery(query).Execute(); err != nil {
		w.Fatal(err)
	}
}

func (w *world) dial(token string) *client {
	w.Helper()
	return dial(w.T, w.url, token)
}

func room(record *core.Record) string { return "room:" + record.Collection().Name + "/" + record.Id }

func own(record *core.Record) string { return "user:" + record.Collection().Name + "/" + record.Id }

func anybody(context.Context, channels.Caller, string) (bool, error) { return true, nil }

// openTo is a namespace that lets everybody in and send.
func openTo(name string) channels.Namespace {
	return channels.Namespace{
		Name: name, Subscribe: anybody,
		Publish: func(context.Context, channels.Message) (bool, error) { return true, nil },
	}
}
