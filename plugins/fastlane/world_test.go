package fastlane_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// world is an app with a lane, in which each request can be answered without it.
type world struct {
	app     core.App
	engine  *sqlite.Engine
	plugin  *fastlane.Plugin
	handler http.Handler
	stock   http.Handler // that knows nothing of the lane
	tokens  []string
	client  int
	fixed   bool   // all clients have one address
	bound   func() // unbinds a handler
	rules   []*string
}

// stockOnly marks the context of requests that the lane leaves alone.
type stockOnly struct{}

var stockContext = context.WithValue(context.Background(), stockOnly{}, true)

// newWorld starts an app on an empty database. It is no [tests.TestApp], which binds
// handlers to all hooks.
func newWorld(tb testing.TB, prepare func(core.App) error, config fastlane.Config) *world {
	tb.Helper()
	w := newIdleWorld(tb, prepare, config)
	w.handler = pbtest.Handler(tb, w.app)
	return w
}

// newIdleWorld is newWorld without a router: PocketBase bears only one an app.
func newIdleWorld(tb testing.TB, prepare func(core.App) error, config fastlane.Config) *world {
	tb.Helper()
	return newIdleWorldIn(tb, tb.TempDir(), prepare, config)
}

// newIdleWorldIn does that in a directory.
func newIdleWorldIn(tb testing.TB, dir string, prepare func(core.App) error, config fastlane.Config) *world {
	tb.Helper()
	engine := sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: engine.Connect})
	if err := app.Bootstrap(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = app.ResetBootstrapState() })
	if err := app.RunAllMigrations(); err != nil {
		tb.Fatal(err)
	}
	app.Settings().Logs.MaxDays = 0
	if err := prepare(app); err != nil {
		tb.Fatal(err)
	}
	plugin, err := fastlane.Register(app, config)
	if err != nil {
		tb.Fatal(err)
	}
	plugin.Bypass(func(r *http.Request) bool { return r.Context().Value(stockOnly{}) != nil })
	return &world{app: app, engine: engine, plugin: plugin}
}

// newRandomWorld has one collection of everything, and callers of every kind. Its
// collections have the rules in turn.
func newRandomWorld(tb testing.TB, random *rand.Rand, rules []*string) *world {
	tb.Helper()
	w := newIdleRandomWorld(tb, random, rules)
	w.handler = pbtest.Handler(tb, w.app)
	return w
}

func newIdleRandomWorld(tb testing.TB, random *rand.Rand, rules []*string) *world {
	tb.Helper()
	w := newIdleWorld(tb, func(app core.App) error {
		if err := makeCollections(app, rules); err != nil {
			return err
		}
		return fill(app, random, 60)
	}, fastlane.Config{})
	w.rules = rules
	w.findCallers(tb)
	return w
}

// answer is what a client sees.
type answer struct {
	status int
	header string
	body   string
}

// ask sends a request. Each comes from another address, so that PocketBase does
// not slow down the one that guesses.
func (w *world) ask(stock bool, address string, header http.Header) answer {
	if !w.fixed {
		w.client++
	}
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1000", w.client>>16&255, w.client>>8&255, w.client&255)
	for name, values := range header {
		r.Header[name] = values
	}
	if stock {
		r = r.WithContext(stockContext)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{rec.Code, fmt.Sprint(rec.Result().Header), rec.Body.String()}
}

// compare returns how the lane's answer differs from PocketBase's, "" if it does not.
func (w *world) compare(address string, header http.Header) string {
	want, got := w.ask(true, address, header), w.ask(false, address, header)
	if got == want {
		return ""
	}
	return fmt.Sprintf("GET %s\nwith %.40v\ngot  %d %s\n%s\nwant %d %s\n%s",
		address, header, got.status, got.header, got.body, want.status, want.header, want.body)
}

func text(s string) *string { return &s }

// makeCollections makes one collection of everything there is.
func makeCollections(app core.App, rules []*string) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.ListRule, users.ViewRule = text(""), text("")
	users.Fields.Add(&core.SelectField{Name: "role", Values: []string{"owner", "viewer"}})
	staff := core.NewAuthCollection("staff")
	staff.ListRule, staff.ViewRule = text("id = @request.auth.id || verified = true"), text("@request.auth.collectionName = 'staff'")
	staff.ManageRule = text("@request.auth.verified = true")
	tags := core.NewBaseCollection("tags")
	tags.ListRule, tags.ViewRule = text("label != 'secret'"), text("")
	tags.Fields.Add(&core.TextField{Name: "label"}, &core.NumberField{Name: "weight"})
	for _, c := range []*core.Collection{users, staff, tags} {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	things := core.NewBaseCollection("things")
	things.Fields.Add(
		&core.TextField{Name: "title"}, &core.EditorField{Name: "story"}, &core.EmailField{Name: "mail"}, &core.URLField{Name: "site"},
		&core.NumberField{Name: "amount"}, &core.NumberField{Name: "whole", OnlyInt: true}, &core.BoolField{Name: "done"},
		&core.DateField{Name: "due"}, &core.JSONField{Name: "data"}, &core.GeoPointField{Name: "place"},
		&core.SelectField{Name: "state", Values: []string{"open", "closed"}}, &core.SelectField{Name: "marks", Values: []string{"a", "b", "c"}, MaxSelect: 3},
		&core.FileField{Name: "file"}, &core.FileField{Name: "files", MaxSelect: 5},
		&core.RelationField{Name: "owner", CollectionId: users.Id}, &core.RelationField{Name: "tags", CollectionId: tags.Id, MaxSelect: 9},
		&core.TextField{Name: "secret", Hidden: true}, &core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
	if err := app.Save(things); err != nil { // which has to be there for relations to itself
		return err
	}
	things.Fields.Add(&core.RelationField{Name: "self", CollectionId: things.Id}, &core.RelationField{Name: "selves", CollectionId: things.Id, MaxSelect: 40})
	hidden := core.NewBaseCollection("hidden") // which nobody may view
	if err := app.Save(hidden); err != nil {
		return err
	}
	things.Fields.Add(&core.RelationField{Name: "hidden", CollectionId: hidden.Id})
	things.ListRule = text("owner = @request.auth.id || state != 'closed'")
	things.ViewRule = text("@request.auth.id != '' && (owner = @request.auth.id || tags.label ?= 'red' || done = true)")
	if err := app.Save(things); err != nil {
		return err
	}
	return makeRuled(app, things, rules)
}

// rules are those of collections that have the same rows as things.
var rules = []*string{
	nil, text(""), text("@request.auth.id != ''"), text("owner.role = 'owner'"), text("@request.auth.role = 'owner'"),
	text("title ~ @request.auth.id"), text("@request.auth.verified = true && amount > 1"), text("tags.label != 'red'"),
	text("@collection.tags.weight > amount"), text("@request.query.open = 'yes'"), text("created < @now"), text("@request.auth.email ~ 'example'"),
	text("tags:length > 1"), text("marks:each ?= 'a'"), text("data.a = 1 || data = null"), text("@request.method = 'GET' && secret != 'x'"),
	text("owner.id = @request.auth.id || owner = null"), text("title:lower = 'red' // a comment"), text("geoDistance(place.lon, place.lat, 1, 2) < 5000"),
	text("strftime('%Y', due) != '2025'"), text("@request.headers.x_open = ''"),
	text("due < @now && (created != @todayStart || title ~ '@now') // @now"), text("whole < @month || due > @yesterday || title ~ @year || strftime('%Y', @now) = '1'"),
}

// plainRules are those with which the lane follows paths of filters and sorts through
// relations: one that speaks of a request ends that for all collections.
var plainRules = slices.DeleteFunc(slices.Clone(rules), func(rule *string) bool {
	return rule != nil && (strings.Contains(*rule, "@request.query") || strings.Contains(*rule, "@request.headers") ||
		strings.Contains(*rule, "@request.auth.email") || strings.Contains(*rule, "@now"))
})

func makeRuled(app core.App, things *core.Collection, of []*string) error {
	for n := range rules {
		rule := of[n%len(of)]
		c := core.NewBaseCollection(fmt.Sprintf("ruled%d", n))
		for _, field := range things.Fields {
			if field.GetName() != core.FieldNameId {
				c.Fields.Add(field)
			}
		}
		c.ListRule, c.ViewRule = rule, rule
		if err := app.Save(c); err != nil {
			return fmt.Errorf("rule %d: %w", n, err)
		}
	}
	shown := core.NewViewCollection("shown")
	shown.ViewQuery = "SELECT id, title, amount FROM things"
	shown.ListRule, shown.ViewRule = text(""), text("")
	backs := core.NewBaseCollection("backs")
	backs.ListRule, backs.ViewRule = text("note != 'hidden' && of.state != 'closed'"), text("")
	backs.Fields.Add(&core.TextField{Name: "note"}, &core.RelationField{Name: "of", CollectionId: things.Id}, &core.RelationField{Name: "once", CollectionId: things.Id})
	backs.Indexes = append(backs.Indexes, "CREATE UNIQUE INDEX idx_backs_once ON backs (once) WHERE once != ''")
	if err := app.Save(shown); err != nil {
		return err
	}
	return app.Save(backs)
}

// odd are texts that a JSON encoder, a date parser or a query can stumble over.
var odd = []string{
	"", "plain", "red", "null", "true", "0", "[", `["a"]`, `["a","a"]`, `["b", "c"]`, `[""]`, `{"a":1}`, "a\"b\\c", "<b>&amp;</b>", "tab\tline\nreturn\r",
	"\x01\x1f\x7f", "\u2028\u2029", "caf\u00e9 \U0001F600", "bad\xff\xfeutf8", "50% of_it", `back\slash`, "'quote'", "2024-02-30 10:00:00.000Z", "2024-02-29 10:00:00.123Z",
	"2024-01-02 03:04:05.678Z", "2024-01-02", "0000-01-01 00:00:00.000Z", "9999-12-31 23:59:59.999Z", "1e400", "-0", "1.50", "[1, 2.0 ,3]", `{"b":1.0,"a":{"z":1e3,"y":"<"}} `,
	`{"lon":1,"lat":2}`, `{"lon":1.50,"lat":-2e1}`, `"text"`, `  {"a":1}`, "{bad", strings.Repeat("long ", 500), `{"lat":3}`, "12345678901234567890", `["a","b\u0041"]`,
}

// fill puts rows in, as PocketBase does and as it never would.
func fill(app core.App, random *rand.Rand, rows int) error {
	users, err := makePeople(app, random)
	if err != nil {
		return err
	}
	var tags []string
	for n, label := range []string{"red", "blue", "secret", "50%"} {
		id := fmt.Sprintf("tag%012d", n)
		if _, err := app.DB().Insert("tags", dbx.Params{"id": id, "label": label, "weight": n}).Execute(); err != nil {
			return err
		}
		tags = append(tags, id)
	}
	names := []string{"things"}
	for n := range rules {
		names = append(names, fmt.Sprintf("ruled%d", n))
	}
	for _, name := range names {
		for n := range rows {
			if _, err := app.DB().Insert(name, row(random, n, users, tags)).Execute(); err != nil {
				return err
			}
		}
	}
	for n := range rows {
		back := dbx.Params{"id": fmt.Sprintf("back%011d", n), "note": pickFrom(random, odd[:6]), "of": recordID(random.IntN(rows))}
		if n%5 == 0 {
			back["note"] = "hidden"
		}
		if n%3 == 0 {
			back["once"] = recordID(n / 2)
		}
		if _, err := app.DB().Insert("backs", back).Execute(); err != nil {
			return err
		}
	}
	return nil
}

func recordID(n int) string { return fmt.Sprintf("row%012d", n) }

func pickFrom[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// row is half of what PocketBase writes, and half of what only SQL does.
func row(random *rand.Rand, n int, users, tags []string) dbx.Params {
	list := func(from []string) string {
		var names []string
		for _, name := range from {
			if random.IntN(2) == 0 {
				names = append(names, `"`+name+`"`)
			}
		}
		return "[" + strings.Join(names, ",") + "]"
	}
	r := dbx.Params{
		"id": recordID(n), "title": pickFrom(random, odd), "story": pickFrom(random, odd), "mail": "a@example.com", "site": "https://example.com/?a=1&b=2",
		"amount": pickFrom(random, []any{0, 1, -1, 1.5, 1e21, 1e-7, 123456789.125, 9007199254740993, 0.1, 1e300}), "whole": random.IntN(5), "done": random.IntN(2) == 0,
		"due":   pickFrom(random, []string{"", "2024-01-02 03:04:05.678Z", "2025-12-31 23:59:59.999Z", "1999-01-31 00:00:00.000Z"}),
		"data":  pickFrom(random, []any{nil, "null", "1", `"x"`, `{"a":1}`, `{"a":[1,2,{"b":null}]}`, "[]", "true", `{"a":"<&>"}`, "1.0"}),
		"place": pickFrom(random, []string{`{"lon":0,"lat":0}`, `{"lon":1.5,"lat":-2.25}`}), "state": pickFrom(random, []string{"", "open", "closed"}),
		"marks": list([]string{"a", "b", "c"}), "file": pickFrom(random, []string{"", "a_1.png"}), "files": list([]string{"a.png", "b c.png"}),
		"owner": pickFrom(random, append(users, "", "gone")), "tags": list(tags), "secret": "x",
		"self": recordID(random.IntN(70)), "selves": list([]string{recordID(1), recordID(2), recordID(3), recordID(66), recordID(8)}),
		"created": "2024-05-06 07:08:09.000Z", "updated": pickFrom(random, []string{"", "2024-05-06 07:08:09.123Z"}),
	}
	for random.IntN(3) == 0 {
		field := pickFrom(random, []string{"title", "mail", "amount", "whole", "done", "due", "data", "state", "marks", "files", "file", "owner", "created"})
		r[field] = pickFrom(random, []any{pickFrom(random, odd), 5, 2.5, []byte("bytes\xff"), 1, "1"})
	}
	if n > 55 {
		r["place"] = pickFrom(random, []any{"{bad", `{"lon":1.50,"lat":2}`, "", `{"lat":3}`, 7})
	}
	return r
}

// makePeople makes users and staff.
func makePeople(app core.App, random *rand.Rand) (ids []string, err error) {
	for n := range 12 {
		for _, name := range []string{"users", "staff"} {
			c, err := app.FindCollectionByNameOrId(name)
			if err != nil {
				return nil, err
			}
			person := core.NewRecord(c)
			person.Load(map[string]any{
				"id": fmt.Sprintf("%s%010d", name, n), "email": fmt.Sprintf("%s%d@example.com", name, n), "emailVisibility": random.IntN(2) == 0,
				"verified": n%2 == 0, "role": pickFrom(random, []string{"", "owner", "viewer"}), "name": pickFrom(random, odd[:8]),
			})
			person.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: "none"})
			if err := app.SaveNoValidate(person); err != nil {
				return nil, err
			}
			if name == "users" {
				ids = append(ids, person.Id)
			}
		}
	}
	return ids, nil
}

// findCallers makes tokens of every kind: of users and staff, of a superuser, one
// that is too old, one that was revoked, one for something else, and none at all.
func (w *world) findCallers(tb testing.TB) {
	tb.Helper()
	w.tokens = []string{"", "", "garbage", "Bearer ", "a.b.c"}
	for _, name := range []string{"users", "staff"} {
		people, err := w.app.FindAllRecords(name)
		if err != nil {
			tb.Fatal(err)
		}
		for n, person := range people {
			token := pbtest.Token(tb, person)
			switch n {
			case 3:
				claims := map[string]any{"type": "auth", "id": person.Id, "collectionId": person.Collection().Id}
				token, err = security.NewJWT(claims, person.TokenKey()+person.Collection().AuthToken.Secret, -time.Minute)
			case 4:
				_, err = w.app.NonconcurrentDB().Update(name, dbx.Params{"tokenKey": security.RandomString(50)}, dbx.HashExp{"id": person.Id}).Execute()
			case 5:
				token, err = person.NewFileToken()
			case 6:
				token = "Bearer " + token
			case 7:
				token = token[:len(token)-2] + "xx"
			case 8:
				_, err = w.app.NonconcurrentDB().Delete(name, dbx.HashExp{"id": person.Id}).Execute()
			}
			if err != nil {
				tb.Fatal(err)
			}
			w.tokens = append(w.tokens, token)
		}
	}
	w.tokens = append(w.tokens, pbtest.Superuser(tb, w.app))
}

// renewTokens signs in those again whom the rules know, as edits revoke tokens.
func (w *world) renewTokens(tb testing.TB) {
	tb.Helper()
	for n := range 3 {
		person, err := w.app.FindRecordById("users", fmt.Sprintf("users%010d", n))
		if err != nil {
			tb.Fatal(err)
		}
		w.tokens[5+n] = pbtest.Token(tb, person)
	}
}

// caller returns the header of one of them.
func (w *world) caller(random *rand.Rand) http.Header {
	token := pickFrom(random, w.tokens)
	if random.IntN(4) > 0 {
		token = w.tokens[5+random.IntN(3)] // whom the rules know
	}
	if token == "" {
		return http.Header{}
	}
	return http.Header{"Authorization": {token}}
}
