package push_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

func TestMessageGoesWithItsTransaction(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	p.Start()
	onPurpose := errors.New("on purpose")
	err := app.RunInTransaction(func(tx core.App) error {
		if _, err := p.Send(tx, push.Message{To: push.Users(user), Title: "rolled back"}); err != nil {
			return err
		}
		return onPurpose
	})
	if !errors.Is(err, onPurpose) {
		t.Fatal(err)
	}
	err = app.RunInTransaction(func(tx core.App) error {
		_, err := p.Send(tx, push.Message{To: push.Users(user), Title: "committed"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.await(t, 1); got[0].n.Title != "committed" {
		t.Errorf("got %q", got[0].n.Title)
	}
	list, err := p.Messages(t.Context(), push.MessageQuery{})
	if err != nil || len(list) != 1 {
		t.Errorf("got %d messages, error %v, want the committed one", len(list), err)
	}
}

func TestMessageIsWhatTheDeviceGets(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{})
	user, _ := pbtest.User(t, app, "users", map[string]any{"locale": "de_AT"})
	ids := fill(t, app, user, "apns", provider.Target{Token: "ab", Topic: "com.example.app", Sandbox: true})
	p.Start()
	badge := 7
	m := push.Message{
		To: push.Devices(ids...), Title: "Order", Body: "New", Locales: map[string]push.Text{"de": {Title: "Auftrag", Body: "Neu"}, "fr": {Title: "Commande"}},
		Image: "https://example.com/a.png", Link: "/orders/1", Sound: "default", Data: map[string]string{"order": "1"}, Badge: &badge,
		CollapseKey: "order-1", TTL: time.Hour, High: true,
	}
	send(t, app, p, m)
	got := s.await(t, 1)[0]
	if want := (provider.Target{Token: "ab", Topic: "com.example.app", Sandbox: true}); got.to != want {
		t.Errorf("got target %+v, want %+v", got.to, want)
	}
	n := got.n
	if n.Title != "Auftrag" || n.Body != "Neu" || n.Image != m.Image || n.Link != m.Link || n.Sound != "default" || n.Data["order"] != "1" ||
		n.Badge == nil || *n.Badge != 7 || n.CollapseKey != "order-1" || !n.High || n.Silent || n.ID == "" || n.TTL <= 55*time.Minute || n.TTL > time.Hour {
		t.Errorf("got %+v", n)
	}

	// a badge that is counted, and counted once however often it is tried
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		return "", failure(provider.Refused)
	})
	send(t, app, p, push.Message{To: push.Everyone(), BadgeAdd: 2, Silent: true})
	s.await(t, 2)
	s.set(nil)
	send(t, app, p, push.Message{To: push.Everyone(), BadgeAdd: 3, Silent: true})
	if n := s.await(t, 3)[2].n; n.Badge == nil || *n.Badge != 12 || !n.Silent {
		t.Errorf("got badge %v, want 12", n.Badge)
	}
}

func TestRecipients(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{})
	ann, annToken := pbtest.User(t, app, "users", map[string]any{"team": "red"})
	bob, _ := pbtest.User(t, app, "users", map[string]any{"team": "blue"})
	fill(t, app, bob, "fcm", provider.Target{Token: "b1"}, provider.Target{Token: "b2"})
	ids := fill(t, app, ann, "fcm", provider.Target{Token: "a1"})
	c := client{t, pbtest.Handler(t, app), annToken}
	c.want(200, "PUT", "/api/push/devices/"+ids[0]+"/topics/news", nil)

	cases := []struct {
		name string
		to   push.Recipients
		want string
	}{
		{"users", push.Users(ann, bob), "a1 b1 b2"},
		{"user ids", push.UserIDs("users", bob.Id, "nobody"), "b1 b2"},
		{"devices", push.Devices(ids[0], "nothing"), "a1"},
		{"topic", push.Topic("news"), "a1"},
		{"topic of nobody", push.Topic("new"), ""},
		{"segment", push.Segment("users", "team = {:team}", map[string]any{"team": "blue"}), "b1 b2"},
		{"segment by a value with quotes", push.Segment("users", "team = {:team}", map[string]any{"team": `red" || "" = "`}), ""},
		{"segment of all", push.Segment("users", "", nil), "a1 b1 b2"},
		{"segment of others", push.Segment(core.CollectionNameSuperusers, "", nil), ""},
		{"everyone", push.Everyone(), "a1 b1 b2"},
		{"nobody", push.Users(), ""},
	}
	for _, test := range cases {
		before := len(s.all())
		id := send(t, app, p, push.Message{To: test.to, Title: test.name})
		want := map[string]int64{}
		if n := len(strings.Fields(test.want)); n > 0 {
			want["sent"] = int64(n)
		}
		await(t, p, id, "done", want)
		var got []string
		for _, call := range s.all()[before:] {
			got = append(got, call.to.Token)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	app, p, _ := newApp(t, push.Config{})
	one := 1
	everyone := push.Everyone()
	cases := map[string]push.Message{
		"no recipients":        {Title: "a"},
		"two sorts":            {To: push.Recipients{Everyone: true, Topic: "news"}, Title: "a"},
		"no text":              {To: everyone},
		"empty language":       {To: everyone, Title: "a", Locales: map[string]push.Text{"de": {}}},
		"no language":          {To: everyone, Title: "a", Locales: map[string]push.Text{"German, please": {Title: "a"}}},
		"two badges":           {To: everyone, Title: "a", Badge: &one, BadgeAdd: 1},
		"too long":             {To: everyone, Title: "a", TTL: 29 * 24 * time.Hour},
		"negative":             {To: everyone, Title: "a", TTL: -1},
		"too far":              {To: everyone, Title: "a", At: time.Now().AddDate(2, 0, 0)},
		"too large":            {To: everyone, Title: strings.Repeat("a", 70<<10)},
		"quiet hours":          {To: everyone, Title: "a", QuietHours: &push.QuietHours{From: "25:00", To: "07:00"}},
		"always quiet":         {To: everyone, Title: "a", QuietHours: &push.QuietHours{From: "07:00", To: "07:00"}},
		"unknown collection":   {To: push.UserIDs("people", "a"), Title: "a"},
		"no users":             {To: push.UserIDs("orders", "a"), Title: "a"},
		"filter":               {To: push.Segment("users", "nothing = 1", nil), Title: "a"},
		"filter over requests": {To: push.Segment("users", "team = ", nil), Title: "a"},
		"topic":                {To: push.Topic("a b"), Title: "a"},
		"key":                  {To: everyone, Title: "a", Key: strings.Repeat("k", 201)},
	}
	for name, m := range cases {
		if id, err := p.Send(app, m); err == nil || id != "" {
			t.Errorf("%s: got id %q, error %v", name, id, err)
		}
	}
	list, err := p.Messages(t.Context(), push.MessageQuery{})
	if err != nil || len(list) != 0 {
		t.Errorf("got %d messages, error %v", len(list), err)
	}
}

func TestKeyMakesAMessageOne(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	p.Start()
	first := send(t, app, p, push.Message{To: push.Users(user), Title: "first", Key: "order-1"})
	again := send(t, app, p, push.Message{To: push.Users(user), Title: "again", Key: "order-1"})
	other := send(t, app, p, push.Message{To: push.Users(user), Title: "other"})
	if first != again || other == first {
		t.Errorf("got ids %s, %s and %s", first, again, other)
	}
	await(t, p, first, "done", map[string]int64{"sent": 1})
	await(t, p, other, "done", map[string]int64{"sent": 1})
	if got := s.all(); len(got) != 2 || got[0].n.Title == "again" || got[1].n.Title == "again" {
		t.Errorf("got %+v", got)
	}
}

// TestManyDevices sends to more devices than one page has, and has them sent once
// each by as many requests at a time as are allowed.
func TestManyDevices(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{Concurrency: 8, Rate: 1e6})
	user, _ := pbtest.User(t, app, "users", nil)
	const n = push.PageSize*2 + 7
	fill(t, app, user, "fcm", tokens("phone", n)...)
	id := send(t, app, p, push.Message{To: push.Everyone(), Title: "all"})
	p.Start()
	await(t, p, id, "done", map[string]int64{"sent": n})
	seen := map[string]int{}
	for _, call := range s.all() {
		seen[call.to.Token]++
	}
	if len(seen) != n || len(s.all()) != n {
		t.Errorf("got %d calls for %d devices, want %d", len(s.all()), len(seen), n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 8 {
		t.Errorf("%d requests were under way at the same time, want 8 at most", s.most)
	}
}

func TestWhatBecomesOfFailures(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{Backoff: soon})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", provider.Target{Token: "good"}, provider.Target{Token: "busy"}, provider.Target{Token: "refused"}, provider.Target{Token: "gone"})
	tries := map[string]int{}
	s.set(func(_ context.Context, to provider.Target, _ *provider.Notification) (string, error) {
		s.mu.Lock()
		tries[to.Token]++
		n := tries[to.Token]
		s.mu.Unlock()
		switch {
		case to.Token == "busy" && n < 3:
			return "", failure(provider.Retry)
		case to.Token == "busy" && n == 3:
			return "", errors.New("the connection broke")
		case to.Token == "refused":
			return "", failure(provider.Refused)
		case to.Token == "gone":
			return "", failure(provider.Gone)
		}
		return "id", nil
	})
	later := send(t, app, p, push.Message{To: push.Everyone(), Title: "later", At: time.Now().Add(time.Hour)})
	id := send(t, app, p, push.Message{To: push.Everyone(), Title: "now"})
	p.Start()
	await(t, p, id, "done", map[string]int64{"sent": 2, "failed": 1, "gone": 1})
	s.mu.Lock()
	if tries["busy"] != 4 || tries["good"] != 1 || tries["refused"] != 1 || tries["gone"] != 1 {
		t.Errorf("got tries %v", tries)
	}
	s.mu.Unlock()
	if n, err := app.CountRecords(push.Collection); err != nil || n != 3 {
		t.Errorf("got %d devices, error %v, want 3 without the one that has gone", n, err)
	}
	await(t, p, later, "pending", map[string]int64{})
	for _, state := range []string{"sent", "failed", "gone"} {
		list, err := p.Deliveries(t.Context(), push.DeliveryQuery{Message: id, State: state})
		if err != nil || len(list) == 0 || (state == "sent") != (list[0].Error == "") {
			t.Errorf("deliveries that are %s: got %+v, error %v", state, list, err)
		}
	}
}

// TestDeviceThatHasGone has two messages on their way to a device. The answer to
// one ends both.
func TestDeviceThatHasGone(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, p, s := newApp(t, push.Config{Clock: now, Backoff: func(int) time.Duration { return time.Hour }})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	s.set(func(_ context.Context, _ provider.Target, n *provider.Notification) (string, error) {
		if n.Title == "first" {
			return "", failure(provider.Retry)
		}
		return "", failure(provider.Gone)
	})
	p.Start()
	first := send(t, app, p, push.Message{To: push.Users(user), Title: "first"})
	s.await(t, 1)
	second := send(t, app, p, push.Message{To: push.Users(user), Title: "second"})
	await(t, p, second, "done", map[string]int64{"gone": 1})
	await(t, p, first, "done", map[string]int64{"gone": 1})
	if n, err := app.CountRecords(push.Collection); err != nil || n != 0 {
		t.Errorf("got %d devices, error %v", n, err)
	}
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, p, s := newApp(t, push.Config{Clock: now, Backoff: func(int) time.Duration { return 20 * time.Minute }})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		return "", failure(provider.Retry)
	})
	p.Start()
	id := send(t, app, p, push.Message{To: push.Users(user), Title: "a", TTL: 30 * time.Minute})
	awaitAttempts(t, p, id, 1)
	now.Advance(21 * time.Minute)
	p.Wake()
	// the third attempt would come too late
	await(t, p, id, "done", map[string]int64{"expired": 1})
	if got := s.all(); len(got) != 2 || got[1].n.TTL != 9*time.Minute {
		t.Errorf("got %d attempts, want 2, the last with 9 min left: %+v", len(got), got)
	}

	// what waits for a service that asks for a long pause ends too, as does what
	// was not looked at in time
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		return "", &provider.Error{Kind: provider.Retry, Status: 503, RetryAfter: time.Hour}
	})
	now.Advance(time.Hour)
	id = send(t, app, p, push.Message{To: push.Users(user), Title: "b", TTL: 2 * time.Hour})
	awaitAttempts(t, p, id, 1)
	await(t, p, id, "sending", map[string]int64{"pending": 1})
	now.Advance(3 * time.Hour)
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, p, id, "done", map[string]int64{"expired": 1})
	id = send(t, app, p, push.Message{To: push.Users(user), Title: "c", At: now.Now().Add(time.Hour), TTL: time.Hour})
	now.Advance(3 * time.Hour)
	p.Wake()
	await(t, p, id, "expired", map[string]int64{})
	if got := s.all(); len(got) != 3 {
		t.Errorf("got %d attempts, want 3", len(got))
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, p, s := newApp(t, push.Config{Clock: now})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	p.Start()
	later := send(t, app, p, push.Message{To: push.Users(user), Title: "later", At: now.Now().Add(time.Hour), TTL: time.Hour})
	stopped := send(t, app, p, push.Message{To: push.Users(user), Title: "stopped", At: now.Now().Add(time.Hour)})
	await(t, p, send(t, app, p, push.Message{To: push.Users(user), Title: "now"}), "done", map[string]int64{"sent": 1})
	if _, err := p.Cancel(t.Context(), stopped); err != nil {
		t.Fatal(err)
	}
	now.Advance(61 * time.Minute)
	p.Wake()
	await(t, p, later, "done", map[string]int64{"sent": 1})
	await(t, p, stopped, "cancelled", map[string]int64{})
	if got := s.all(); len(got) != 2 || got[1].n.Title != "later" || got[1].n.TTL != 59*time.Minute {
		t.Errorf("got %+v", got)
	}
	if _, err := p.Cancel(t.Context(), "nothing"); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("cancel of nothing: got %v", err)
	}
}

// TestServiceThatRefusesUs has many deliveries for a service that does not accept
// our credentials. One finds out, somebody is told once, and all are sent when it
// is put right.
func TestServiceThatRefusesUs(t *testing.T) {
	t.Parallel()
	alerts := make(chan push.Alert, 10)
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, p, s := newApp(t, push.Config{Clock: now, Alert: func(a push.Alert) { alerts <- a }})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 60)...)
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		return "", &provider.Error{Kind: provider.Credentials, Status: 401, Message: "the key was revoked"}
	})
	p.Start()
	id := send(t, app, p, push.Message{To: push.Everyone(), Title: "a"})
	if a := <-alerts; a.Service != "fcm" || !strings.Contains(a.Reason, "the key was revoked") || !a.At.Equal(now.Now()) {
		t.Errorf("got %+v", a)
	}
	service := func() push.ServiceState {
		t.Helper()
		list, err := p.Services(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatalf("got %+v, error %v", list, err)
		}
		return list[0]
	}
	got := service()
	if got.PausedSince == nil || got.PausedUntil == nil || !got.PausedUntil.Equal(now.Now().Add(time.Minute)) || got.Pending != 60 || got.Devices != 60 || !strings.Contains(got.LastError, "revoked") {
		t.Errorf("got %+v", got)
	}
	// a minute later one finds out whether it is put right
	for probes := 2; probes <= 4; probes++ {
		now.Set(*service().PausedUntil)
		p.Wake()
		s.await(t, probes)
		pbtest.Eventually(t, patience, func() error {
			if got := service(); !got.PausedUntil.After(now.Now()) {
				return fmt.Errorf("it is paused until %v", got.PausedUntil)
			}
			return nil
		})
	}
	if got, pause := service(), 8*time.Minute; !got.PausedUntil.Equal(now.Now().Add(pause)) {
		t.Errorf("after four refusals: got a pause until %v at %v, want one of %v", got.PausedUntil, now.Now(), pause)
	}
	if n := len(s.all()); n != 4 {
		t.Errorf("the service was asked %d times, want 4", n)
	}
	s.set(nil)
	if err := p.Resume(t.Context(), "fcm"); err != nil {
		t.Fatal(err)
	}
	await(t, p, id, "done", map[string]int64{"sent": 60})
	if got := service(); got.PausedSince != nil || got.FailingSince != nil || got.LastSuccess == nil {
		t.Errorf("afterwards: got %+v", got)
	}
	if len(alerts) != 0 {
		t.Errorf("somebody was told again: %+v", <-alerts)
	}
	list, err := p.Deliveries(t.Context(), push.DeliveryQuery{Message: id, Limit: 200})
	if err != nil || slices.ContainsFunc(list, func(d push.Delivery) bool { return d.Attempts != 1 }) {
		t.Errorf("the refusals counted as attempts, or error %v", err)
	}
}

// TestDoubts has a device for which our credentials are refused, as anybody can
// register one in a browser. That stops nobody; only if several users have one,
// and nobody has another, it is us.
func TestDoubts(t *testing.T) {
	t.Parallel()
	alerts := make(chan push.Alert, 10)
	app, p, s := newApp(t, push.Config{Backoff: soon, Alert: func(a push.Alert) { alerts <- a }})
	mallory, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, mallory, "fcm", tokens("bad", 5)...)
	s.set(func(_ context.Context, to provider.Target, _ *provider.Notification) (string, error) {
		if strings.HasPrefix(to.Token, "bad") {
			return "", &provider.Error{Kind: provider.Retry, Status: 403, Alert: true, Message: "no such key"}
		}
		return "id", nil
	})
	p.Start()
	send(t, app, p, push.Message{To: push.Users(mallory), Title: "a"})
	s.await(t, 30)
	if len(alerts) != 0 {
		t.Fatalf("one user paused the service: %+v", <-alerts)
	}
	for i := range 2 {
		user, _ := pbtest.User(t, app, "users", nil)
		fill(t, app, user, "fcm", tokens(fmt.Sprint("bad", i, "-"), 1)...)
	}
	send(t, app, p, push.Message{To: push.Everyone(), Title: "b"})
	if a := <-alerts; a.Service != "fcm" || !strings.Contains(a.Reason, "no such key") {
		t.Errorf("got %+v", a)
	}
}

func TestServiceThatHangsDelaysOnlyItself(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{Concurrency: 2})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "webpush", provider.Target{Token: "https://slow.example/1"}, provider.Target{Token: "https://slow.example/2"},
		provider.Target{Token: "https://slow.example/3"}, provider.Target{Token: "https://quick.example/1"})
	release := make(chan struct{})
	s.set(func(ctx context.Context, to provider.Target, _ *provider.Notification) (string, error) {
		if strings.Contains(to.Token, "slow") {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return "id", nil
	})
	p.Start()
	id := send(t, app, p, push.Message{To: push.Everyone(), Title: "a"})
	await(t, p, id, "sending", map[string]int64{"pending": 3, "sent": 1})
	close(release)
	await(t, p, id, "done", map[string]int64{"sent": 4})
}

func TestUrgentMessagesGoFirst(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{Concurrency: 1})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 20)...)
	news := send(t, app, p, push.Message{To: push.Everyone(), Title: "news"})
	urgent := send(t, app, p, push.Message{To: push.Everyone(), Title: "urgent", High: true})
	p.Start()
	await(t, p, news, "done", map[string]int64{"sent": 20})
	await(t, p, urgent, "done", map[string]int64{"sent": 20})
	for i, call := range s.all()[1:20] { // the first may have gone before the urgent ones were there
		if call.n.Title != "urgent" {
			t.Fatalf("notification %d is %q", i+1, call.n.Title)
		}
	}
}

// TestDeliveryIsForOneUser has a message on its way while the phone changes hands,
// and another while its user signs out everywhere behind the hooks' back.
func TestDeliveryIsForOneUser(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
	app, p, s := newApp(t, push.Config{Clock: now, Backoff: func(int) time.Duration { return time.Minute }})
	ann, annToken := pbtest.User(t, app, "users", nil)
	bob, bobToken := pbtest.User(t, app, "users", nil)
	handler := pbtest.Handler(t, app)
	client{t, handler, annToken}.register(phone("phone"))
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		return "", failure(provider.Retry)
	})
	id := send(t, app, p, push.Message{To: push.Users(ann), Title: "for Ann"})
	s.await(t, 1)
	client{t, handler, bobToken}.register(phone("phone"))
	await(t, p, id, "done", map[string]int64{"gone": 1})

	id = send(t, app, p, push.Message{To: push.Users(bob), Title: "for Bob"})
	awaitAttempts(t, p, id, 1)
	if _, err := app.DB().NewQuery("UPDATE users SET tokenKey = 'another' || id").Execute(); err != nil {
		t.Fatal(err)
	}
	s.set(nil)
	now.Advance(2 * time.Minute)
	p.Wake()
	await(t, p, id, "done", map[string]int64{"gone": 1})
	if got := s.all(); len(got) != 2 {
		t.Errorf("got %d notifications, want the two that failed", len(got))
	}
	if n, err := app.CountRecords(push.Collection); err != nil || n != 0 {
		t.Errorf("got %d devices, error %v", n, err)
	}
}

func TestStopWaitsForWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	app, p, s := newApp(t, push.Config{})
	user, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, user, "fcm", tokens("phone", 1)...)
	stopping := make(chan struct{})
	s.set(func(context.Context, provider.Target, *provider.Notification) (string, error) {
		<-stopping
		return "id", nil
	})
	p.Start()
	id := send(t, app, p, push.Message{To: push.Users(user), Title: "a"})
	s.await(t, 1)
	go close(stopping)
	err := app.OnTerminate().Trigger(&core.TerminateEvent{App: app}, func(*core.TerminateEvent) error {
		got, err := p.Message(t.Context(), id)
		if err != nil || got.Deliveries["sent"] != 1 {
			t.Errorf("after the stop: got %+v, error %v", got, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
