package schema_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/plugins/schema"
)

// An auth collection that a client created has the system fields behind its own.
func TestOrderOfSystemFieldsDoesNotMatter(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	var clients core.Collection
	if err := json.Unmarshal([]byte(`{"type": "auth", "name": "clients", "fields": [
		{"type": "text", "name": "one"}, {"type": "text", "name": "two"}]}`), &clients); err != nil {
		t.Fatal(err)
	}
	if err := app.Save(&clients); err != nil {
		t.Fatal(err)
	}
	names := func() []string { return mustCollection(t, app, "clients").Fields.FieldNames() }
	if got := names(); slices.Index(got, "password") < slices.Index(got, "two") {
		t.Fatalf("got the fields %v, want the system's behind the own", got)
	}
	define := func(fields ...string) []schema.Collection {
		d := schema.Collection{Name: "clients", Type: core.CollectionTypeAuth, Rules: schema.Rules{Auth: schema.Public}}
		for _, name := range fields {
			d.Fields = append(d.Fields, &core.TextField{Name: name})
		}
		return []schema.Collection{d}
	}

	plan, err := schema.Diff(app, define("one", "two"))
	if err != nil || !plan.Empty() {
		t.Errorf("got the plan %v and error %v, want none", plan, err)
	}

	for _, test := range []struct{ defined, want []string }{
		{[]string{"one", "new", "two"}, []string{"one", "new", "two", "password"}},
		{[]string{"first", "one", "new", "two"}, []string{"first", "one", "new", "two", "password"}},
		{[]string{"first", "new", "two", "last"}, []string{"first", "new", "two", "last", "password"}},
		{[]string{"two", "new"}, []string{"password", "two", "new"}}, // another order puts all in order
	} {
		if err := schema.Apply(app, define(test.defined...)); err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(names(), func(name string) bool { return !slices.Contains(test.want, name) })
		if !slices.Equal(got, test.want) {
			t.Errorf("got the fields %v for %v, want %v", got, test.defined, test.want)
		}
	}
}
