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
