package filterguard_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/filterguard"
)

// filtered is the topic with a filter in its options, as the SDK writes it.
func filtered(topic, filter string) string {
	options, err := json.Marshal(map[string]any{"query": map[string]any{"filter": filter}})
	if err != nil {
		panic(err) // texts can be written
	}
	return topic + "?options=" + url.QueryEscape(string(options))
}

// subscribe asks for the topics on a new connection.
func subscribe(t *testing.T, app core.App, handler http.Handler, token string, topics ...string) (subscriptions.Client, pbtest.Response) {
	t.Helper()
	client := subscriptions.NewDefaultClient()
	app.SubscriptionsBroker().Register(client)
	return client, pbtest.Do(t, handler, pbtest.Request{
		Method: http.MethodPost, Path: "/api/realtime", Token: token,
		Body: map[string]any{"clientId": client.Id(), "subscriptions": topics},
	})
}

// Without the plugin the changes that Ada hears of tell how the names of Bob's
// other clubs begin. When this fails, PocketBase has closed the hole.
func TestPocketBaseTellsSubscribersOfHiddenRecords(t *testing.T) {
	t.Parallel()
	app := clubs.New(t)
	handler, token := pbtest.Handler(t, app), ada(t, app)
	leaking, harmless := filtered("users/*", `clubs_via_members.name !~ "P%"`), filtered("users/*", `clubs_via_members.name !~ "Q%"`)
	client, answer := subscribe(t, app, handler, token, leaking, harmless)
	if answer.Status != http.StatusNoContent {
		t.Fatalf("subscribe: got %d %s, want 204", answer.Status, answer.Body)
	}
	bob, err := app.FindRecordById("users", "bob000000000000")
	if err != nil {
		t.Fatal(err)
	}
	bob.Set("name", "Robert")
	if err := app.Save(bob); err != nil {
		t.Fatal(err)
	}
	// "Poker" begins with P, so of the two only the other one is served
	if got := <-client.Channel(); got.Name != harmless {
		t.Errorf("got a message on %s, want one on %s", got.Name, harmless)
	}
}

func TestGuardOfSubscriptions(t *testing.T) {
	t.Parallel()
	app := clubs.New(t, register)
	handler := pbtest.Handler(t, app)
	people := map[string]string{"guest": "", "ada": ada(t, app), "superuser": pbtest.Superuser(t, app)}
	const leak = `clubs_via_members.name !~ "P%"`

	cases := []struct {
		as      string
		topics  []string
		refused string // the index of the topic that is
	}{
		{"ada", []string{filtered("users/*", leak)}, "0"},
		{"ada", []string{filtered("users", leak)}, "0"},
		{"ada", []string{filtered("users/bob000000000000", leak)}, "0"},
		{"ada", []string{filtered("_pb_users_auth_/*", leak)}, "0"},
		{"ada", []string{"users/*", "tags/*", filtered("clubs/*", `members.name = "Ada"`)}, "2"},
		{"guest", []string{filtered("tags/*", `clubs_via_tags.name !~ "P%"`)}, "0"},
		{"ada", []string{`users/*?x=1&options={"query":{"filter":"clubs_via_members.name!=1"}}#x`}, "0"},

		{"ada", []string{"users/*", "users/bob000000000000"}, ""},
		{"ada", []string{filtered("users/*", `name = "Bob"`), filtered("users/*", `clubs_via_members.name ?!~ "P%"`)}, ""},
		{"ada", []string{filtered("users/*", `clubs_via_members.name !~`)}, ""}, // no filter, nothing is heard
		{"ada", []string{filtered("weather/*", leak), `users/*?options={`, "users/*?filter=" + url.QueryEscape(leak)}, ""},
		{"superuser", []string{filtered("users/*", leak)}, ""},
	}
	for _, c := range cases {
		client, answer := subscribe(t, app, handler, people[c.as], c.topics...)
		heard := len(client.Subscriptions())
		if c.refused == "" {
			if answer.Status != http.StatusNoContent || heard != len(c.topics) {
				t.Errorf("%s subscribes to %q: got %d %s and %d subscriptions, want all", c.as, c.topics, answer.Status, answer.Body, heard)
			}
			continue
		}
		want := `"subscriptions":{"` + c.refused + `":{"code":"` + filterguard.CodeFilter
		if answer.Status != http.StatusBadRequest || !strings.Contains(string(answer.Body), want) || heard != 0 {
			t.Errorf("%s subscribes to %q: got %d %s and %d subscriptions, want a refusal of number %s", c.as, c.topics, answer.Status, answer.Body, heard, c.refused)
		}
	}
}
