package fields_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/fields"
)

// Every type of field that PocketBase has with a help text is known: a new one of
// an upgrade is noticed here.
func TestHelpOfEveryType(t *testing.T) {
	t.Parallel()
	for name, factory := range core.Fields {
		field := factory()
		help := reflect.ValueOf(field).Elem().FieldByName("Help")
		want := ""
		if help.IsValid() && name != core.FieldTypeAutodate {
			want = "what it is"
			help.SetString(want)
		}
		if got := fields.Help(field); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Each type that can be required is known, as above.
func TestRequiredOfEveryType(t *testing.T) {
	t.Parallel()
	for name, factory := range core.Fields {
		field := factory()
		required := reflect.ValueOf(field).Elem().FieldByName("Required")
		if got := fields.Required(field); got {
			t.Errorf("%s: got required, want not", name)
		}
		if required.IsValid() {
			required.SetBool(true)
		}
		if got := fields.Required(field); got != required.IsValid() {
			t.Errorf("%s: got required %t, want %t", name, got, required.IsValid())
		}
	}
}

func TestMustSend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		field core.Field
		want  bool
	}{
		{"required", &core.TextField{Required: true}, true},
		{"not required", &core.TextField{}, false},
		{"generated", &core.TextField{Required: true, AutogeneratePattern: "[a-z]{8}"}, false},
		{"id", &core.TextField{PrimaryKey: true}, true},
		{"generated id", &core.TextField{PrimaryKey: true, AutogeneratePattern: "[a-z]{15}"}, false},
		{"another type", &core.NumberField{Required: true}, true},
		{"autodate", &core.AutodateField{OnCreate: true}, false},
	} {
		if got := fields.MustSend(c.field); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

func TestBarred(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule           string
		create, update string
	}{
		{"", "", ""},
		{`@request.body.a:isset = false`, "a", "a"},
		{`@request.body.a:changed = false`, "", "a"},
		{`@request.auth.id != "" && @request.body.a:isset = false && (@request.body.b:isset = false && c = 1)`, "a b", "a b"},
		{`@request.body.a:isset = false || @request.auth.id != ""`, "", ""},
		{`(@request.body.a:isset = false || b = 1) && @request.body.c:isset = false`, "c", "c"},
		{`@request.body.a:isset = true`, "", ""},
		{`@request.body.a:isset != false`, "", ""},
		{`@request.body.a:isset = "false"`, "", ""},
		{`@request.body.a = false`, "", ""},
		{`this does not parse @request.body.a:isset`, "", ""},
	} {
		for _, change := range []bool{false, true} {
			want := c.create
			if change {
				want = c.update
			}
			got := strings.Join(slices.Sorted(maps.Keys(fields.Barred(&c.rule, change))), " ")
			if got != want {
				t.Errorf("%s, change %t: got %q, want %q", c.rule, change, got, want)
			}
		}
	}
	if got := fields.Barred(nil, true); len(got) != 0 {
		t.Errorf("no rule: got %v", got)
	}
}
