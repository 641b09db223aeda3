package fastlane_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// send sends a request with a body, of JSON if there is one.
func (w *world) send(stock bool, method, address, body string, header http.Header) answer {
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	for name, values := range header {
		r.Header[name] = values
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if stock {
		r = r.WithContext(stockContext)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return answer{rec.Code, fmt.Sprint(rec.Result().Header), rec.Body.String()}
}

// notes are a collection of all kinds of fields that can be written.
const notes = "/api/collections/notes/records"

// newNotes is a world of notes, two people and a few labels.
func newNotes(tb testing.TB, config fastlane.Config, change ...func(app core.App, notes *core.Collection)) (*world, http.Header) {
	tb.Helper()
	return signIn(tb, newWorld(tb, func(app core.App) error { return makeNotes(app, change) }, config))
}

// newNotesIn is one in a directory that outlives it.
func newNotesIn(tb testing.TB, dir string) (*world, http.Header) {
	tb.Helper()
	w := newIdleWorldIn(tb, dir, func(app core.App) error { return makeNotes(app, nil) }, fastlane.Config{})
	w.handler = pbtest.Handler(tb, w.app)
	return signIn(tb, w)
}

func signIn(tb testing.TB, w *world) (*world, http.Header) {
	tb.Helper()
	author, err := w.app.FindRecordById("users", "author000000000")
	if err != nil {
		tb.Fatal(err)
	}
	return w, http.Header{"Authorization": {pbtest.Token(tb, author)}}
}

func makeNotes(app core.App, change []func(app core.App, notes *core.Collection)) error {
	if err := manyPosts(app, 3); err != nil {
		return err
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	labels := core.NewBaseCollection("labels")
	labels.Fields.Add(&core.TextField{Name: "name"})
	if err := app.Save(labels); err != nil {
		return err
	}
	for n := range 3 {
		if _, err := app.DB().Insert("labels", dbx.Params{"id": fmt.Sprintf("label%010d", n), "name": fmt.Sprint(n)}).Execute(); err != nil {
			return err
		}
	}
	lowest, highest := -5.0, 1000.0
	c := core.NewBaseCollection("notes")
	mine := "author = @request.auth.id"
	all := "@request.auth.id != ''"
	c.ListRule, c.ViewRule, c.CreateRule, c.UpdateRule, c.DeleteRule = &all, &all, &mine, &mine, &mine
	c.Fields.Add(
		&core.TextField{Name: "title", Required: true, Max: 20, Pattern: `^[^#]*$`}, &core.TextField{Name: "slug", AutogeneratePattern: `[a-z]{6}-[0-9]{2}`},
		&core.EditorField{Name: "story", MaxSize: 100}, &core.EmailField{Name: "mail"}, &core.URLField{Name: "site"},
		&core.NumberField{Name: "amount", Min: &lowest, Max: &highest}, &core.NumberField{Name: "whole", OnlyInt: true}, &core.BoolField{Name: "done"},
		&core.DateField{Name: "due"}, &core.JSONField{Name: "data", MaxSize: 200}, &core.GeoPointField{Name: "place"},
		&core.SelectField{Name: "state", Values: []string{"open", "closed"}}, &core.SelectField{Name: "marks", Values: []string{"a", "b", "c"}, MaxSelect: 2},
		&core.FileField{Name: "file"}, &core.FileField{Name: "files", MaxSelect: 3},
		&core.RelationField{Name: "author", CollectionId: users.Id}, &core.RelationField{Name: "labels", CollectionId: labels.Id, MaxSelect: 3},
		&core.TextField{Name: "secret", Hidden: true}, &core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
		&core.AutodateField{Name: "touched", OnUpdate: true},
	)
	c.Indexes = append(c.Indexes, "CREATE UNIQUE INDEX idx_notes_whole ON notes (whole) WHERE whole > 99")
	for _, change := range change {
		change(app, c)
	}
	return app.Save(c)
}

// likeOther replaces what differs between two records that were made alike.
func likeOther(body string) string {
	var record map[string]any
	if json.Unmarshal([]byte(body), &record) != nil {
		return body
	}
	for _, made := range []string{"id", "slug", "created", "updated", "touched"} {
		value, _ := record[made].(string)
		if len(value) > 0 {
			body = strings.ReplaceAll(body, fmt.Sprintf("%q:%q", made, value), fmt.Sprintf("%q:of %d", made, len(value)))
		}
	}
	return body
}

// stored is a row with the types of its values, without what likeOther replaces.
func (w *world) stored(tb testing.TB, table, id string) string {
	tb.Helper()
	c, err := w.app.FindCollectionByNameOrId(table)
	if err != nil {
		tb.Fatal(err)
	}
	var columns []string
	for _, field := range c.Fields {
		name := field.GetName()
		value := "[[" + name + "]]"
		if likeOther(fmt.Sprintf(`{%q:"x"}`, name)) != fmt.Sprintf(`{%q:"x"}`, name) {
			value = "length([[" + name + "]])"
		}
		columns = append(columns, fmt.Sprintf("'%s ' || typeof([[%s]]) || ' ' || quote(%s)", name, name, value))
	}
	var row string
	err = w.app.DB().NewQuery("SELECT " + strings.Join(columns, " || '\n' || ") + " FROM {{" + table + "}} WHERE id = {:id}").Bind(dbx.Params{"id": id}).Row(&row)
	if err != nil {
		return err.Error()
	}
	return row
}

func idOf(body string) string {
	var record struct{ ID string }
	_ = json.Unmarshal([]byte(body), &record)
	return record.ID
}

// bodies are what is sent to create a note, and whether the lane does it.
var bodies = []struct {
	body   string
	served bool
}{
	{`{"title":"x","author":"author000000000"}`, true},
	{`{"title":"caf\u00e9 \ud83d\ude00","author":"author000000000","story":"<b>\u2028\"\\</b>"}`, true},
	{`{"title":"x","author":"author000000000","mail":"a@example.com","site":"https://example.com/?a=1&b=2"}`, true},
	{`{"title":"x","author":"author000000000","mail":"no address"}`, false},
	{`{"title":"x","author":"author000000000","site":"no address"}`, false},
	{`{"title":"x","author":"author000000000","amount":1.5,"whole":7,"done":true}`, true},
	{`{"title":"x","author":"author000000000","amount":-0,"whole":-0.0,"done":false}`, true},
	{`{"title":"x","author":"author000000000","amount":1e-7,"whole":1e15}`, true},
	{`{"title":"x","author":"author000000000","amount":1e-7}`, true},
	{`{"title":"x","author":"author000000000","amount":1000.5}`, false},
	{`{"title":"x","author":"author000000000","amount":-5}`, true},
	{`{"title":"x","author":"author000000000","whole":1.5}`, false},
	{`{"title":"x","author":"author000000000","whole":"7"}`, false},
	{`{"title":"x","author":"author000000000","done":1}`, false},
	{`{"title":"x","author":"author000000000","due":"2024-01-02 03:04:05.678Z"}`, true},
	{`{"title":"x","author":"author000000000","due":"2024-01-02"}`, false},
	{`{"title":"x","author":"author000000000","due":""}`, true},
	{`{"title":"x","author":"author000000000","data":{"b":1.0,"a":[1,2,{"<":"&"}],"c":12345678901234567890}}`, true},
	{`{"title":"x","author":"author000000000","data":null}`, true},
	{`{"title":"x","author":"author000000000","data":"plain"}`, true},
	{`{"title":"x","author":"author000000000","data":"[1, 2]"}`, true},
	{`{"title":"x","author":"author000000000","data":"true"}`, true},
	{`{"title":"x","author":"author000000000","data":true}`, true},
	{`{"title":"x","author":"author000000000","data":"\u0001"}`, false},
	{`{"title":"x","author":"author000000000","data":5}`, true},
	{`{"title":"x","author":"author000000000","data":1e21}`, true},
	{`{"title":"x","author":"author000000000","data":"` + strings.Repeat("x", 200) + `"}`, false},
	{`{"title":"x","author":"author000000000","place":{"lon":1.5,"lat":-2}}`, true},
	{`{"title":"x","author":"author000000000","place":{"lon":200,"lat":-2}}`, false},
	{`{"title":"x","author":"author000000000","place":{"lon":"200"}}`, false},
	{`{"title":"x","author":"author000000000","place":null}`, false},
	{`{"title":"x","author":"author000000000","state":"open","marks":["b","a","b",""]}`, true},
	{`{"title":"x","author":"author000000000","state":"other"}`, false},
	{`{"title":"x","author":"author000000000","marks":["a","b","c"]}`, false},
	{`{"title":"x","author":"author000000000","marks":"a"}`, false},
	{`{"title":"x","author":"author000000000","marks":[]}`, true},
	{`{"title":"x","author":"author000000000","labels":["label0000000001","label0000000002"]}`, true},
	{`{"title":"x","author":"author000000000","labels":["label0000000001","gone"]}`, false},
	{`{"title":"x","author":"author000000000","slug":"mine","secret":"no","created":"2024-01-02 03:04:05.678Z","updated":5,"unknown":[1],"expand":{"a":1}}`, true},
	{`{"title":"x","author":"author000000000","id":"abcdefghijklmno"}`, true},
	{`{"title":"x","author":"author000000000","id":"abcdefghijklmnO"}`, false},
	{`{"title":"x","author":"author000000000","id":"short"}`, false},
	{`{"title":"x","author":"author000000000","id":""}`, true},
	{`{"title":"x","author":"author000000000","id":null,"story":null,"amount":null,"done":null,"state":null}`, true},
	{`{"title":"x","author":"author000000000","file":"a.txt"}`, false},
	{`{"title":"x","author":"author000000000","files+":"a.txt"}`, false},
	{`{"title":"x","author":"author000000000","amount+":5}`, false},
	{`{"title":"x","author":"author000000000","slug:autogenerate":"a-"}`, false},
	{`{"title":"x","title":"y","author":"author000000000"}`, false},
	{` { "title" : "x" , "author" : "author000000000" } ` + "\n", true},
	{`{"title":"x","author":"author000000000"} garbage`, false},
	{`{"title":"x","author":"author000000000","unknown":"\q"}`, false},
	{`{"title":"x","author":"author000000000","unknown":01}`, false},
	{`{"title":"x","author":"author000000000","unknown":1e400}`, false},
	{`{"title":"x","author":"author000000000","unknown":{"a":[1e400]}}`, false},
	{`{"title":"x","author":"author000000000","unknown":[1` + strings.Repeat("0", 400) + `]}`, false},
	{`{"title":"x","author":"author000000000",}`, false},
	{`{"\u0074itle":"x","author":"author000000000"}`, false},
	{`{"title":"","author":"author000000000"}`, false},
	{`{"title":"123456789012345678901","author":"author000000000"}`, false},
	{`{"title":"a#b","author":"author000000000"}`, false},
	{`{"title":"x","author":"author000000001"}`, false},
	{`{"title":"x"}`, false},
	{`[]`, false},
	{`null`, false},
	{`{`, false},
	{`{}`, false},
}

// TestCreate sends the same to the lane and to PocketBase, and compares answers and
// rows.
func TestCreate(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{})
	for _, c := range bodies {
		before := w.plugin.Stats()
		got := w.send(false, http.MethodPost, notes, c.body, signedIn)
		if served := w.plugin.Stats().Served > before.Served; served != c.served {
			t.Errorf("%s: served is %v, want %v; handed on: %v", c.body, served, c.served, w.plugin.Stats().HandedOn)
		}
		row := w.stored(t, "notes", idOf(got.body))
		if _, err := w.app.NonconcurrentDB().Delete("notes", nil).Execute(); err != nil {
			t.Fatal(err)
		}
		want := w.send(true, http.MethodPost, notes, c.body, signedIn)
		if got.status != want.status || got.header != want.header || likeOther(got.body) != likeOther(want.body) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.body, got, want)
		}
		if wanted := w.stored(t, "notes", idOf(want.body)); row != wanted {
			t.Errorf("%s: the row is\n%s\nwant\n%s", c.body, row, wanted)
		}
		if _, err := w.app.NonconcurrentDB().Delete("notes", nil).Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

// patches are what is sent to change a note, and whether the lane does it.
var patches = []struct {
	body   string
	served bool
	row    dbx.Params // as it is in the database, instead of the usual one
}{
	{`{"title":"y"}`, true, nil},
	{`{}`, true, nil},
	{`{"amount":-0,"done":false,"due":"","data":null,"marks":[],"state":"","labels":[]}`, true, nil},
	{`{"amount+":2.5,"whole-":1}`, true, nil},
	{`{"amount+":null}`, true, nil},
	{`{"amount-":100}`, false, nil},
	{`{"amount":1,"amount+":2}`, false, nil},
	{`{"labels+":"label0000000002"}`, false, nil},
	{`{"marks-":"a"}`, false, nil},
	{`{"id":"ID","title":"y"}`, true, nil},
	{`{"id":"other0000000000","title":"y"}`, false, nil},
	{`{"title":""}`, false, nil},
	{`{"labels":["gone"]}`, false, nil},
	{`{"author":""}`, true, nil},
	{`{"secret":"other","created":"2024-01-02 03:04:05.678Z","updated":"2024-01-02 03:04:05.678Z","touched":null}`, true, nil},
	{`{"file":"","files":[]}`, false, nil},
	{`{"whole":100}`, false, nil}, // there is one
	{`{"title":"y"}`, true, dbx.Params{"data": `"text"`, "amount": 7, "whole": 8, "created": "2024-01-31 00:00:00.000Z"}},
	{`{"title":"y"}`, true, dbx.Params{"data": `1.50`, "place": `{"lat":1.50,"lon":2}`}},
	{`{"title":"y"}`, true, dbx.Params{"data": `{ "b": 1.0, "a": "<" }`}},
	{`{"title":"y"}`, true, dbx.Params{"data": `{bad`}},
	{`{"title":"y"}`, false, dbx.Params{"due": "2024-01-02"}},
	{`{"title":"y"}`, false, dbx.Params{"labels": `["label0000000001","gone"]`}},
	{`{"title":"y"}`, false, dbx.Params{"labels": `["label0000000001", "label0000000002"]`}},
	{`{"title":"y"}`, false, dbx.Params{"mail": "bad"}},
	{`{"title":"y"}`, false, dbx.Params{"state": "gone"}},
	{`{"mail":"a@example.com","state":"open"}`, true, dbx.Params{"mail": "bad", "state": "gone"}},
	{`{"title":"y"}`, false, dbx.Params{"author": "author000000001"}},
}

// twoNotes puts two notes in that are the same but for their ids.
func (w *world) twoNotes(tb testing.TB, change dbx.Params) (ids [2]string) {
	tb.Helper()
	usual := dbx.Params{
		"title": "x", "slug": "s", "story": "<b>", "mail": "a@example.com", "site": "https://example.com", "amount": 1.25, "whole": 5, "done": true,
		"due": "2024-01-02 03:04:05.678Z", "data": `{"a":[1,2]}`, "place": `{"lon":1.5,"lat":2}`, "state": "open", "marks": `["a","b"]`, "file": "a.txt", "files": `["a.txt","b.txt"]`,
		"author": "author000000000", "labels": `["label0000000001"]`, "secret": "hidden", "created": "2024-01-02 03:04:05.678Z", "updated": "2024-01-02 03:04:05.678Z",
	}
	for name, value := range change {
		usual[name] = value
	}
	for n := range ids {
		ids[n] = fmt.Sprintf("note%011d", n)
		usual["id"] = ids[n]
		if _, err := w.app.NonconcurrentDB().Insert("notes", usual).Execute(); err != nil {
			tb.Fatal(err)
		}
	}
	return ids
}

// TestUpdate changes one of two alike records by the lane and the other by PocketBase.
func TestUpdate(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{})
	if _, err := w.app.NonconcurrentDB().Insert("notes", dbx.Params{"id": "taken0000000000", "whole": 100}).Execute(); err != nil {
		t.Fatal(err)
	}
	for _, c := range patches {
		ids := w.twoNotes(t, c.row)
		var answers [2]answer
		var rows [2]string
		for n, stock := range []bool{false, true} {
			before := w.plugin.Stats()
			answers[n] = w.send(stock, http.MethodPatch, notes+"/"+ids[n], strings.ReplaceAll(c.body, "ID", ids[n]), signedIn)
			if served := w.plugin.Stats().Served > before.Served; served != (c.served && !stock) {
				t.Errorf("%s: served is %v, want %v; handed on: %v", c.body, served, c.served, w.plugin.Stats().HandedOn)
			}
			answers[n].body = likeOther(answers[n].body)
			rows[n] = w.stored(t, "notes", ids[n])
		}
		if answers[0] != answers[1] {
			t.Errorf("%s of %v:\ngot  %+v\nwant %+v", c.body, c.row, answers[0], answers[1])
		}
		if rows[0] != rows[1] {
			t.Errorf("%s of %v: the row is\n%s\nwant\n%s", c.body, c.row, rows[0], rows[1])
		}
		if _, err := w.app.NonconcurrentDB().Delete("notes", dbx.In("id", ids[0], ids[1])).Execute(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDelete deletes labels, which notes are related to, and notes, which have files.
func TestDelete(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{}, func(app core.App, notes *core.Collection) {
		notes.Fields.RemoveByName("file")
		notes.Fields.RemoveByName("files")
		notes.Fields.RemoveByName("labels")
	})
	remove := func(stock bool, address string, header http.Header) (answer, bool) {
		before := w.plugin.Stats().Served
		got := w.send(stock, http.MethodDelete, address, "", header)
		return got, w.plugin.Stats().Served > before
	}
	for n, stock := range []bool{false, true} {
		if _, err := w.app.NonconcurrentDB().Insert("notes", dbx.Params{"id": "note00000000000", "author": "author000000000"}).Execute(); err != nil {
			t.Fatal(err)
		}
		got, served := remove(stock, notes+"/note00000000000", nil)
		if got.status != http.StatusNotFound || served {
			t.Errorf("%d: by a guest: %+v, served is %v", n, got, served)
		}
		got, served = remove(stock, notes+"/note00000000000", signedIn)
		if got.status != http.StatusNoContent || got.body != "" || served == stock {
			t.Errorf("%d: %+v, served is %v", n, got, served)
		}
		if got := w.stored(t, "notes", "note00000000000"); !strings.Contains(got, "no rows") {
			t.Errorf("%d: there is still %s", n, got)
		}
	}
}

// addDrafts makes a collection of what is soon deleted again.
func addDrafts(app core.App, notes *core.Collection) {
	mine := "author = @request.auth.id && @request.context != 'default'"
	drafts := core.NewBaseCollection("drafts")
	drafts.CreateRule, drafts.UpdateRule, drafts.DeleteRule = &mine, &mine, &mine
	drafts.Fields.Add(&core.TextField{Name: "text"}, &core.RelationField{Name: "author", CollectionId: notes.Fields.GetByName("author").(*core.RelationField).CollectionId})
	if err := app.Save(drafts); err != nil {
		panic(err)
	}
}
