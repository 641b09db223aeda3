package versions_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ganigeorgiev/fexpr"

	"github.com/holdall-go/holdall/plugins/versions"
)

func transformer(tb testing.TB, w *world, date string) *versions.Transformer {
	tb.Helper()
	t, err := w.plugin.For(date)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	old := transformer(t, w, first)
	for before, want := range map[string]string{
		`title = 'title'`:                                       `subject = 'title'`,
		`title="it's \"title\"" // title`:                       `subject="it's \"title\"" // title`,
		"title = 'a' // title = 'b'\n && title != 'c'":          "subject = 'a' // title = 'b'\n && subject != 'c'",
		`(title ~ "(" && ((title?=')') || effort>-1.5))`:        `(subject ~ "(" && ((subject?=')') || effort>-1.5))`,
		`title:lower = "x" && title:length > 2`:                 `subject:lower = "x" && subject:length > 2`,
		`assignee.login = 'a'`:                                  `technician.handle = 'a'`,
		`assignee.orders_via_assignee.title ?~ 'a'`:             `technician.orders_via_technician.subject ?~ 'a'`,
		`notes_via_order.order.title = title`:                   `notes_via_order.order.subject = subject`,
		`data.title = 1 && data.assignee.login = 2`:             `data.title = 1 && data.assignee.login = 2`,
		`@collection.orders.title = 'x'`:                        `@collection.orders.subject = 'x'`,
		`@collection.orders:other.title:lower = 'x'`:            `@collection.orders:other.subject:lower = 'x'`,
		`@now > created && true = title`:                        `@now > created && true = subject`,
		`strftime('%Y', title, created) = "2026"`:               `strftime('%Y', subject, created) = "2026"`,
		`geoDistance(title , 1,/* */title,"title") < 2`:         `geoDistance(title , 1,/* */title,"title") < 2`, // no comment of PocketBase's
		`assignee.name = "Ada Byron"`:                           `(technician.given = "Ada" && technician.family = "Byron")`,
		`effort > 1 && assignee.name  /*`:                       `effort > 1 && assignee.name  /*`,
		"(assignee.name // who\n ~ 'x')":                        `((technician.given ~ 'x' || technician.family ~ 'x'))`,
		`assignee.name ~ title`:                                 `(technician.given ~ subject || technician.family ~ subject)`,
		`title`:                                                 `title`,
		`title =`:                                               `title =`,
		`title = 'a`:                                            `title = 'a`,
		`title = 'a' &`:                                         `title = 'a' &`,
		``:                                                      ``,
		"title = 'a\x00'":                                       "title = 'a\x00'",
		"title = '\xff'":                                        "title = '\xff'",
		`title = 'a' && ` + strings.Repeat("(", 4000) + `title`: `title = 'a' && ` + strings.Repeat("(", 4000) + `title`,
		`titles = 'a' && mytitle = 'b' && title2 = title`:       `titles = 'a' && mytitle = 'b' && title2 = subject`,
		`subject = 'as it is now'`:                              `subject = 'as it is now'`,
		`TITLE = 'a'`:                                           `TITLE = 'a'`,
	} {
		got, err := old.Filter("orders", before)
		if err != nil || got != want {
			t.Errorf("%.80q: got %.80q, %v, want %.80q", before, got, err, want)
		}
	}
	if got, err := transformer(t, w, second).Filter("orders", "caption = title"); err != nil || got != "subject = title" {
		t.Errorf("in between: got %q, %v", got, err)
	}
}

func TestOtherParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	old := transformer(t, w, first)
	for _, c := range []struct {
		name string
		of   func(string, string) (string, error)
		from string
		want string
	}{
		{"sort", old.Sort, "-title, +created,@random,assignee.name", "-subject, +created,@random,technician.family,technician.given"},
		{"sort", old.Sort, " -effort , created", " -effort , created"},
		{"sort", old.Sort, "-assignee.name", "-technician.family,-technician.given"},
		{"expand", old.Expand, "assignee, notes_via_order.order.assignee", "technician,notes_via_order.order.technician"},
		{"expand", old.Expand, "notes_via_order , nothing", "notes_via_order , nothing"},
		{"expand", old.Expand, "mark,assignee", "technician"},
		{"fields", old.Fields, "*,expand.assignee.name:excerpt", "*,expand.assignee.name:excerpt"},
		{"fields", old.Fields, "title:excerpt(10,true),id", "subject:excerpt(10,true),id"},
		{"fields", old.Fields, "expand.assignee.name,expand.assignee.*", "expand.technician.given,expand.technician.family,expand.technician.*"},
		{"fields", old.Fields, "data.title,expand", "data.title,expand"},
		{"fields", old.Fields, "mark", "id"},
	} {
		got, err := c.of("orders", c.from)
		if c.from == "*,expand.assignee.name:excerpt" {
			if err == nil {
				t.Errorf("%s %q: got %q, want a refusal", c.name, c.from, got)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s %q: got %q, %v, want %q", c.name, c.from, got, err, c.want)
		}
	}
	if got := old.FieldBefore("crew", "family"); got != "name" {
		t.Errorf("got %q", got)
	}
	var nobody *versions.Transformer
	if got, err := nobody.Filter("orders", "title = 1"); err != nil || got != "title = 1" || nobody.Version() != "" {
		t.Errorf("no version: got %q, %v", got, err)
	}
}

// FuzzFilter rewrites filters. One that names nothing which has changed stays byte
// for byte, and one that PocketBase can read has the same form as before.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`title = 'a' && (effort > 1 || assignee.login ?!~ "b")`, `strftime('%Y', title) = "1" // x`, "a=1//)\n||title=2", `(((title=1)))`,
		`title='\'' && "\\"=title`, `@request.auth.name = title:lower`, `geoDistance(a.lon,b , -1, 2.5)<1`, "title\n=\t'x'", `title=-`, "((a=1//(\n))", "f(//x\n)=1", "f(g(title),'a')=title", `( title="(" )`, `0(//00)00`,
	} {
		f.Add(seed)
	}
	w := newWorld(f, versions.Config{})
	same, old := transformer(f, w, newest), transformer(f, w, first)
	f.Fuzz(func(t *testing.T, filter string) {
		if got, err := same.Filter("orders", filter); err != nil || got != filter {
			t.Errorf("identity: got %q, %v", got, err)
		}
		plain := strings.NewReplacer("title", "effort", "assignee", "created", "mark", "tags", "photo", "id", "source", "id").Replace(filter)
		if got, err := old.Filter("orders", plain); err != nil || got != plain && !strings.Contains(plain, "_via_") && !strings.Contains(plain, "@collection") {
			t.Errorf("nothing that has changed: got %q, %v, want %q", got, err, plain)
		}
		got, err := old.Filter("orders", filter)
		if err != nil {
			return
		}
		before, errBefore := fexpr.Parse(filter)
		after, errAfter := fexpr.Parse(got)
		if (errBefore == nil) != (errAfter == nil) || errBefore == nil && !strings.Contains(filter, "name") && shapeOf(before) != shapeOf(after) {
			t.Errorf("%q became %q: %v, %v", filter, got, errBefore, errAfter)
		}
	})
}

// shapeOf is a parsed filter without its names.
func shapeOf(groups []fexpr.ExprGroup) string {
	var out strings.Builder
	for _, g := range groups {
		switch item := g.Item.(type) {
		case fexpr.Expr:
			fmt.Fprint(&out, g.Join, operand(item.Left), item.Op, operand(item.Right))
		case []fexpr.ExprGroup:
			fmt.Fprint(&out, g.Join, "(", shapeOf(item), ")")
		}
	}
	return out.String()
}

func operand(t fexpr.Token) string {
	if t.Type == fexpr.TokenIdentifier {
		return "name"
	}
	args, _ := t.Meta.([]fexpr.Token)
	var out strings.Builder
	fmt.Fprint(&out, t.Type, t.Literal)
	for _, a := range args {
		out.WriteString("," + operand(a))
	}
	return out.String()
}

// A filter in old names selects what it did.
func TestFiltersSelectTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	ada, _ := w.person(t, "Ada", "Byron")
	for i := range 12 {
		fields := map[string]any{"subject": fmt.Sprintf("order %d", i), "effort": i % 4}
		if i%3 == 0 {
			fields["technician"] = ada.Id
		}
		w.order(t, fields)
	}
	ids := func(version, filter, sort string) string {
		a := w.send(t, version, http.MethodGet, orders+"?fields=id&perPage=100&sort="+url.QueryEscape(sort)+"&filter="+url.QueryEscape(filter), nil)
		items, _ := a.get("items").([]any)
		if a.status != 200 || len(items) == 0 {
			t.Fatalf("%s %q: got %d: %s", version, filter, a.status, a.raw)
		}
		return encode(items)
	}
	for _, filter := range []string{
		"subject ~ '1' && effort > 0", "subject != 'order 3' || technician.handle = 'ada'", "(technician = '' && subject:lower ~ 'order')",
		"technician.orders_via_technician.subject ?= 'order 3'", `subject = "order 5" || "order 6" = subject`,
	} {
		old := strings.NewReplacer("subject", "title", "technician", "assignee", "handle", "login").Replace(filter)
		if got, want := ids(first, old, "-assignee.login,title"), ids(none, filter, "-technician.handle,subject"); got != want {
			t.Errorf("%q: got %s, want %s", old, got, want)
		}
	}
}
