package push_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
)

// subscription is what a browser gives. The key is that of RFC 8291's example.
var subscription = map[string]any{
	"endpoint":       "https://push.example.net/send/s3cret-endpoint",
	"expirationTime": nil,
	"keys": map[string]any{
		"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
		"auth":   "BTBZMqHH6r4Tts7J_aSIgg",
	},
}

func TestDevicesAreForThoseWhoRegisteredThem(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, push.Config{})
	ann, annToken := pbtest.User(t, app, "users", nil)
	_, bobToken := pbtest.User(t, app, "users", nil)
	handler := pbtest.Handler(t, app)
	guest, annAPI, bob := client{t, handler, ""}, client{t, handler, annToken}, client{t, handler, bobToken}

	for _, route := range [][2]string{
		{"GET", "/api/push/devices"},
		{"POST", "/api/push/devices"},
		{"POST", "/api/push/devices/forget"},
		{"DELETE", "/api/push/devices/x"},
		{"PUT", "/api/push/devices/x/badge"},
		{"PUT", "/api/push/devices/x/topics/y"},
		{"DELETE", "/api/push/devices/x/topics/y"},
	} {
		guest.want(http.StatusUnauthorized, route[0], route[1], nil)
	}

	d := annAPI.register(map[string]any{"provider": "fcm", "token": "s3cret-ann", "platform": "Android", "locale": "de-AT", "topics": []string{"news"}})
	browser := annAPI.register(map[string]any{"subscription": subscription, "timezone": "Europe/Vienna"})
	if browser.Provider != "webpush" || d.Locale != "de-AT" || !slices.Equal(d.Topics, []string{"news"}) {
		t.Errorf("got %+v and %+v", d, browser)
	}
	if got := annAPI.devices(); len(got) != 2 {
		t.Errorf("got %d devices, want 2", len(got))
	}
	body := string(annAPI.want(http.StatusOK, "GET", "/api/push/devices", nil).Body)
	if strings.Contains(body, "s3cret") || strings.Contains(body, "BTBZ") {
		t.Errorf("the list has secrets: %s", body)
	}

	// somebody else sees nothing of them, and what he tries looks like a miss
	if got := bob.devices(); len(got) != 0 {
		t.Errorf("somebody else sees %+v", got)
	}
	for _, route := range []struct {
		method, path string
		body         any
	}{
		{"DELETE", "/api/push/devices/%s", nil},
		{"PUT", "/api/push/devices/%s/badge", map[string]any{"badge": 1}},
		{"PUT", "/api/push/devices/%s/topics/spam", nil},
		{"DELETE", "/api/push/devices/%s/topics/news", nil},
	} {
		got, miss := bob.do(route.method, fmt.Sprintf(route.path, d.ID), route.body), bob.do(route.method, fmt.Sprintf(route.path, "nothing"), route.body)
		if got.Status != miss.Status || string(got.Body) != string(miss.Body) {
			t.Errorf("%s %s: got %d %s, a miss gets %d %s", route.method, route.path, got.Status, got.Body, miss.Status, miss.Body)
		}
	}
	bob.want(http.StatusNoContent, "POST", "/api/push/devices/forget", phone("s3cret-ann"))
	if got := annAPI.devices(); len(got) != 2 || !slices.Equal(got[1].Topics, []string{"news"}) && !slices.Equal(got[0].Topics, []string{"news"}) {
		t.Errorf("after what somebody else tried: got %+v", got)
	}

	// the records API is for superusers
	records := "/api/collections/" + push.Collection + "/records"
	annAPI.want(http.StatusForbidden, "GET", records, nil)
	guest.want(http.StatusForbidden, "GET", records, nil)
	root := client{t, handler, pbtest.Superuser(t, app)}
	shown := string(root.want(http.StatusOK, "GET", records, nil).Body)
	if !strings.Contains(shown, d.ID) || !strings.Contains(shown, ann.Id) {
		t.Errorf("a superuser gets %s", shown)
	}
	// a form without secrets does not clear them
	root.want(http.StatusOK, "PATCH", records+"/"+d.ID, map[string]any{"platform": "Phone", "token": ""})
	if again := annAPI.register(phone("s3cret-ann")); again.ID != d.ID {
		t.Errorf("after an edit the device is another one")
	}

	// signing out, as often as one likes
	for range 2 {
		annAPI.want(http.StatusNoContent, "DELETE", "/api/push/devices/"+d.ID, nil)
		annAPI.want(http.StatusNoContent, "POST", "/api/push/devices/forget", map[string]any{"endpoint": subscription["endpoint"]})
	}
	if got := annAPI.devices(); len(got) != 0 {
		t.Errorf("after signing out: got %+v", got)
	}
}

func TestTokenBelongsToTheLastWhoRegisteredIt(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, push.Config{})
	_, annToken := pbtest.User(t, app, "users", nil)
	_, bobToken := pbtest.User(t, app, "users", nil)
	handler := pbtest.Handler(t, app)
	ann, bob := client{t, handler, annToken}, client{t, handler, bobToken}

	first := ann.register(map[string]any{"provider": "fcm", "token": "phone", "topics": []string{"news"}, "badge": 3})
	again := ann.register(map[string]any{"provider": "fcm", "token": "phone", "locale": "de"})
	if again.ID != first.ID || again.Locale != "de" || !slices.Equal(again.Topics, []string{"news"}) || again.Badge != 3 {
		t.Errorf("registering again: got %+v after %+v", again, first)
	}
	moved := bob.register(phone("phone"))
	if moved.ID == first.ID || len(moved.Topics) != 0 || moved.Badge != 0 {
		t.Errorf("the new owner's device has something of the old one's: %+v", moved)
	}
	if got := ann.devices(); len(got) != 0 {
		t.Errorf("the old owner still has %+v", got)
	}
	ann.want(http.StatusNoContent, "POST", "/api/push/devices/forget", phone("phone")) // late, as phones are
	ann.want(http.StatusNoContent, "DELETE", "/api/push/devices/"+first.ID, nil)
	if got := bob.devices(); len(got) != 1 || got[0].ID != moved.ID {
		t.Errorf("after the old owner signed out: the new one has %+v", got)
	}
	// the same text is another device at another service
	bob.register(map[string]any{"provider": "apns", "token": "ABCDEF"})
	if got := bob.register(map[string]any{"provider": "apns", "token": "abcdef", "sandbox": true}); len(bob.devices()) != 2 || !got.Sandbox {
		t.Errorf("got %+v", bob.devices())
	}
}

func TestDevicesGoWithTheirUsers(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, push.Config{})
	user, token := pbtest.User(t, app, "users", nil)
	other, otherToken := pbtest.User(t, app, "users", nil)
	handler := pbtest.Handler(t, app)
	client{t, handler, token}.register(phone("a"))
	client{t, handler, otherToken}.register(phone("b"))
	count := func() int64 {
		t.Helper()
		n, err := app.CountRecords(push.Collection)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	user.Set("name", "Ann")
	save(t, app, user)
	if got := count(); got != 2 {
		t.Errorf("after an update: got %d devices, want 2", got)
	}
	user.RefreshTokenKey()
	save(t, app, user)
	if got := count(); got != 1 {
		t.Errorf("after signing out everywhere: got %d devices, want 1", got)
	}
	client{t, handler, pbtest.Token(t, user)}.register(phone("a"))
	rolledBack := fmt.Errorf("on purpose")
	err := app.RunInTransaction(func(tx core.App) error {
		if err := tx.Delete(other); err != nil {
			return err
		}
		return rolledBack
	})
	if err != rolledBack || count() != 2 { //nolint:errorlint // the very error
		t.Errorf("after a rolled-back deletion: got %d devices, error %v", count(), err)
	}
	if err := app.Delete(other); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 1 {
		t.Errorf("after a user was deleted: got %d devices, want 1", got)
	}
}

func save(t *testing.T, app core.App, record *core.Record) {
	t.Helper()
	if err := app.Save(record); err != nil {
		t.Fatalf("save a record of %s: %v", record.Collection().Name, err)
	}
}

// SDKs send null for what they do not know.
func TestNullIsAsLeftOut(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, push.Config{})
	_, token := pbtest.User(t, app, "users", nil)
	c := client{t, pbtest.Handler(t, app), token}
	unknown := map[string]any{
		"provider": "fcm", "token": "a", "subscription": nil, "app": nil, "sandbox": nil, "platform": nil,
		"locale": nil, "timezone": nil, "topics": nil, "badge": nil,
	}
	c.want(http.StatusOK, "POST", "/api/push/devices", unknown)
	if got := c.devices(); len(got) != 1 || got[0].App != "" || got[0].Platform != "" || got[0].Sandbox {
		t.Errorf("got %+v, want a device without more", got)
	}
	c.want(http.StatusNoContent, "POST", "/api/push/devices/forget", map[string]any{"provider": "fcm", "token": "a", "endpoint": nil})
	if got := c.devices(); len(got) != 0 {
		t.Errorf("got %+v after it was forgotten", got)
	}
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, push.Config{})
	_, token := pbtest.User(t, app, "users", nil)
	c := client{t, pbtest.Handler(t, app), token}
	browser := func(endpoint string) map[string]any {
		return map[string]any{"subscription": map[string]any{"endpoint": endpoint, "keys": subscription["keys"]}}
	}
	cases := []struct {
		name, field string
		body        map[string]any
	}{
		{"unknown provider", "provider", map[string]any{"provider": "pigeon", "token": "a"}},
		{"no provider", "provider", map[string]any{"token": "a"}},
		{"no token", "token", map[string]any{"provider": "fcm"}},
		{"token too long", "token", phone(strings.Repeat("a", 2001))},
		{"token with a line break", "token", phone("a\nb")},
		{"APNs token that is not hexadecimal", "token", map[string]any{"provider": "apns", "token": "xyz"}},
		{"locale", "locale", map[string]any{"provider": "fcm", "token": "a", "locale": "German, please"}},
		{"time zone", "timezone", map[string]any{"provider": "fcm", "token": "a", "timezone": "Moon/Base"}},
		{"the server's time zone", "timezone", map[string]any{"provider": "fcm", "token": "a", "timezone": "Local"}},
		{"path for a time zone", "timezone", map[string]any{"provider": "fcm", "token": "a", "timezone": "../../etc/passwd"}},
		{"badge", "badge", map[string]any{"provider": "fcm", "token": "a", "badge": -1}},
		{"topic", "topics", map[string]any{"provider": "fcm", "token": "a", "topics": []string{"a b"}}},
		{"unknown field", "user", map[string]any{"provider": "fcm", "token": "a", "user": "somebody"}},
		{"wrong type", "token", map[string]any{"provider": "fcm", "token": 7}},
		{"Web Push without keys", "subscription", map[string]any{"provider": "webpush", "token": "https://push.example.net/a"}},
		{"http", "subscription", browser("http://push.example.net/a")},
		{"loopback", "subscription", browser("https://127.0.0.1/a")},
		{"metadata", "subscription", browser("https://169.254.169.254/latest")},
		{"IPv4 as a number", "subscription", browser("https://2130706433/a")},
		{"host without end", "subscription", browser("https://" + strings.Repeat("a.", 400) + "example/a")},
		{"both forms", "subscription", map[string]any{"provider": "fcm", "token": "a", "subscription": subscription}},
	}
	for _, test := range cases {
		answer := c.do("POST", "/api/push/devices", test.body)
		var problem struct {
			Data map[string]struct{ Code, Message string } `json:"data"`
		}
		if err := json.Unmarshal(answer.Body, &problem); err != nil || answer.Status != http.StatusBadRequest || problem.Data[test.field].Code == "" {
			t.Errorf("%s: got %d %s, want an error of %s", test.name, answer.Status, answer.Body, test.field)
		}
	}
	c.want(http.StatusBadRequest, "POST", "/api/push/devices", []int{1})
	c.want(http.StatusRequestEntityTooLarge, "POST", "/api/push/devices", phone(strings.Repeat("a", 40<<10)))
	if got := c.devices(); len(got) != 0 {
		t.Errorf("something was stored: %+v", got)
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	app, _, _ := newApp(t, push.Config{Topics: func(_ core.App, user *core.Record, topic string) (bool, error) {
		return topic == "news" || topic == "team:"+user.GetString("team"), nil
	}})
	_, token := pbtest.User(t, app, "users", map[string]any{"team": "red"})
	c := client{t, pbtest.Handler(t, app), token}
	d := c.register(phone("a"))
	path := "/api/push/devices/" + d.ID + "/topics/"
	for range 2 {
		c.want(http.StatusOK, "PUT", path+"news", nil).JSON(t, &d)
		c.want(http.StatusOK, "PUT", path+"team:red", nil).JSON(t, &d)
	}
	if want := []string{"news", "team:red"}; !slices.Equal(d.Topics, want) {
		t.Errorf("got %v, want %v", d.Topics, want)
	}
	c.want(http.StatusForbidden, "PUT", path+"team:blue", nil)
	c.want(http.StatusForbidden, "POST", "/api/push/devices", map[string]any{"provider": "fcm", "token": "b", "topics": []string{"news", "team:blue"}})
	c.want(http.StatusBadRequest, "PUT", path+"a%20b", nil)
	for range 2 {
		c.want(http.StatusOK, "DELETE", path+"news", nil).JSON(t, &d)
	}
	c.want(http.StatusOK, "PUT", "/api/push/devices/"+d.ID+"/badge", map[string]any{"badge": 4}).JSON(t, &d)
	if got := c.devices(); len(got) != 1 || !slices.Equal(got[0].Topics, []string{"team:red"}) || got[0].Badge != 4 {
		t.Errorf("got %+v", got)
	}
}

func TestUserHasSoManyDevices(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, _, _ := newApp(t, push.Config{MaxDevices: 3, Clock: now})
	_, token := pbtest.User(t, app, "users", nil)
	_, otherToken := pbtest.User(t, app, "users", nil)
	handler := pbtest.Handler(t, app)
	c, other := client{t, handler, token}, client{t, handler, otherToken}
	other.register(phone("other"))
	first := c.register(phone("0"))
	for i := range 3 {
		now.Advance(time.Minute)
		c.register(phone(fmt.Sprint(i)))
	}
	now.Advance(time.Minute)
	last := c.register(phone("3"))
	got := c.devices()
	if len(got) != 3 || got[0].ID != last.ID || slices.ContainsFunc(got, func(d push.Device) bool { return d.ID == first.ID }) {
		t.Errorf("got %+v, want three without %s", got, first.ID)
	}
	if len(other.devices()) != 1 {
		t.Error("the devices of somebody else made room")
	}
}

func TestBootingTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	if _, err := push.Register(app, push.Config{}); err != nil {
		t.Fatal(err)
	}
	var updated []string
	for range 2 {
		if err := app.Bootstrap(); err != nil {
			t.Fatal(err)
		}
		c, err := app.FindCollectionByNameOrId(push.Collection)
		if err != nil {
			t.Fatal(err)
		}
		updated = append(updated, c.Updated.String())
	}
	if updated[0] != updated[1] {
		t.Errorf("the collection was saved again: %v", updated)
	}
	if err := app.ResetBootstrapState(); err != nil {
		t.Fatal(err)
	}
}
