package clienttypes_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/clienttypes"
)

// awkward are names that mean something in a language, in a file or beside each
// other.
var (
	awkwardCollections = []string{
		"files", "records", "record", "Record", "filter", "filters", "api", "apis", "dates", "maps", "class", "strings", "objects",
		"promises", "paths", "x", "X1", "work_orders", "work_order", "WorkOrder", "work_order_creates", "changes", "upload", "relations",
		"constructor", "__proto__x", "_9", "9lives", "a__b", "geo_points", "terms", "services", "fields", "collections",
	}
	awkwardFields = []string{
		"class", "new", "default", "1st", "9", "__proto__", "constructor", "toString", "hash_code", "hashCode", "a_b", "aB", "ab", "AB",
		"any", "all", "to", "eq", "length", "record", "value", "values", "clear", "get", "fromRecord", "name", "index", "of", "_x", "x_",
		"runtimeType", "toBody", "in", "await", "x",
	}
	awkwardTexts = []string{
		"a", "A", "", "*/", "//", "`${x}`", "$x", "'", `"`, `\`, "line\nbreak", "日本", "\u2028", "class", "1", "-", "values", "%s", "/**", "'''",
	}
)

// random makes a schema from a seed.
func random(seed uint64) func(core.App) error {
	return func(app core.App) error {
		r := rand.New(rand.NewPCG(seed, 0)) // the same each time
		var made []*core.Collection
		for _, i := range r.Perm(len(awkwardCollections))[:12] {
			c := core.NewBaseCollection(awkwardCollections[i])
			if r.IntN(4) == 0 {
				c = core.NewAuthCollection(awkwardCollections[i])
			}
			for _, j := range r.Perm(len(awkwardFields))[:r.IntN(12)] {
				target := "_pb_users_auth_"
				if len(made) > 0 {
					target = made[r.IntN(len(made))].Id
				}
				if c.Fields.GetByName(awkwardFields[j]) == nil {
					c.Fields.Add(randomField(r, awkwardFields[j], target))
				}
			}
			if err := app.Save(c); err != nil {
				if strings.Contains(err.Error(), "name") { // PocketBase takes some for the same, or for its own
					continue
				}
				return fmt.Errorf("save %s: %w", c.Name, err)
			}
			made = append(made, c)
		}
		return nil
	}
}

func randomField(r *rand.Rand, name, target string) core.Field {
	text := func() string { return awkwardTexts[r.IntN(len(awkwardTexts))] }
	switch r.IntN(8) {
	case 0:
		return &core.NumberField{Name: name, OnlyInt: r.IntN(2) == 0, Help: text()}
	case 1:
		values := []string{"one"}
		for _, i := range r.Perm(len(awkwardTexts))[:6] {
			if strings.TrimSpace(awkwardTexts[i]) != "" {
				values = append(values, awkwardTexts[i])
			}
		}
		return &core.SelectField{Name: name, Values: values, MaxSelect: 1 + r.IntN(2), Help: text()}
	case 2:
		return &core.RelationField{Name: name, CollectionId: target, MaxSelect: 1 + r.IntN(2), Help: text()}
	case 3:
		return &core.FileField{Name: name, MaxSelect: 1 + r.IntN(2), Required: r.IntN(2) == 0, Help: text()}
	case 4:
		return &core.JSONField{Name: name, Help: text()}
	case 5:
		return &core.DateField{Name: name, Help: text()}
	case 6:
		return &core.GeoPointField{Name: name, Help: text()}
	default:
		return &core.TextField{Name: name, Help: text()}
	}
}

// TestAnySchema tries names and texts that could break a file. What compilers say
// of such files is tested in e2e.
func TestAnySchema(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			app := pbtest.New(t, random(seed))
			p, err := clienttypes.Register(app, clienttypes.Config{})
			if err != nil {
				t.Fatal(err)
			}
			for _, language := range []clienttypes.Language{clienttypes.TypeScript, clienttypes.Dart} {
				var first, second strings.Builder
				if err := p.Write(&first, app, language, clienttypes.Options{}); err != nil {
					t.Fatal(err)
				}
				if err := p.Write(&second, app, language, clienttypes.Options{}); err != nil {
					t.Fatal(err)
				}
				if first.String() != second.String() {
					t.Errorf("%s: the same schema gives two files", language)
				}
				if err := wellFormed(first.String()); err != nil {
					t.Errorf("%s: %v", language, err)
				}
			}
		})
	}
}

var (
	literals     = regexp.MustCompile("(?s)/\\*.*?\\*/|//[^\n]*|r\"[^\"\n]*\"|\"(?:\\\\.|[^\"\\\\\n])*\"|'(?:\\\\.|[^'\\\\\n])*'|`(?:\\\\.|[^`\\\\])*`|/\\\\\\{.*?/g|/\\\\\\\\/g|/'/g|/\\^.*?\\$/")
	declarations = regexp.MustCompile(`(?m)^(?:export |abstract |interface )*(?:interface|type|class|enum|extension|const|function|typedef) (\w+)`)
)

// wellFormed reports what no language admits: brackets that do not match, or two
// declarations of one name.
func wellFormed(text string) error {
	seen := map[string]bool{}
	code := literals.ReplaceAllString(text, "0")
	for _, found := range declarations.FindAllStringSubmatch(code, -1) {
		if seen[found[1]] {
			return fmt.Errorf("%s is declared twice", found[1])
		}
		seen[found[1]] = true
	}
	var open []rune
	for i, r := range code {
		switch r {
		case '(', '[', '{':
			open = append(open, r)
		case ')', ']', '}':
			if len(open) == 0 || strings.IndexRune("([{", open[len(open)-1]) != strings.IndexRune(")]}", r) {
				return fmt.Errorf("%q closes nothing: %q", r, code[max(0, i-200):i+1])
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%q is never closed", open)
	}
	return nil
}
