package collections_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/filterguard"
)

// Subscriptions tell of changes to those who may view the record, and only them.
func TestSubscriptionsFollowTheRules(t *testing.T) {
	t.Parallel()
	app := world.New(t)
	url := pbtest.Serve(t, app)

	topics := []string{"work_orders/*", "work_orders/" + pumpOrder, "notes/*", "notes/" + someNotes.pump, "organizations/*", "memberships/*", "sites/*"}
	listeners := map[string]*listener{}
	for _, who := range []string{guest, newcomer, robot, stranger, former, idle, technician, viewer, dispatcher} {
		listeners[who] = listen(t, app, url, who, topics)
	}

	changes := []struct {
		name   string
		cause  func(core.App) error
		heard  []string // everybody else hears nothing
		topics []string // each with one message, in any order
	}{
		{
			"an order changes", change("work_orders", pumpOrder, "title", "Replace both pumps"),
			[]string{technician, viewer, dispatcher},
			[]string{"work_orders/*", "work_orders/" + pumpOrder},
		},
		{
			"an order of nobody changes", change("work_orders", draftOrder, "title", "Zinc offer"),
			[]string{viewer, dispatcher},
			[]string{"work_orders/*"},
		},
		{
			"a site changes", change("sites", mill, "contact", "The miller's son"),
			[]string{idle, technician, viewer, dispatcher},
			[]string{"sites/*"},
		},
		{
			"a note changes", change("notes", someNotes.pump, "body", "Bearing is gone"),
			[]string{technician, viewer, dispatcher},
			[]string{"notes/*", "notes/" + someNotes.pump},
		},
		{
			"a note is deleted", remove("notes", someNotes.pump),
			[]string{technician, viewer, dispatcher},
			[]string{"notes/*", "notes/" + someNotes.pump},
		},
		{
			"a member leaves", remove("memberships", technicianInAlpha),
			[]string{technician, idle, viewer, dispatcher},
			[]string{"memberships/*"}, // the last thing that they hear
		},
		{
			"an order changes that the member who left worked on", change("work_orders", pumpOrder, "title", "Call for help"),
			[]string{viewer, dispatcher},
			[]string{"work_orders/*", "work_orders/" + pumpOrder},
		},
	}
	for _, c := range changes {
		if err := c.cause(app); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		// PocketBase sends each message from a goroutine of its own: none of these may
		// be left for the next change. Those who must hear of it first, so that what
		// others hear is on its way.
		for _, who := range c.heard {
			listeners[who].waitFor(t, c.topics)
		}
		for who, l := range listeners {
			heard := l.untilSilence(t)
			if len(heard) > 0 && !slices.Contains(c.heard, who) {
				t.Errorf("%s: %s hears %q", c.name, who, heard)
			}
			for _, message := range heard {
				if strings.Contains(message, "alphakey") || strings.Contains(message, "@example.com") {
					t.Errorf("%s: %s hears a secret: %s", c.name, who, message)
				}
			}
		}
	}
}

// The filter of a subscription is held to the same as that of a list: it must
// not tell of another organization, here of the one that a colleague works for
// besides alpha.
func TestSubscriptionsTellNothingOfOtherOrganizations(t *testing.T) {
	t.Parallel()
	app := world.New(t)
	var names []string
	for _, c := range collections.All() {
		names = append(names, c.Name)
	}
	filterguard.MustRegister(app, filterguard.Config{Collections: names})
	handler := pbtest.Handler(t, app)
	person, err := person(app, dispatcher)
	if err != nil {
		t.Fatal(err)
	}

	for filter, want := range map[string]int{
		`memberships_via_user.organization.name !~ "B%"`:  http.StatusBadRequest,
		`memberships_via_user.organization.name ?!~ "B%"`: http.StatusNoContent,
		`name = "Double"`: http.StatusNoContent,
	} {
		client := subscriptions.NewDefaultClient()
		app.SubscriptionsBroker().Register(client)
		topic := "users/" + doubleID + "?options=" + url.QueryEscape(fmt.Sprintf(`{"query":{"filter":%q}}`, filter))
		answer := pbtest.Do(t, handler, pbtest.Request{
			Method: http.MethodPost, Path: "/api/realtime", Token: pbtest.Token(t, person),
			Body: map[string]any{"clientId": client.Id(), "subscriptions": []string{topic}},
		})
		if answer.Status != want {
			t.Errorf("%s: got %d %s, want %d", filter, answer.Status, answer.Body, want)
		}
	}
}

// listener is a client of the realtime stream.
type listener struct {
	client subscriptions.Client
	events *bufio.Scanner
	heard  []string // messages that waitFor has passed
}

// listen connects the person to the stream and subscribes to the topics.
func listen(t *testing.T, app core.App, url, who string, topics []string) *listener {
	t.Helper()
	impatient := http.Client{Timeout: 5 * time.Minute} // ends a stream on which a message is missing
	stream, err := impatient.Get(url + "/api/realtime")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Body.Close() })
	l := &listener{events: bufio.NewScanner(stream.Body)}

	var hello struct{ ClientID string }
	if _, data := l.next(t); json.Unmarshal([]byte(data), &hello) != nil || hello.ClientID == "" {
		t.Fatalf("first message: got %q, want the client's id", data)
	}
	if l.client, err = app.SubscriptionsBroker().ClientById(hello.ClientID); err != nil {
		t.Fatal(err)
	}

	body, err := json.Marshal(map[string]any{"clientId": hello.ClientID, "subscriptions": topics})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodPost, url+"/api/realtime", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if who != guest {
		record, err := person(app, who)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", pbtest.Token(t, record))
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		t.Fatalf("subscribe as %s: got %d, want 204", who, answer.StatusCode)
	}
	return l
}

// next reads one message.
func (l *listener) next(t *testing.T) (topic, data string) {
	t.Helper()
	for l.events.Scan() {
		line := l.events.Text()
		if name, ok := strings.CutPrefix(line, "event:"); ok {
			topic = name
		}
		if text, ok := strings.CutPrefix(line, "data:"); ok {
			data = text
		}
		if line == "" && topic != "" {
			return topic, data
		}
	}
	t.Fatalf("the stream ended: %v", l.events.Err())
	return "", ""
}

// waitFor reads until there was a message on each of the topics.
func (l *listener) waitFor(t *testing.T, topics []string) {
	t.Helper()
	missing := slices.Clone(topics)
	for len(missing) > 0 {
		got, data := l.next(t)
		l.heard = append(l.heard, fmt.Sprint(got, " ", data))
		missing = slices.DeleteFunc(missing, func(topic string) bool { return topic == got })
	}
}

// untilSilence returns what was heard since the last call. It sends a message of
// its own and reads up to it.
func (l *listener) untilSilence(t *testing.T) []string {
	t.Helper()
	const silence = "silence"
	l.client.Send(subscriptions.Message{Name: silence, Data: []byte("{}")})
	for {
		got, data := l.next(t)
		if got == silence {
			heard := l.heard
			l.heard = nil
			return heard
		}
		l.heard = append(l.heard, fmt.Sprint(got, " ", data))
	}
}
