package filterguard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/filterguard"
)

// clubs is a small world of clubs, which only their members list, and of tags,
// which everybody lists. Ada is in one club with Bob, who is in another without her.
var clubs = pbtest.NewTemplate(func(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	everybody, signedIn := "", `@request.auth.id != ""`
	users.ListRule = &signedIn
	if err := app.Save(users); err != nil {
		return err
	}

	tags := core.NewBaseCollection("tags")
	tags.ListRule = &everybody
	tags.Fields.Add(&core.TextField{Name: "label"})
	clubs := core.NewBaseCollection("clubs")
	clubs.Fields.Add(&core.TextField{Name: "name"})
	if err := save(app, tags, clubs); err != nil {
		return err
	}
	clubs.Fields.Add(
		&core.RelationField{Name: "members", CollectionId: users.Id, MaxSelect: 99},
		&core.RelationField{Name: "tags", CollectionId: tags.Id, MaxSelect: 9},
		&core.RelationField{Name: "twin", CollectionId: clubs.Id, MaxSelect: 1},
	)
	clubs.Indexes = append(clubs.Indexes, "CREATE UNIQUE INDEX `idx_twin` ON `clubs` (`twin`) WHERE `twin` != ''")
	ownClubs := `members.id ?= @request.auth.id`
	clubs.ListRule = &ownClubs
	if err := app.Save(clubs); err != nil {
		return err
	}
	return addClubs(app, clubs, tags)
})

func addClubs(app core.App, clubs, tags *core.Collection) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	for _, row := range []struct {
		collection *core.Collection
		values     map[string]any
	}{
		{users, map[string]any{"id": "ada000000000000", "name": "Ada", "email": "ada@example.com", "password": pbtest.Password}},
		{users, map[string]any{"id": "bob000000000000", "name": "Bob", "email": "bob@example.com", "password": pbtest.Password}},
		{tags, map[string]any{"id": "red000000000000", "label": "red"}},
		{clubs, map[string]any{"id": "chess0000000000", "name": "Chess", "members": []string{"ada000000000000", "bob000000000000"}, "tags": "red000000000000"}},
		{clubs, map[string]any{"id": "poker0000000000", "name": "Poker", "members": "bob000000000000", "twin": "chess0000000000"}},
	} {
		record := core.NewRecord(row.collection)
		record.Load(row.values)
		if err := app.Save(record); err != nil {
			return err
		}
	}
	return nil
}

func save(app core.App, collections ...*core.Collection) error {
	for _, c := range collections {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return nil
}

func register(app core.App) error {
	_, err := filterguard.Register(app, filterguard.Config{})
	return err
}

// ask lists as Ada.
func ask(t *testing.T, handler http.Handler, token, collection, parameter, value string) pbtest.Response {
	t.Helper()
	return pbtest.Do(t, handler, pbtest.Request{
		Path: "/api/collections/" + collection + "/records?fields=id&" + parameter + "=" + url.QueryEscape(value), Token: token,
	})
}

func ada(t *testing.T, app core.App) string {
	t.Helper()
	record, err := app.FindRecordById("users", "ada000000000000")
	if err != nil {
		t.Fatal(err)
	}
	return pbtest.Token(t, record)
}

// Without the plugin PocketBase tells Ada how the names of Bob's other clubs
// begin. When this fails, PocketBase has closed the hole.
func TestPocketBaseTellsOfHiddenRecords(t *testing.T) {
	t.Parallel()
	app := clubs.New(t)
	handler, token := pbtest.Handler(t, app), ada(t, app)
	for filter, want := range map[string]bool{
		`id = "bob000000000000" && clubs_via_members.name !~ "P%"`: false, // "Poker" does
		`id = "bob000000000000" && clubs_via_members.name !~ "Q%"`: true,
	} {
		answer := ask(t, handler, token, "users", "filter", filter)
		if got := strings.Contains(string(answer.Body), "bob000000000000"); got != want {
			t.Errorf("%s: got %s, want Bob in it %t", filter, answer.Body, want)
		}
	}
	if answer := ask(t, handler, token, "users", "sort", "email"); answer.Status != http.StatusOK {
		t.Errorf("sort by email: got %d, want 200", answer.Status)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	app := clubs.New(t, register)
	handler := pbtest.Handler(t, app)
	people := map[string]string{"guest": "", "ada": ada(t, app), "superuser": pbtest.Superuser(t, app)}

	cases := []struct {
		as, collection, parameter, value string
		refused                          bool
	}{
		// all records behind a relation, some of them hidden
		{"ada", "users", "filter", `clubs_via_members.name !~ "P%"`, true},
		{"ada", "users", "filter", `clubs_via_members.name = "Chess"`, true},
		{"ada", "users", "filter", `clubs_via_members.name != "Poker"`, true},
		{"ada", "users", "filter", `clubs_via_members.name:lower ~ "p"`, true},
		{"ada", "users", "filter", `clubs_via_members.tags:length > 0`, true},
		{"ada", "users", "filter", `clubs_via_members.created > "2020"`, true},
		{"ada", "users", "filter", `"Poker" != clubs_via_members.name`, true},
		{"ada", "users", "filter", `name = "Bob" && (name = "x" || clubs_via_members.name !~ "P%")`, true},
		{"ada", "users", "filter", `strftime("%Y", clubs_via_members.created) = "2026"`, true},
		{"ada", "users", "filter", `clubs_via_members.name !~ "P%" // harmless`, true},
		{"ada", "clubs", "filter", `members.name = "Ada"`, true},
		{"ada", "clubs", "filter", `members.clubs_via_members.name = "Chess"`, true},
		{"ada", "clubs", "filter", `twin.members.name = "Ada"`, true},
		{"ada", "tags", "filter", `clubs_via_tags.name = "Chess"`, true},
		{"ada", "tags", "filter", `clubs_via_tags.twin.name = "Chess"`, true},
		{"guest", "tags", "filter", `clubs_via_tags.name !~ "P%"`, true},

		// one record, or one that matches
		{"ada", "users", "filter", `clubs_via_members.name ?!~ "P%"`, false},
		{"ada", "users", "filter", `clubs_via_members.name ?= "Chess"`, false},
		{"ada", "clubs", "filter", `twin.name = "Poker"`, false},
		{"ada", "clubs", "filter", `clubs_via_twin.name = "Poker"`, false}, // unique, so one
		{"ada", "clubs", "filter", `name = "Chess" && members:length = 2`, false},
		{"ada", "clubs", "filter", `members = "ada000000000000"`, false},

		// records that everybody lists
		{"ada", "clubs", "filter", `tags.label = "red"`, false},

		// addresses
		{"ada", "users", "sort", "email", true},
		{"ada", "users", "sort", "name,-email", true},
		{"ada", "users", "sort", "+email:lower", true},
		{"ada", "clubs", "sort", "members.email", true},
		{"ada", "users", "sort", "-name,created", false},
		{"ada", "clubs", "sort", "twin.name", false},

		// superusers
		{"superuser", "users", "filter", `clubs_via_members.name !~ "P%"`, false},
		{"superuser", "users", "sort", "email", false},
	}
	for _, c := range cases {
		answer := ask(t, handler, people[c.as], c.collection, c.parameter, c.value)
		code := filterguard.CodeFilter
		if c.parameter == "sort" {
			code = filterguard.CodeSort
		}
		refused := answer.Status == http.StatusBadRequest && strings.Contains(string(answer.Body), `"`+c.parameter+`":{"code":"`+code)
		if refused != c.refused {
			t.Errorf("%s lists %s by %s %s: got %d %s, want refused %t", c.as, c.collection, c.parameter, c.value, answer.Status, answer.Body, c.refused)
		}
		if !c.refused && answer.Status != http.StatusOK {
			t.Errorf("%s lists %s by %s %s: got %d %s, want 200", c.as, c.collection, c.parameter, c.value, answer.Status, answer.Body)
		}
	}
}

func TestGuardLeavesPocketBasesOwnRefusals(t *testing.T) {
	t.Parallel()
	app := clubs.New(t, register)
	handler, token := pbtest.Handler(t, app), ada(t, app)
	cases := []struct {
		path   string
		status int
	}{
		{"/api/collections/nothing/records?filter=a%3D1", http.StatusNotFound},
		{"/api/collections/users/records?filter=name%3D", http.StatusBadRequest},
		{"/api/collections/users/records?filter=nothing.at.all%3D1", http.StatusBadRequest},
		{"/api/collections/users/records?filter=nothing_via_nothing.x%3D1", http.StatusBadRequest},
		{"/api/collections/users/records?sort=nothing", http.StatusBadRequest},
		{"/api/collections/users/records?filter=@request.auth.id%3D1", http.StatusForbidden},
	}
	for _, c := range cases {
		answer := pbtest.Do(t, handler, pbtest.Request{Path: c.path, Token: token})
		if answer.Status != c.status || strings.Contains(string(answer.Body), "not_allowed") {
			t.Errorf("%s: got %d %s, want PocketBase's %d", c.path, answer.Status, answer.Body, c.status)
		}
	}
}

// HEAD requests come to the same route, and tell by the length of the answer.
func TestGuardMindsOtherWaysToAsk(t *testing.T) {
	t.Parallel()
	app := clubs.New(t, register)
	handler, token := pbtest.Handler(t, app), ada(t, app)
	leak := "filter=" + url.QueryEscape(`clubs_via_members.name !~ "P%"`)
	for name, r := range map[string]pbtest.Request{
		"HEAD":              {Method: http.MethodHead, Path: "/api/collections/users/records?" + leak},
		"collection id":     {Path: "/api/collections/_pb_users_auth_/records?" + leak},
		"collection's case": {Path: "/api/collections/USERS/records?" + leak},
		"first of two":      {Path: "/api/collections/users/records?" + leak + "&filter=name%3D1"},
	} {
		r.Token = token
		if got := pbtest.Do(t, handler, r).Status; got != http.StatusBadRequest {
			t.Errorf("%s: got %d, want 400", name, got)
		}
	}
	second := pbtest.Request{Path: "/api/collections/users/records?fields=id&filter=name%3D1&" + leak, Token: token}
	if got := pbtest.Do(t, handler, second); got.Status != http.StatusOK || !strings.Contains(string(got.Body), `"items":[]`) {
		t.Errorf("second of two: got %d %s, want the first filter alone", got.Status, got.Body)
	}
}

func TestRegisterTwiceFails(t *testing.T) {
	t.Parallel()
	app := clubs.New(t, register)
	if err := register(app); err == nil {
		t.Error("got no error")
	}
}

// comments are a collection that somebody adds in the dashboard, with a relation
// to people.
func comments(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	everybody, signedIn := "", `@request.auth.id != ""`
	threads := core.NewBaseCollection("threads")
	threads.ListRule = &signedIn
	if err := app.Save(threads); err != nil {
		return err
	}
	comments := core.NewBaseCollection("comments")
	comments.ListRule = &everybody
	comments.Fields.Add(
		&core.TextField{Name: "text"},
		&core.RelationField{Name: "author", CollectionId: users.Id, MaxSelect: 1},
		&core.RelationField{Name: "threads", CollectionId: threads.Id, MaxSelect: 9},
	)
	return app.Save(comments)
}

func TestGuardedAreThePathsThatComeByACollection(t *testing.T) {
	t.Parallel()
	const throughClubs, throughThreads = `author.clubs_via_members.name !~ "P%"`, `threads.id = "x"`
	cases := []struct {
		guarded, lists, parameter, value string
		refused                          bool
	}{
		{"users", "users", "filter", `clubs_via_members.name !~ "P%"`, true},
		{"users", "clubs", "filter", `members.name = "Ada"`, true},
		{"users", "comments", "filter", throughClubs, true},
		{"clubs", "comments", "filter", throughClubs, true},
		{"tags", "comments", "filter", throughClubs, false},
		{"comments", "comments", "filter", throughClubs, true},
		{"users", "comments", "filter", throughThreads, false},
		{"users", "comments", "filter", `text = "x" && author.name = "Ada"`, false},
		{"users", "users", "sort", "email", true},
		{"users", "comments", "sort", "author.email", true},
		{"comments", "comments", "sort", "author.email", true},
		{"clubs", "users", "sort", "email", false},
		{"clubs", "comments", "sort", "author.email", false},
	}
	for _, c := range cases {
		app := clubs.New(t, comments, func(app core.App) error {
			_, err := filterguard.Register(app, filterguard.Config{Collections: []string{c.guarded}})
			return err
		})
		answer := ask(t, pbtest.Handler(t, app), ada(t, app), c.lists, c.parameter, c.value)
		want := http.StatusOK
		if c.refused {
			want = http.StatusBadRequest
		}
		if answer.Status != want {
			t.Errorf("%s guarded, %s by %s %s: got %d %s, want %d", c.guarded, c.lists, c.parameter, c.value, answer.Status, answer.Body, want)
		}
	}
}
