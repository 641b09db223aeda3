package hooks_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// erpSecrets are those that the organization's ERP may sign with now.
func (w *world) erpSecrets(organization string) []string {
	w.tb.Helper()
	secrets, err := hooks.ERPSecrets(w, organization, w.clock.Now())
	w.must(err)
	return secrets
}

const erpRoutes = "/api/v1/organizations/"

// TestERPSecret is asked for by everybody. Owners get one, and another a day later.
func TestERPSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := erpRoutes + w.organization.Id + "/erp-secret"
	if got := w.erpSecrets(w.organization.Id); len(got) > 0 {
		t.Fatalf("a new organization has the secrets %v", got)
	}
	for caller, want := range map[string]int{
		"": 401, "stranger": 404, "viewer": 403, "technician": 403, "unassigned": 403, "dispatcher": 403, "owner": 200, "superuser": 200,
	} {
		answer := w.ask(caller, http.MethodPost, path, nil)
		if answer.status != want {
			t.Errorf("%q: got %d %s, want %d", caller, answer.status, answer.body, want)
		}
		if want != http.StatusOK && strings.Contains(answer.body, "whsec_") {
			t.Errorf("%q was shown a secret: %s", caller, answer.body)
		}
	}

	var first, second struct {
		Path, Secret  string
		PreviousUntil time.Time
	}
	w.ask("owner", http.MethodDelete, path, nil)
	answer := w.ask("owner", http.MethodPost, path, nil)
	answer.decode(t, &first)
	if got, want := first.Path, "/api/v1/hooks/erp/"+w.organization.Id; got != want || !first.PreviousUntil.IsZero() {
		t.Errorf("got %s, want the path %s and nothing of a secret before", answer.body, want)
	}
	if got := answer.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the answer may be cached: %q", got)
	}
	w.ask("owner", http.MethodPost, path, nil).decode(t, &second)
	if got, want := w.erpSecrets(w.organization.Id), []string{second.Secret, first.Secret}; !slices.Equal(got, want) {
		t.Errorf("after the rotation: got %v, want %v", got, want)
	}
	if got := second.PreviousUntil; !got.Equal(monday.Add(24 * time.Hour)) {
		t.Errorf("the old secret is good until %v", got)
	}
	w.clock.Advance(24 * time.Hour)
	if got, want := w.erpSecrets(w.organization.Id), []string{second.Secret}; !slices.Equal(got, want) {
		t.Errorf("a day later: got %v, want %v", got, want)
	}

	for caller, want := range map[string]int{"": 401, "stranger": 404, "dispatcher": 403, "owner": 204} {
		if got := w.ask(caller, http.MethodDelete, path, nil).status; got != want {
			t.Errorf("%q disconnects: got %d, want %d", caller, got, want)
		}
	}
	for _, organization := range []string{w.organization.Id, w.otherOrganization.Id, "doesnotexist000"} {
		if got := w.erpSecrets(organization); len(got) > 0 {
			t.Errorf("%s has the secrets %v", organization, got)
		}
	}
}

// TestERPSecretStaysSecret looks for it in what clients are sent, and tries to set it.
func TestERPSecretStaysSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stale, err := collections.FindOrganizationById(w, w.organization.Id)
	w.must(err)
	w.ask("owner", http.MethodPost, erpRoutes+w.organization.Id+"/erp-secret", nil)
	secrets := w.erpSecrets(w.organization.Id)
	for _, path := range []string{
		organizationsPath, organizationsPath + "/" + w.organization.Id + "?fields=*,erpKeys", erpRoutes + w.organization.Id + "/export",
		erpRoutes + w.organization.Id + "/board",
	} {
		if answer := w.ask("owner", http.MethodGet, path, nil); answer.status != http.StatusOK || strings.Contains(answer.body, "whsec_") || strings.Contains(answer.body, "erpKeys") {
			t.Errorf("%s: got %d %s", path, answer.status, answer.body)
		}
	}
	for _, caller := range []string{"owner", "superuser"} {
		w.ask(caller, http.MethodPatch, organizationsPath+"/"+w.organization.Id, map[string]any{"erpKeys": map[string]any{"secret": "whsec_chosen"}})
	}
	stale.SetName("Quillon Lifts")
	w.must(w.Save(stale))
	if got := w.erpSecrets(w.organization.Id); !slices.Equal(got, secrets) {
		t.Errorf("got %v, want %v", got, secrets)
	}
}

// TestERPMessages takes messages, each as if it came three times.
func TestERPMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.site.SetExternalID("S-1")
	w.must(w.Save(w.site))
	w.otherSite.SetExternalID("S-2")
	w.must(w.Save(w.otherSite))
	w.newSite(w.organization, "Twin")
	w.newSite(w.organization, "Twin")
	w.order(func(o *collections.WorkOrder) { o.SetExternalID("PO-1") })

	message := func(data map[string]any) map[string]any {
		return map[string]any{"type": "order.created", "timestamp": "2026-03-02T08:00:00Z", "data": data}
	}
	byID, byName := map[string]any{"id": "S-1"}, map[string]any{"name": "Harbour Tower"}
	cases := []struct {
		name string
		body any
		want string // the fields that are wrong
	}{
		{"a site by the ERP's id", message(map[string]any{"id": "PO-2", "title": "Oil the doors", "priority": "high", "site": byID, "extra": 1}), ""},
		{"a site by its name", message(map[string]any{"title": "Oil the doors", "site": byName}), ""},
		{"both, of which the id counts", message(map[string]any{"title": "a", "site": map[string]any{"id": "S-9", "name": "Harbour Tower"}}), "site"},
		{"a site of another organization", message(map[string]any{"title": "a", "site": map[string]any{"id": "S-2"}}), "site"},
		{"its name", message(map[string]any{"title": "a", "site": map[string]any{"name": "Mill Lane"}}), "site"},
		{"a name that two sites have", message(map[string]any{"title": "a", "site": map[string]any{"name": "Twin"}}), "site"},
		{"no site", message(map[string]any{"title": "a"}), "site"},
		{"nothing but a type", message(nil), "site title"},
		{"a long title", message(map[string]any{"title": strings.Repeat("a", 201), "site": byID}), "title"},
		{"a priority that there is not", message(map[string]any{"title": "a", "site": byID, "priority": "asap"}), "priority"},
		{"the id of another order", message(map[string]any{"id": "PO-1", "title": "a", "site": byID}), "id"},
		{"another type", map[string]any{"type": "order.deleted"}, "type"},
		{"a list", []int{1}, "message"},
		{"a very long name of a site", message(map[string]any{"title": "a", "site": map[string]any{"name": strings.Repeat("n", 5000)}}), "site"},
		{"a number for a title", message(map[string]any{"title": 1, "site": byID}), "message"},
		{"no JSON", "hello", "message"},
		{"no UTF-8", "{\"type\":\"order.created\",\"data\":{\"title\":\"\xff\",\"site\":{\"id\":\"S-1\"}}}", "message"},
		{"null characters", message(map[string]any{"id": "\x00", "title": "a\x00", "description": "\x00", "site": byID}), "description id title"},
	}
	for _, c := range cases {
		body, ok := c.body.(string)
		if !ok {
			encoded, err := json.Marshal(c.body)
			w.must(err)
			body = string(encoded)
		}
		before := w.countOrders()
		for range 3 {
			err := w.RunInTransaction(func(tx core.App) error {
				return hooks.TakeERPMessage(t.Context(), tx, w.organization.Id, "msg "+c.name, []byte(body))
			})
			var fields validation.Errors
			if err != nil && !errors.As(err, &fields) {
				t.Errorf("%s: got %v", c.name, err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("%s: got an error of %d bytes", c.name, len(err.Error()))
			}
			if got := strings.Join(sortedNames(fields), " "); got != c.want {
				t.Errorf("%s: got problems with %q, want %q: %v", c.name, got, c.want, err)
			}
		}
		want := 0
		if c.want == "" {
			want = 1
		}
		if got := w.countOrders() - before; got != want {
			t.Errorf("%s: made %d orders, want %d", c.name, got, want)
		}
	}
	record, err := w.FindFirstRecordByData(collections.WorkOrders, collections.WorkOrderFieldExternalID, "PO-2")
	w.must(err)
	order := collections.WorkOrderOf(record)
	got := []any{order.Organization(), order.Site(), order.Title(), order.Status(), order.Priority(), order.Assignee(), order.Number()}
	want := []any{w.organization.Id, w.site.Id, "Oil the doors", "draft", "high", "", 2} // no number got lost
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// the same message id of another organization is another message
	err = hooks.TakeERPMessage(t.Context(), w, w.otherOrganization.Id, "msg a site by the ERP's id",
		[]byte(`{"type":"order.created","data":{"id":"PO-2","title":"b","site":{"id":"S-2"}}}`))
	if err != nil {
		t.Errorf("another organization: %v", err)
	}
}

// TestERPOrderIDTakenByOthers has another organization make an order with the id
// that the order of a message would get.
func TestERPOrderIDTakenByOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	take := func() {
		t.Helper()
		w.must(hooks.TakeERPMessage(t.Context(), w, w.organization.Id, "msg_1",
			[]byte(`{"type":"order.created","data":{"title":"Oil the doors","site":{"name":"Harbour Tower"}}}`)))
	}
	made := func() []*core.Record {
		t.Helper()
		records, err := w.FindAllRecords(collections.WorkOrders, dbx.HashExp{collections.WorkOrderFieldOrganization: w.organization.Id})
		w.must(err)
		return records
	}
	take()
	first := made()[0]
	w.must(w.Delete(first))
	foreign, err := collections.NewWorkOrder(w)
	w.must(err)
	foreign.Id = first.Id
	foreign.SetOrganization(w.otherOrganization.Id)
	foreign.SetSite(w.otherSite.Id)
	foreign.SetTitle("In the way")
	w.must(w.Save(foreign))
	for range 3 {
		take()
	}
	if got := len(made()); got != 1 {
		t.Errorf("got %d orders, want 1", got)
	}
}

func (w *world) countOrders() (n int) {
	w.tb.Helper()
	w.must(w.DB().Select("COUNT(*)").From(collections.WorkOrders).Row(&n))
	return n
}

func sortedNames(fields validation.Errors) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestERPRoutesNeedAReceiver has a program that receives no webhooks.
func TestERPRoutesNeedAReceiver(t *testing.T) {
	t.Parallel()
	app := template.New(t, func(app core.App) error { return hooks.Register(app, hooks.Config{}) })
	answer := pbtest.Do(t, pbtest.Handler(t, app), pbtest.Request{
		Method: http.MethodPost, Path: erpRoutes + "any/erp-secret", Token: pbtest.Superuser(t, app),
	})
	if answer.Status != http.StatusNotFound {
		t.Errorf("got %d %s", answer.Status, answer.Body)
	}
}
