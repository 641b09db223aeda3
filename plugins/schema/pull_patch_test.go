package schema_test

import (
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
)

// TestOverwriteChangesOnlyWhatDiffers starts from a definition of the fields a,
// b and c that only who is signed in lists and views, written down in some way.
func TestOverwriteChangesOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	const rule = `@request.auth.id != ""`
	add := func(name string) func(c *core.Collection) {
		return func(c *core.Collection) { c.Fields.Add(&core.TextField{Name: name}) }
	}
	remove := func(names ...string) func(c *core.Collection) {
		return func(c *core.Collection) {
			for _, name := range names {
				c.Fields.RemoveByName(name)
			}
		}
	}

	for name, test := range map[string]struct {
		before string
		change func(c *core.Collection)
		after  string // the body of the function, before and after
	}{
		"nothing differs": {
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{text(`a`), &core.TextField{Name: `b`}}}",
			nil,
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{text(`a`), &core.TextField{Name: `b`}}}",
		},
		"the last fields of one line go": {
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{&core.TextField{Name: `a`}, &core.TextField{Name: `b`}, &core.TextField{Name: `c`}}}",
			remove("b", "c"),
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{&core.TextField{Name: `a`}}}",
		},
		"the first fields of one line go": {
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{&core.TextField{Name: `a`}, &core.TextField{Name: `b`}, &core.TextField{Name: `c`}}}",
			remove("a", "b"),
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{&core.TextField{Name: `c`}}}",
		},
		"a field is added to one line": {
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{&core.TextField{Name: `a`}, &core.TextField{Name: `b`}, &core.TextField{Name: `c`}}}",
			add("d"),
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: []core.Field{&core.TextField{Name: `a`}, &core.TextField{Name: `b`}, &core.TextField{Name: `c`}, &core.TextField{Name: \"d\"}}}",
		},
		"fields on shared lines": {
			"return schema.Collection{\n\tName: `t`, Rules: rules(),\n\tFields: []core.Field{\n\t\t&core.TextField{Name: `a`}, &core.TextField{Name: `b`}, // two\n\t\t&core.TextField{Name: `c`}, // one\n\t},\n}",
			remove("b"),
			"return schema.Collection{\n\tName: `t`, Rules: rules(),\n\tFields: []core.Field{\n\t\t&core.TextField{Name: `a`}, // two\n\t\t&core.TextField{Name: `c`}, // one\n\t},\n}",
		},
		"a field in front": {
			"return schema.Collection{\n\tName: `t`, Rules: rules(),\n\tFields: []core.Field{\n\t\t// first\n\t\t&core.TextField{Name: `a`},\n\t\t&core.TextField{Name: `b`},\n\t\t&core.TextField{Name: `c`},\n\t},\n}",
			func(c *core.Collection) { c.Fields.AddAt(1, &core.BoolField{Name: "z"}) },
			"return schema.Collection{\n\tName: `t`, Rules: rules(),\n\tFields: []core.Field{\n\t\t&core.BoolField{Name: \"z\"},\n\t\t// first\n\t\t&core.TextField{Name: `a`},\n\t\t&core.TextField{Name: `b`},\n\t\t&core.TextField{Name: `c`},\n\t},\n}",
		},
		"fields that are not written down one by one": {
			"return schema.Collection{\n\tName:   `t`,\n\tRules:  rules(), // kept\n\tFields: abc(),\n}",
			remove("b", "c"),
			"return schema.Collection{\n\tName:  `t`,\n\tRules: rules(), // kept\n\tFields: []core.Field{\n\t\t&core.TextField{Name: \"a\"},\n\t},\n}",
		},
		"rules in one line": {
			"own := schema.Rule(`@request.auth.id != \"\"`)\nreturn schema.Collection{Name: `t`, Rules: schema.Rules{List: own, View: own}, Fields: abc()}",
			func(c *core.Collection) { c.ListRule, c.DeleteRule = nil, types.Pointer("") },
			"own := schema.Rule(`@request.auth.id != \"\"`)\nreturn schema.Collection{Name: `t`, Rules: schema.Rules{View: own, Delete: schema.Public}, Fields: abc()}",
		},
		"a rule of a function": {
			"return schema.Collection{Name: `t`, Rules: rules(), Fields: abc()}",
			func(c *core.Collection) { c.ViewRule = nil },
			"return schema.Collection{Name: `t`, Rules: schema.Rules{\n\tList: `@request.auth.id != \"\"`,\n}, Fields: abc()}",
		},
		"a rule that was locked in words": {
			"return schema.Collection{\n\tName: `t`,\n\tRules: schema.Rules{\n\t\tList: rules().List,\n\t\tView: rules().View,\n\t\t// nobody\n\t\tCreate: schema.Locked,\n\t},\n\tFields: abc(),\n}",
			func(c *core.Collection) { c.CreateRule = types.Pointer("") },
			"return schema.Collection{\n\tName: `t`,\n\tRules: schema.Rules{\n\t\tList: rules().List,\n\t\tView: rules().View,\n\t\t// nobody\n\t\tCreate: schema.Public,\n\t},\n\tFields: abc(),\n}",
		},
		"variables that go": {
			"var (\n\tone = `@request.auth.id`\n\ttwo = one + ` != \"\"`\n\tkept = `t`\n)\nreturn schema.Collection{Name: `t`, Was: kept, Rules: schema.Rules{List: schema.Rule(two), View: schema.Rule(two)}, Fields: abc()}",
			func(c *core.Collection) { c.ListRule, c.ViewRule = types.Pointer(""), types.Pointer("") },
			"var (\n\tkept = `t`\n)\nreturn schema.Collection{Name: `t`, Was: kept, Rules: schema.Rules{List: schema.Public, View: schema.Public}, Fields: abc()}",
		},
		"an index more": {
			"return schema.Collection{\n\tName:   `t`,\n\tRules:  rules(),\n\tFields: abc(),\n}",
			func(c *core.Collection) { c.AddIndex("idx_t_a", false, "a", "") },
			"return schema.Collection{\n\tName:   `t`,\n\tRules:  rules(),\n\tFields: abc(),\n\tIndexes: []string{\n\t\t\"CREATE INDEX `idx_t_a` ON `t` (a)\",\n\t},\n}",
		},
		"variables of one declaration": { // which is too much, so all of it is written anew
			"list, view := rules().List, rules().View\nreturn schema.Collection{Name: `t`, Rules: schema.Rules{List: list, View: view}, Fields: abc()}",
			func(c *core.Collection) { c.ListRule, c.ViewRule = nil, nil },
			"return schema.Collection{\n\tName: \"t\",\n\tFields: []core.Field{\n\t\t&core.TextField{Name: \"a\"},\n\t\t&core.TextField{Name: \"b\"},\n\t\t&core.TextField{Name: \"c\"},\n\t},\n}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, err := tests.NewTestApp(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(app.Cleanup)
			definitions := []schema.Collection{{Name: "t", Rules: schema.Rules{List: rule, View: rule}, Fields: []core.Field{
				&core.TextField{Name: "a"}, &core.TextField{Name: "b"}, &core.TextField{Name: "c"},
			}}}
			if err := schema.Apply(app, definitions); err != nil {
				t.Fatal(err)
			}
			if test.change != nil {
				c := mustCollection(t, app, "t")
				test.change(c)
				if err := app.Save(c); err != nil {
					t.Fatal(err)
				}
			}

			b := blog{app, t.TempDir()}
			writeFile(t, b.path("t.go"), tFile(test.before))
			got := b.pull(t, schema.PullOptions{Definitions: definitions, Names: []string{"t"}, Overwrite: true})["t"]
			if got.Written != (test.change != nil) {
				t.Errorf("got %+v, want written %t", got, test.change != nil)
			}
			if got, want := b.read(t, "t.go"), tFile(test.after); got != want {
				t.Errorf("got another file than wanted:\n%s", schema.DiffLines(want, got))
			}
		})
	}
}

// tFile is a file with the body of a function that defines the collection t.
func tFile(body string) string {
	return `package blog

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// t is a test.
func t() schema.Collection {
	` + strings.ReplaceAll(body, "\n", "\n\t") + `
}

// text is a field.
func text(name string) core.Field { return &core.TextField{Name: name} }
`
}
