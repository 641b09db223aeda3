package fastlane_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"
	"golang.org/x/crypto/bcrypt"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// ruledCollections is how many collections have the rules in turn.
const ruledCollections = 5

// writeRows is how many rows each collection begins with.
const writeRows = 10

// writeTemplate is the content of the databases that all begin with, by file name. The
// triggers of the change log are in it, so that the order of writes is known even
// where nothing but the lane is registered.
var writeTemplate = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "fastlane_*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: sqlite.New().Connect})
	app.OnBootstrap().Unbind("__pbNotifyWatcherSystemHook__")
	if _, err := changes.Register(app, changes.Config{}); err != nil {
		return nil, err
	}
	err = errors.Join(app.Bootstrap(), app.RunAllMigrations(), makeWriteCollections(app), makeWriteSettings(app), fillWrites(app), app.ResetBootstrapState())
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{"data.db", "auxiliary.db"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return files, nil
})

func makeWriteSettings(app core.App) error {
	settings := app.Settings()
	settings.Logs.MaxDays = 0
	settings.Batch = core.BatchConfig{Enabled: true, MaxRequests: 12, Timeout: 600}
	return app.Save(settings)
}

// makeWriteCollections makes collections without a constraint, with all of them, with
// files, and some that are related.
func makeWriteCollections(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.Add(&core.SelectField{Name: "role", Values: []string{"owner", "viewer"}})
	open(users)
	users.ManageRule = text("@request.auth.role = 'owner'")
	staff := core.NewAuthCollection("staff")
	open(staff)
	staff.UpdateRule, staff.DeleteRule = text("id = @request.auth.id"), text("id = @request.auth.id")
	tags := core.NewBaseCollection("tags")
	open(tags)
	tags.Fields.Add(&core.TextField{Name: "label"}, &core.NumberField{Name: "weight"})
	tags.Indexes = types.JSONArray[string]{"CREATE UNIQUE INDEX idx_tags_label ON tags (label)"}
	for _, c := range []*core.Collection{users, staff, tags} {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	hot := core.NewBaseCollection("hot")
	addOpenFields(hot, users, tags)
	open(hot)
	if err := errors.Join(app.Save(hot), pbtest.FastPasswords(app)); err != nil {
		return err
	}
	hot.Fields.Add(&core.RelationField{Name: "self", CollectionId: hot.Id}, &core.RelationField{Name: "selves", CollectionId: hot.Id, MaxSelect: 5})
	if err := app.Save(hot); err != nil {
		return err
	}
	for n := range ruledCollections {
		c := core.NewBaseCollection(fmt.Sprintf("ruled%d", n))
		addOpenFields(c, users, tags)
		open(c)
		c.CreateRule, c.UpdateRule, c.DeleteRule = writeRules[n%len(writeRules)], writeRules[(n+5)%len(writeRules)], writeRules[(n+9)%len(writeRules)]
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return errors.Join(makeStrict(app, users, tags), makeRelated(app, hot))
}

// open lets those who are signed in do everything.
func open(c *core.Collection) {
	signedIn := text("@request.auth.id != ''")
	c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule = text(""), text(""), signedIn, signedIn, signedIn
}

func addOpenFields(c, users, tags *core.Collection) {
	c.Fields.Add(
		&core.TextField{Name: "title", Presentable: true}, &core.EditorField{Name: "story"}, &core.EmailField{Name: "mail"}, &core.URLField{Name: "site"},
		&core.NumberField{Name: "amount"}, &core.NumberField{Name: "whole", OnlyInt: true}, &core.BoolField{Name: "done"},
		&core.DateField{Name: "due"}, &core.JSONField{Name: "data"}, &core.GeoPointField{Name: "place"},
		&core.SelectField{Name: "state", Values: []string{"open", "closed"}}, &core.SelectField{Name: "marks", Values: []string{"a", "b", "c"}, MaxSelect: 3},
		&core.RelationField{Name: "owner", CollectionId: users.Id}, &core.RelationField{Name: "tags", CollectionId: tags.Id, MaxSelect: 9},
		&core.TextField{Name: "secret", Hidden: true}, &core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	)
}

// makeStrict makes collections of every option.
func makeStrict(app core.App, users, tags *core.Collection) error {
	strict := core.NewBaseCollection("strict")
	open(strict)
	one, ten := 1.0, 10.0
	early, late := dateOf("2020-01-01 00:00:00.000Z"), dateOf("2030-01-01 00:00:00.000Z")
	strict.Fields.Add(
		&core.TextField{Name: "title", Required: true, Min: 2, Max: 8, Pattern: `^[a-z ]+$`}, &core.TextField{Name: "code"},
		&core.TextField{Name: "slug", AutogeneratePattern: "auto-[a-z0-9]{10}", Max: 15}, &core.EditorField{Name: "story", MaxSize: 20, ConvertURLs: true},
		&core.EmailField{Name: "mail", OnlyDomains: []string{"example.com"}}, &core.EmailField{Name: "post", Required: true, ExceptDomains: []string{"other.example"}},
		&core.URLField{Name: "site", OnlyDomains: []string{"example.com"}}, &core.NumberField{Name: "amount", Required: true, Min: &one, Max: &ten},
		&core.NumberField{Name: "whole", OnlyInt: true, Max: &ten}, &core.BoolField{Name: "done", Required: true}, &core.DateField{Name: "due", Min: early, Max: late},
		&core.JSONField{Name: "data", MaxSize: 30, Required: true}, &core.GeoPointField{Name: "place", Required: true},
		&core.SelectField{Name: "state", Required: true, Values: []string{"open", "closed"}}, &core.SelectField{Name: "marks", Values: []string{"a", "b", "c"}, MaxSelect: 2},
		&core.RelationField{Name: "owner", CollectionId: users.Id, Required: true, CascadeDelete: true}, &core.RelationField{Name: "tags", CollectionId: tags.Id, MinSelect: 1, MaxSelect: 2},
		&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "touched", OnUpdate: true},
	)
	strict.Fields.GetByName("id").(*core.TextField).Min = 5
	strict.Indexes = types.JSONArray[string]{
		"CREATE UNIQUE INDEX idx_strict_code ON strict (code) WHERE code != ''",
		"CREATE UNIQUE INDEX idx_strict_two ON strict (whole, state) WHERE whole > 3",
	}
	files := core.NewBaseCollection("files")
	open(files)
	files.Fields.Add(&core.TextField{Name: "title"}, &core.FileField{Name: "file", MaxSize: 40, MimeTypes: []string{"text/plain; charset=utf-8", "text/plain"}},
		&core.FileField{Name: "files", MaxSelect: 3}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	shown := core.NewViewCollection("shown")
	shown.ViewQuery = "SELECT id, title FROM hot"
	shown.ListRule, shown.ViewRule = text(""), text("")
	return errors.Join(app.Save(strict), app.Save(files), app.Save(shown))
}

func dateOf(s string) types.DateTime {
	d, err := types.ParseDateTime(s)
	if err != nil {
		panic(err)
	}
	return d
}

// makeRelated makes what goes, stays or stands in the way when others are deleted.
func makeRelated(app core.App, hot *core.Collection) error {
	kids := core.NewBaseCollection("kids")
	open(kids)
	kids.Fields.Add(&core.TextField{Name: "note"}, &core.RelationField{Name: "of", CollectionId: hot.Id, CascadeDelete: true}, &core.RelationField{Name: "many", CollectionId: hot.Id, MaxSelect: 4},
		&core.AutodateField{Name: "updated", OnUpdate: true})
	if err := app.Save(kids); err != nil {
		return err
	}
	ruled, err := app.FindCollectionByNameOrId("ruled0")
	if err != nil {
		return err
	}
	grand := core.NewBaseCollection("grand")
	open(grand)
	grand.Fields.Add(&core.TextField{Name: "note"}, &core.RelationField{Name: "of", CollectionId: kids.Id, CascadeDelete: true}, &core.RelationField{Name: "needs", CollectionId: ruled.Id, Required: true})
	return app.Save(grand)
}

// fillWrites puts rows in, some as PocketBase never would.
func fillWrites(app core.App) error {
	random := rand.New(rand.NewPCG(3, 3))
	users, err := makePeople(app, random)
	if err != nil {
		return err
	}
	if err := signPeople(app); err != nil {
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
	names := []string{"hot", "strict"}
	for n := range ruledCollections {
		names = append(names, fmt.Sprintf("ruled%d", n))
	}
	for _, name := range names {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return err
		}
		for n := range writeRows {
			full := row(random, n, users, tags)
			for column := range full {
				if c.Fields.GetByName(column) == nil {
					delete(full, column)
				}
			}
			full["self"], full["selves"] = recordID(random.IntN(12)), `["`+recordID(1)+`","`+recordID(3)+`"]`
			if name != "hot" {
				delete(full, "self")
				delete(full, "selves")
			}
			if name == "strict" {
				full["whole"] = -n
			}
			if _, err := app.DB().Insert(name, full).Execute(); err != nil {
				return err
			}
		}
	}
	return fillRelated(app, random)
}

// signPeople gives people a password, and makes a superuser.
func signPeople(app core.App) error {
	hash, err := bcrypt.GenerateFromPassword([]byte(passwords[0]), bcrypt.MinCost)
	if err != nil {
		return err
	}
	for _, name := range []string{"users", "staff"} {
		if _, err := app.DB().Update(name, dbx.Params{"password": string(hash)}, nil).Execute(); err != nil {
			return err
		}
	}
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return err
	}
	root := core.NewRecord(superusers)
	root.Load(map[string]any{"id": superuserID, "email": "root@example.com"})
	root.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: string(hash)})
	return app.SaveNoValidate(root)
}

func fillRelated(app core.App, random *rand.Rand) error {
	for n := range writeRows {
		one := fmt.Sprintf(`["%s","%s"]`, recordID(random.IntN(10)), recordID(10+random.IntN(10)))
		_, err := app.DB().Insert("kids", dbx.Params{"id": recordID(n), "note": pickFrom(random, odd[:6]), "of": recordID(n / 2), "many": one}).Execute()
		if err != nil {
			return err
		}
		_, err = app.DB().Insert("grand", dbx.Params{"id": recordID(n), "of": recordID(n / 2), "needs": recordID(n % 3)}).Execute()
		if err != nil {
			return err
		}
		_, err = app.DB().Insert("files", dbx.Params{"id": recordID(n), "title": "x", "files": `["a0000.txt"]`}).Execute()
		if err != nil {
			return err
		}
	}
	return nil
}

// twin is one of two apps that begin as copies of one database.
type twin struct {
	app     core.App
	handler http.Handler
	plugin  *fastlane.Plugin // nil for the one without a lane
	seen    []string         // by handlers that are bound
	unbind  func()
	changed int64 // where the compact log was read to
	logged  int64 // where the full log was read to
	heard   ears
}

// writeWorld is how twins are made.
type writeWorld struct {
	logged bool // the change log is registered, and not only its triggers there
	full   bool // it keeps each row before and after
	stock  bool // both are without a lane
	config fastlane.Config
	stream uint64 // what its requests are made from, besides the seed
}

// open starts an app on a copy of the template, with a router.
func (w writeWorld) open(tb testing.TB, lane bool) *twin {
	tb.Helper()
	dir := tb.TempDir()
	copyTemplate(tb, dir)
	t, err := w.start(dir, lane)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { t.end(tb) })
	t.handler = pbtest.Handler(tb, t.app)
	return t
}

func copyTemplate(tb testing.TB, dir string) {
	tb.Helper()
	files, err := writeTemplate()
	if err != nil {
		tb.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// start starts an app on a directory.
func (w writeWorld) start(dir string, lane bool) (*twin, error) {
	engine := sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: engine.Connect})
	app.OnBootstrap().Unbind("__pbNotifyWatcherSystemHook__") // its goroutine outlives the app
	if w.logged {
		config := changes.Config{Engine: engine}
		if w.full {
			config.History = writeCollections
		}
		if _, err := changes.Register(app, config); err != nil {
			return nil, err
		}
	}
	t := &twin{app: app}
	if lane {
		var err error
		if t.plugin, err = fastlane.Register(app, w.config); err != nil {
			return nil, err
		}
	}
	return t, app.Bootstrap()
}

func (t *twin) end(tb testing.TB) {
	t.heard.leave(t.app)
	err := t.app.OnTerminate().Trigger(&core.TerminateEvent{App: t.app}, func(e *core.TerminateEvent) error { return e.App.ResetBootstrapState() })
	if err != nil {
		tb.Error(err)
	}
}

// writeCallers makes tokens of every kind, valid in both apps.
func writeCallers(tb testing.TB, apps ...core.App) (tokens []string) {
	tb.Helper()
	tokens = []string{"", "garbage"}
	for _, name := range []string{"users", "staff"} {
		for n := range 7 {
			person, err := apps[0].FindRecordById(name, fmt.Sprintf("%s%010d", name, n))
			if err != nil {
				tb.Fatal(err)
			}
			token := pbtest.Token(tb, person)
			switch n {
			case 3:
				claims := map[string]any{"type": "auth", "id": person.Id, "collectionId": person.Collection().Id}
				token, err = security.NewJWT(claims, person.TokenKey()+person.Collection().AuthToken.Secret, -1)
			case 4:
				token, err = person.NewFileToken()
			case 5:
				token = "Bearer " + token
			}
			if err != nil {
				tb.Fatal(err)
			}
			tokens = append(tokens, token)
		}
	}
	root, err := apps[0].FindRecordById(core.CollectionNameSuperusers, superuserID)
	if err != nil {
		tb.Fatal(err)
	}
	return append(tokens, pbtest.Token(tb, root))
}

const superuserID = "root00000000000"
