package push_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// patience is how long a test waits for what other goroutines do.
const patience = 90 * time.Second

// template has users who say what they read and where they are, and orders for them.
var template = pbtest.NewTemplate(makeCollections)

func makeCollections(app core.App) error {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	users.Fields.Add(
		&core.TextField{Name: "locale"},
		&core.TextField{Name: "timezone"},
		&core.TextField{Name: "team"},
	)
	if err := app.Save(users); err != nil {
		return err
	}
	orders := core.NewBaseCollection("orders")
	orders.Fields.Add(
		&core.TextField{Name: "title"},
		&core.SelectField{Name: "status", MaxSelect: 1, Values: []string{"draft", "active", "done"}},
		&core.RelationField{Name: "assignee", CollectionId: users.Id, MaxSelect: 1},
		&core.RelationField{Name: "watchers", CollectionId: users.Id, MaxSelect: 9},
	)
	return app.Save(orders)
}

// sent is a notification that a service got.
type sent struct {
	to provider.Target
	n  provider.Notification
}

// service is a push service within the process. It takes everything unless there
// is an answer for it.
type service struct {
	mu     sync.Mutex
	calls  []sent
	busy   int
	most   int // at the same time
	answer func(ctx context.Context, to provider.Target, n *provider.Notification) (string, error)
}

func (s *service) Send(ctx context.Context, to provider.Target, n *provider.Notification) (string, error) {
	s.mu.Lock()
	s.calls = append(s.calls, sent{to, *n})
	s.busy++
	s.most = max(s.most, s.busy)
	answer := s.answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if answer == nil {
		return "ok", nil
	}
	return answer(ctx, to, n)
}

// set changes the answers of the service.
func (s *service) set(answer func(ctx context.Context, to provider.Target, n *provider.Notification) (string, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func (s *service) all() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// await waits for n calls and returns them.
func (s *service) await(t *testing.T, n int) []sent {
	t.Helper()
	pbtest.Eventually(t, patience, func() error {
		if got := len(s.all()); got < n {
			return fmt.Errorf("the service got %d notifications, want %d", got, n)
		}
		return nil
	})
	return s.all()
}

// newApp returns an app with push and one service, "fcm".
func newApp(t *testing.T, config push.Config) (*tests.TestApp, *push.Plugin, *service) {
	t.Helper()
	s := &service{}
	if config.Providers == nil {
		config.Providers = map[string]provider.Provider{push.ProviderFCM: s, push.ProviderAPNs: s, push.ProviderWebPush: s}
	}
	var p *push.Plugin
	app := template.New(t, func(app core.App) (err error) {
		p, err = push.Register(app, config)
		return err
	})
	return app, p, s
}

// client is a user of the API.
type client struct {
	t       *testing.T
	handler http.Handler
	token   string
}

func (c client) do(method, path string, body any) pbtest.Response {
	c.t.Helper()
	return pbtest.Do(c.t, c.handler, pbtest.Request{Method: method, Path: path, Token: c.token, Body: body})
}

// want is do for answers that must have a status.
func (c client) want(status int, method, path string, body any) pbtest.Response {
	c.t.Helper()
	got := c.do(method, path, body)
	if got.Status != status {
		c.t.Fatalf("%s %s %v: got %d %s, want %d", method, path, body, got.Status, got.Body, status)
	}
	return got
}

// register registers a device and returns it.
func (c client) register(body map[string]any) push.Device {
	c.t.Helper()
	var d push.Device
	c.want(http.StatusOK, "POST", "/api/push/devices", body).JSON(c.t, &d)
	return d
}

func (c client) devices() []push.Device {
	c.t.Helper()
	var page struct {
		Items []push.Device `json:"items"`
	}
	c.want(http.StatusOK, "GET", "/api/push/devices", nil).JSON(c.t, &page)
	return page.Items
}

// phone is the registration of a device of FCM.
func phone(token string) map[string]any { return map[string]any{"provider": "fcm", "token": token} }

// fill adds devices of a user without asking, so that there can be many, and
// returns their ids in the order of the targets.
func fill(t *testing.T, app core.App, user *core.Record, name string, targets ...provider.Target) []string {
	t.Helper()
	ids := make([]string, len(targets))
	err := app.RunInTransaction(func(tx core.App) error {
		for i, target := range targets {
			ids[i] = core.GenerateDefaultRandomId()
			_, err := tx.DB().Insert(push.Collection, dbx.Params{
				"id": ids[i], "userCollection": user.Collection().Id, "user": user.Id, "session": push.SessionOf(user.TokenKey()),
				"provider": name, "service": push.ServiceOf(name, target.Token), "token": target.Token, "tokenHash": push.TokenHash(name, target.Token),
				"p256dh": target.P256dh, "auth": target.Auth, "app": target.Topic, "sandbox": target.Sandbox, "topics": "[]",
			}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("fill in devices: %v", err)
	}
	return ids
}

// tokens are so many targets.
func tokens(prefix string, n int) []provider.Target {
	targets := make([]provider.Target, n)
	for i := range targets {
		targets[i].Token = fmt.Sprint(prefix, i)
	}
	return targets
}

// send sends a message and returns its id.
func send(t *testing.T, app core.App, p *push.Plugin, m push.Message) string {
	t.Helper()
	id, err := p.Send(app, m)
	if err != nil {
		t.Fatalf("send %+v: %v", m, err)
	}
	return id
}

// await waits until a message is in a state and has as many deliveries in states.
func await(t *testing.T, p *push.Plugin, id, state string, deliveries map[string]int64) push.MessageState {
	t.Helper()
	var got push.MessageState
	pbtest.Eventually(t, patience, func() (err error) {
		got, err = p.Message(t.Context(), id)
		if err == nil && (got.State != state || !maps.Equal(got.Deliveries, deliveries)) {
			err = fmt.Errorf("the message is %s with deliveries %v, want %s and %v", got.State, got.Deliveries, state, deliveries)
		}
		return err
	})
	return got
}

// awaitAttempts waits until the only delivery of a message was tried so often, and
// that is stored.
func awaitAttempts(t *testing.T, p *push.Plugin, id string, n int) {
	t.Helper()
	pbtest.Eventually(t, patience, func() error {
		list, err := p.Deliveries(t.Context(), push.DeliveryQuery{Message: id})
		if err == nil && (len(list) != 1 || list[0].Attempts != n) {
			err = fmt.Errorf("got %+v, want %d attempts", list, n)
		}
		return err
	})
}

// soon is a pause for tests that wait for another attempt.
func soon(int) time.Duration { return 5 * time.Millisecond }

// failure is an answer.
func failure(kind provider.Kind) error { return &provider.Error{Kind: kind, Message: "on purpose"} }
