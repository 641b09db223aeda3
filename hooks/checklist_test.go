package hooks_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/collections"
)

func TestChecklistIsChecked(t *testing.T) {
	t.Parallel()
	items := func(n int) string {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`{"id":"i%d","label":"Step"}`, i)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	cases := []struct {
		name, given string
		want        string // as stored, "" for refused
	}{
		{"none", ``, `[]`},
		{"null", `null`, `[]`},
		{"an empty object", `{}`, `[]`},
		{"all keys", `[{"id":"a1","label":"Brakes","done":true,"required":true}]`, `[{"id":"a1","label":"Brakes","done":true,"required":true}]`},
		{"keys left out, spaces around the label", `[ {"label":"  Brakes ","id":"a1"} ]`, `[{"id":"a1","label":"Brakes","done":false,"required":false}]`},
		{"markup in a label, as text", `[{"id":"a","label":"<b>1' OR 1=1</b>"}]`, `[{"id":"a","label":"\u003cb\u003e1' OR 1=1\u003c/b\u003e","done":false,"required":false}]`},
		{"50 items", items(50), "50 items"},
		{"51 items", items(51), ""},
		{"a label of 200 characters", `[{"id":"a","label":"` + strings.Repeat("ä", 200) + `"}]`, "200 characters"},
		{"a label of 201 characters", `[{"id":"a","label":"` + strings.Repeat("ä", 201) + `"}]`, ""},
		{"a label of spaces", `[{"id":"a","label":"  "}]`, ""},
		{"no label", `[{"id":"a"}]`, ""},
		{"no id", `[{"label":"Brakes"}]`, ""},
		{"an id of 41 characters", `[{"id":"` + strings.Repeat("a", 41) + `","label":"Brakes"}]`, ""},
		{"an id with a space", `[{"id":"a b","label":"Brakes"}]`, ""},
		{"the same id twice", `[{"id":"a","label":"Brakes"},{"id":"a","label":"Doors"}]`, ""},
		{"an unknown key", `[{"id":"a","label":"Brakes","colour":"red"}]`, ""},
		{"done as text", `[{"id":"a","label":"Brakes","done":"yes"}]`, ""},
		{"an object", `{"id":"a","label":"Brakes"}`, ""},
		{"a list of texts", `["Brakes"]`, ""},
		{"a number", `1`, ""},
		{"a nested list", strings.Repeat("[", 2000) + strings.Repeat("]", 2000), ""},
	}
	w := newWorld(t)
	for _, c := range cases {
		order := w.unsavedOrder(func(o *collections.WorkOrder) { o.SetChecklist(c.given) })
		err := w.Save(order)
		if c.want == "" {
			if got := fieldCode(err, "checklist"); got != "validation_invalid_checklist" {
				t.Errorf("%s: got %v, want it refused", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := w.reload(order).Checklist().String(); strings.HasPrefix(c.want, "[") && got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestChecklistErrorsNameTheItem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order()
	got := w.ask("dispatcher", "PATCH", "/api/collections/work_orders/records/"+order.Id,
		map[string]any{"checklist": []any{map[string]any{"id": "a", "label": "Brakes"}, map[string]any{"id": "b", "label": ""}}})
	if got.status != 400 || !strings.Contains(got.body, "Item 2: the label must have 1 to 200 characters.") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestChecklistInTheHandsOf(t *testing.T) {
	t.Parallel()
	item := func(id, label string, done, required bool) map[string]any {
		return map[string]any{"id": id, "label": label, "done": done, "required": required}
	}
	brakes, doors := item("a", "Brakes", false, true), item("b", "Doors", false, false)
	lists := map[string][]any{
		"marked":     {item("a", "Brakes", true, true), doors},
		"added to":   {brakes, doors, item("c", "Lights", false, false)},
		"cut":        {brakes},
		"emptied":    {},
		"relabelled": {item("a", "Doors", false, true), doors},
		"relaxed":    {item("a", "Brakes", false, false), doors},
		"reordered":  {doors, brakes},
	}
	for name, list := range lists {
		for _, caller := range []string{"technician", "dispatcher", "owner", "superuser"} {
			t.Run(caller+", "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				order := w.order(w.planned, func(o *collections.WorkOrder) { o.SetChecklist([]any{brakes, doors}) })
				before := order.Checklist().String()
				got := w.ask(caller, "PATCH", "/api/collections/work_orders/records/"+order.Id, map[string]any{"checklist": list})

				if caller == "technician" && name != "marked" {
					if got.status != 400 || got.code(t, "checklist") != "validation_checklist_locked" {
						t.Errorf("got %d %s, want it refused", got.status, got.body)
					}
					if now := w.reload(order).Checklist().String(); now != before {
						t.Errorf("the list changed to %s", now)
					}
					return
				}
				if got.status != 200 {
					t.Errorf("got %d %s", got.status, got.body)
				}
			})
		}
	}
}

// What a technician attests on site stands once the order is over.
func TestFinishedOrdersInTheHandsOf(t *testing.T) {
	t.Parallel()
	const done, open = `[{"id":"a","label":"Brakes","done":true}]`, `[{"id":"a","label":"Brakes","done":false}]`
	list := func(done bool) map[string]any {
		return map[string]any{"checklist": []any{map[string]any{"id": "a", "label": "Brakes", "done": done}}}
	}
	cases := []struct {
		name, caller, status, signature string
		send                            map[string]any // nil for a new signature
		field                           string         // refused, "" for allowed
	}{
		{"a retried tick", "technician", "completed", "", list(true), ""},
		{"an undone tick", "technician", "completed", "", list(false), "checklist"},
		{"an undone tick of a cancelled order", "technician", "cancelled", "", list(false), "checklist"},
		{"a tick taken back by the office", "dispatcher", "completed", "", list(false), ""},
		{"a tick of an open order", "technician", "onSite", "", list(false), ""},
		{"a late signature", "technician", "completed", "", nil, ""},
		{"another signature", "technician", "completed", "old.png", nil, "signature"},
		{"no signature any more", "technician", "completed", "old.png", map[string]any{"signature": ""}, "signature"},
		{"a signature of a cancelled order", "technician", "cancelled", "", nil, "signature"},
		{"another signature of an open order", "technician", "onSite", "old.png", nil, ""},
		{"another signature by the office", "owner", "completed", "old.png", nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			order := w.order(w.planned, in(c.status), func(o *collections.WorkOrder) { o.SetChecklist(done) })
			_, err := w.DB().NewQuery("UPDATE work_orders SET signature = {:s}").Bind(dbx.Params{"s": c.signature}).Execute()
			w.must(err)
			request := w.request(c.caller, "PATCH", ordersPath+"/"+order.Id, c.send)
			if c.send == nil {
				request = w.signing(c.caller, order, nil)
			}
			got := w.send(request)
			if c.field == "" {
				if got.status != 200 {
					t.Errorf("got %d %s", got.status, got.body)
				}
				return
			}
			if got.status != 400 || got.code(t, c.field) != "validation_order_is_over" {
				t.Errorf("got %d %s, want it refused", got.status, got.body)
			}
			now := w.reload(order)
			if now.Checklist().String() == open || now.Signature() != c.signature {
				t.Errorf("it changed to %s, %q", now.Checklist(), now.Signature())
			}
		})
	}
}

// signing is a form with a signature and the other fields.
func (w *world) signing(caller string, order *collections.WorkOrder, fields map[string]string) *http.Request {
	w.tb.Helper()
	var signature, body bytes.Buffer
	w.must(png.Encode(&signature, image.NewGray(image.Rect(0, 0, 8, 8))))
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("signature", "signature.png")
	w.must(err)
	_, err = file.Write(signature.Bytes())
	w.must(err)
	for name, value := range fields {
		w.must(form.WriteField(name, value))
	}
	w.must(form.Close())
	request := w.request(caller, "PATCH", ordersPath+"/"+order.Id, body.Bytes())
	request.Header.Set("Content-Type", form.FormDataContentType())
	return request
}

// A technician who has an older list open must not undo what the office added.
func TestChecklistOfATechnicianIsComparedWithTheListAsItIsNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, func(o *collections.WorkOrder) { o.SetChecklist(`[{"id":"a","label":"Brakes"}]`) })
	w.beforeUpdate(func() {
		office := w.reload(order)
		office.SetChecklist(`[{"id":"a","label":"Brakes"},{"id":"b","label":"Doors"}]`)
		w.must(w.Save(office))
	})
	got := w.ask("technician", "PATCH", "/api/collections/work_orders/records/"+order.Id,
		map[string]any{"checklist": []any{map[string]any{"id": "a", "label": "Brakes", "done": true}}})
	if got.status != 400 || got.code(t, "checklist") != "validation_checklist_locked" {
		t.Errorf("got %d %s, want it refused", got.status, got.body)
	}
	if now := w.reload(order).Checklist().String(); !strings.Contains(now, "Doors") {
		t.Errorf("the item of the office is gone: %s", now)
	}
}

// The technician's signature comes as a file, with the list in the same form.
func TestChecklistAndSignatureInOneForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	order := w.order(w.planned, func(o *collections.WorkOrder) { o.SetChecklist(`[{"id":"a","label":"Brakes"}]`) })
	request := w.signing("technician", order, map[string]string{"checklist": `[{"id":"a","label":"Brakes","done":true}]`})
	if got := w.send(request); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	now := w.reload(order)
	if !strings.Contains(now.Checklist().String(), `"done":true`) {
		t.Errorf("got the list %s", now.Checklist())
	}
	files, err := w.NewFilesystem()
	w.must(err)
	defer files.Close()
	if there, err := files.Exists(now.BaseFilesPath() + "/" + now.Signature()); err != nil || !there || now.Signature() == "" {
		t.Errorf("the file %q is stored: %v (%v)", now.Signature(), there, err)
	}
}
