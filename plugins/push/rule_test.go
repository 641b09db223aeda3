package push_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// newRules returns an app with rules, which has begun to follow the change log.
func newRules(t *testing.T, rules ...push.Rule) (*tests.TestApp, *push.Plugin, *service) {
	t.Helper()
	s := &service{}
	var log *changes.Log
	var p *push.Plugin
	app := template.New(t, func(app core.App) (err error) {
		if log, err = changes.Register(app, changes.Config{PollInterval: 10 * time.Millisecond}); err != nil {
			return err
		}
		p, err = push.Register(app, push.Config{Log: log, Rules: rules, Providers: map[string]provider.Provider{"fcm": s}})
		return err
	})
	log.Start()
	p.Start()
	// a new consumer begins with what happens after its first start
	pbtest.Eventually(t, patience, func() error {
		states, err := log.Consumers(t.Context())
		if err == nil && len(states) == 0 {
			err = errors.New("no consumer has started")
		}
		return err
	})
	return app, p, s
}

func addOrder(t *testing.T, app core.App, fields map[string]any) *core.Record {
	t.Helper()
	c, err := app.FindCollectionByNameOrId("orders")
	if err != nil {
		t.Fatal(err)
	}
	record := core.NewRecord(c)
	record.Load(fields)
	save(t, app, record)
	return record
}

// titles are those of the notifications for the tokens, in their order.
func (s *service) titles() []string {
	var titles []string
	for _, call := range s.all() {
		titles = append(titles, call.to.Token+": "+call.n.Title)
	}
	return titles
}

// marked waits until all that was changed before is done: a last order is about
// nothing else, and the changes come in order.
func marked(t *testing.T, app core.App, p *push.Plugin, user *core.Record) {
	t.Helper()
	addOrder(t, app, map[string]any{"title": "mark", "watchers": []string{user.Id}})
	pbtest.Eventually(t, patience, func() error {
		list, err := p.Messages(t.Context(), push.MessageQuery{})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(m push.MessageState) bool { return m.Title == "mark" }) {
			return fmt.Errorf("got %+v and no mark", list)
		}
		for _, m := range list {
			if m.State != "done" {
				return fmt.Errorf("%q is %s", m.Title, m.State)
			}
		}
		return nil
	})
}

// mark is a rule that tells when all before it is done.
var mark = push.Rule{
	Name: "mark", Collection: "orders", On: []string{push.ActionCreate}, To: "watchers", Message: push.Message{Title: "mark"},
	When: func(e push.Event) (bool, error) { return e.Record.GetString("title") == "mark", nil },
}

func TestRules(t *testing.T) {
	t.Parallel()
	assigned := push.Rule{
		Name: "assigned", Collection: "orders", Changed: []string{"assignee"}, To: "assignee",
		Message: push.Message{
			Title: `{{.Action}} {{.Value "title"}} for {{.Value "assignee.team"}}`, Link: "/orders/{{.Record.Id}}", CollapseKey: "order-{{.Record.Id}}",
			Locales: map[string]push.Text{"de": {Title: `Auftrag {{.Value "title"}}`}}, Data: map[string]string{"was": `{{.OldValue "assignee"}}`},
		},
	}
	done := push.Rule{
		Name: "done", Collection: "orders", On: []string{push.ActionUpdate}, Changed: []string{"status"}, To: "watchers",
		When: func(e push.Event) (bool, error) {
			return e.Record.GetString("status") == "done" && e.Old.GetString("status") != "done", nil
		},
		Message: push.Message{Title: `{{.Value "title"}} is {{.Value "status"}}, was {{.OldValue "status"}}`},
	}
	gone := push.Rule{
		Name: "gone", Collection: "orders", On: []string{push.ActionDelete}, Message: push.Message{Title: `{{.Value "title"}} is gone`},
		Recipients: func(e push.Event) (push.Recipients, error) {
			return push.UserIDs("users", e.Record.GetStringSlice("watchers")...), nil
		},
	}
	app, p, s := newRules(t, assigned, done, gone, mark)
	ann, _ := pbtest.User(t, app, "users", map[string]any{"team": "red"})
	bob, _ := pbtest.User(t, app, "users", map[string]any{"locale": "de"})
	fill(t, app, ann, "fcm", provider.Target{Token: "ann"})
	fill(t, app, bob, "fcm", provider.Target{Token: "bob"})

	order := addOrder(t, app, map[string]any{"title": "Pump", "status": "draft", "assignee": ann.Id, "watchers": []string{ann.Id, bob.Id}})
	change := func(field string, value any) {
		t.Helper()
		order.Set(field, value)
		save(t, app, order)
	}
	change("title", "Pump 4")
	change("status", "active")
	change("status", "done")
	change("assignee", bob.Id)
	change("assignee", "")
	if err := app.RunInTransaction(func(tx core.App) error {
		order.Set("assignee", ann.Id)
		return errors.Join(tx.Save(order), errors.New("on purpose"))
	}); err == nil {
		t.Fatal("the transaction was committed")
	}
	if err := app.Delete(order); err != nil {
		t.Fatal(err)
	}
	marked(t, app, p, ann)

	got := s.titles()
	slices.Sort(got)
	want := []string{
		"ann: Pump 4 is done, was active", "ann: Pump 4 is gone", "ann: create Pump for red", "ann: mark",
		"bob: Auftrag Pump 4", "bob: Pump 4 is done, was active", "bob: Pump 4 is gone",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, call := range s.all() {
		if call.n.Title == "Auftrag Pump 4" && (call.n.Link != "/orders/"+order.Id || call.n.CollapseKey != "order-"+order.Id || call.n.Data["was"] != ann.Id) {
			t.Errorf("got %+v", call.n)
		}
	}
	list, err := p.Messages(t.Context(), push.MessageQuery{})
	if err != nil || !slices.ContainsFunc(list, func(m push.MessageState) bool { return strings.HasPrefix(m.Key, "rule:mark:") }) {
		t.Errorf("got %+v, error %v", list, err)
	}
}

// TestRuleLeavesOutWhoDidIt has a user assign an order to herself and to another.
func TestRuleLeavesOutWhoDidIt(t *testing.T) {
	t.Parallel()
	app, p, s := newRules(t, push.Rule{
		Name: "watched", Collection: "orders", To: "watchers", ExceptActor: true, Message: push.Message{Title: `{{.Value "title"}}`},
	}, mark)
	ann, annToken := pbtest.User(t, app, "users", nil)
	bob, _ := pbtest.User(t, app, "users", nil)
	fill(t, app, ann, "fcm", provider.Target{Token: "ann"})
	fill(t, app, bob, "fcm", provider.Target{Token: "bob"})
	orders, err := app.FindCollectionByNameOrId("orders")
	if err != nil {
		t.Fatal(err)
	}
	everybody := ""
	orders.CreateRule = &everybody
	if err := app.Save(orders); err != nil {
		t.Fatal(err)
	}
	c := client{t, pbtest.Handler(t, app), annToken}
	c.want(200, "POST", "/api/collections/orders/records", map[string]any{"title": "Pump", "watchers": []string{ann.Id, bob.Id}})
	marked(t, app, p, bob)
	if got := s.titles(); slices.Contains(got, "ann: Pump") || !slices.Contains(got, "bob: Pump") {
		t.Errorf("got %v", got)
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := push.Rule{Name: "a", Collection: "orders", To: "assignee", Message: push.Message{Title: "a"}}
	change := func(f func(r *push.Rule)) push.Rule {
		r := good
		f(&r)
		return r
	}
	app := pbtest.New(t)
	log, err := changes.Register(app, changes.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := (push.Config{Log: log, Rules: []push.Rule{good}}).Validate(); err != nil {
		t.Errorf("a good rule: %v", err)
	}
	if err := (push.Config{Rules: []push.Rule{good}}).Validate(); err == nil {
		t.Error("rules without a log were accepted")
	}
	for name, rules := range map[string][]push.Rule{
		"same name":     {good, good},
		"no name":       {change(func(r *push.Rule) { r.Name = "" })},
		"no collection": {change(func(r *push.Rule) { r.Collection = "" })},
		"action":        {change(func(r *push.Rule) { r.On = []string{"view"} })},
		"nobody":        {change(func(r *push.Rule) { r.To = "" })},
		"no text":       {change(func(r *push.Rule) { r.Message.Title = "" })},
		"template":      {change(func(r *push.Rule) { r.Message.Body = "{{.Value" })},
		"key":           {change(func(r *push.Rule) { r.Message.Key = "k" })},
		"recipients":    {change(func(r *push.Rule) { r.Message.To = push.Everyone() })},
	} {
		if err := (push.Config{Log: log, Rules: rules}).Validate(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
