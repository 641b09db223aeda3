package schema

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// source is the Go source of one definition, as it is being written.
type source struct {
	bytes.Buffer
	imports map[string]bool // paths
}

const (
	importCore   = "github.com/pocketbase/pocketbase/core"
	importTypes  = "github.com/pocketbase/pocketbase/tools/types"
	importSchema = modulePath + "plugins/schema"

	modulePath = "github.com/holdall-go/holdall/"
)

// definitionSource is the function that returns the definition of a collection
// as it is in a database. Options that have their default are left out, and so
// is every secret.
//
// What a database does not know comes from previous, the definition so far: the
// earlier names and the singular. targetName maps the id of a collection to its
// name. With share, rules that repeat become constants, which reads well but
// makes a difference larger than it is.
func definitionSource(
	function string, c *core.Collection, previous Collection, targetName func(id string) string, share bool,
) (*source, error) {
	s := &source{imports: map[string]bool{importSchema: true}}
	rules := rulesOf(c)
	var shared []namedRule
	if share {
		shared = sharedRules(rules)
	}

	s.printf("func %s() schema.Collection {\n", function)
	for _, r := range shared {
		s.printf("const %s = %s\n", r.name, ruleLiteral(r.rule))
	}
	if len(shared) > 0 {
		s.printf("\n")
	}
	s.printf("return schema.Collection{\nName: %s,\n", literal(c.Name))
	switch {
	case c.IsAuth():
		s.use(importCore)
		s.printf("Type: core.CollectionTypeAuth,\n")
	case c.IsView():
		s.use(importCore)
		s.printf("Type: core.CollectionTypeView,\n")
	}
	if previous.Was != "" {
		s.printf("Was: %s,\n", literal(previous.Was))
	}
	if previous.Singular != "" {
		s.printf("Singular: %s,\n", literal(previous.Singular))
	}
	s.writeRules(rules, shared)
	if c.IsView() {
		s.printf("Query: %s,\n", raw(c.ViewQuery))
	} else {
		if err := s.writeFields(c, previous, targetName); err != nil {
			return nil, err
		}
		s.writeIndexes(c)
	}
	if c.IsAuth() {
		s.writeConfigure(c)
	}
	s.printf("}\n}\n")

	formatted, err := format.Source(s.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format the definition of %s: %w", c.Name, err)
	}
	s.Buffer = *bytes.NewBuffer(formatted)
	return s, nil
}

func (s *source) printf(format string, args ...any) { fmt.Fprintf(s, format, args...) }

func (s *source) use(path string) { s.imports[path] = true }

// file is a whole source file with the definition.
func (s *source) file(packageName, function, collection string) []byte {
	specs := map[string]string{}
	for imported := range s.imports {
		specs[imported] = strconv.Quote(imported)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "package %s\n\n%s\n", packageName, importBlock(specs))
	fmt.Fprintf(&b, "// %s defines the %s collection.\n", function, collection)
	b.Write(s.Bytes())
	return b.Bytes()
}

// importBlock is an import declaration with the standard library first and this
// module last, as the hand-written files have it. specs are the texts of the
// imports by path.
func importBlock(specs map[string]string) string {
	paths := slices.Sorted(maps.Keys(specs))
	if len(paths) == 1 && !strings.Contains(specs[paths[0]], "\n") {
		return "import " + specs[paths[0]] + "\n"
	}
	var groups [3]string
	for _, path := range paths {
		group := 1
		switch {
		case strings.HasPrefix(path, modulePath):
			group = 2
		case !strings.Contains(path, "."):
			group = 0
		}
		groups[group] += "\t" + specs[path] + "\n"
	}
	parts := slices.DeleteFunc(groups[:], func(s string) bool { return s == "" })
	return "import (\n" + strings.Join(parts, "\n") + ")\n"
}

// namedRule is a rule with the name of its action in [Rules].
type namedRule struct {
	name string
	rule string // "" is public
}

// rulesOf are the rules of a collection that are not locked.
func rulesOf(c *core.Collection) []namedRule {
	var rules []namedRule
	for _, r := range []struct {
		name string
		rule *string
		has  bool
	}{
		{"List", c.ListRule, true},
		{"View", c.ViewRule, true},
		{"Create", c.CreateRule, !c.IsView()},
		{"Update", c.UpdateRule, !c.IsView()},
		{"Delete", c.DeleteRule, !c.IsView()},
		{"Auth", c.AuthRule, c.IsAuth()},
		{"Manage", c.ManageRule, c.IsAuth()},
	} {
		if r.has && r.rule != nil {
			rules = append(rules, namedRule{r.name, *r.rule})
		}
	}
	return rules
}

// sharedRules are the long rules that stand for more than one action, with the
// constant that saves their repetition.
func sharedRules(rules []namedRule) []namedRule {
	const worthIt = 32 // characters

	var shared []namedRule
	used := map[string]bool{}
	for i, r := range rules {
		actions := []string{r.name}
		for _, other := range rules[i+1:] {
			if other.rule == r.rule {
				actions = append(actions, other.name)
			}
		}
		known := slices.ContainsFunc(shared, func(s namedRule) bool { return s.rule == r.rule })
		if len(r.rule) < worthIt || len(actions) < 2 || known {
			continue
		}
		name := "allowed"
		switch {
		case actions[len(actions)-1] == "View":
			name = "visible"
		case !slices.Contains(actions, "List") && !slices.Contains(actions, "View"):
			name = "writable"
		}
		name = numbered(name, func(s string) bool { return used[s] })
		used[name] = true
		shared = append(shared, namedRule{name, r.rule})
	}
	return shared
}

func (s *source) writeRules(rules, shared []namedRule) {
	if len(rules) == 0 {
		return
	}
	s.printf("Rules: schema.Rules{\n")
	for _, r := range rules {
		value := ruleValueLiteral(r.rule)
		for _, constant := range shared {
			if constant.rule == r.rule {
				value = constant.name
			}
		}
		s.printf("%s: %s,\n", r.name, value)
	}
	s.printf("},\n")
}

// ruleValueLiteral is a rule that is not locked, as it stands in [Rules].
func ruleValueLiteral(rule string) string {
	if rule == "" {
		return "schema.Public"
	}
	return ruleLiteral(rule)
}

// functionName is the name of the function that defines a collection. It is
// neither a Go word, nor the name of an import, nor one that is taken.
func functionName(collection string, taken func(string) bool) string {
	name := "collection"
	if words := splitWords(collection); len(words) > 0 {
		name = strings.ToLower(words[0]) + camel(strings.Join(words[1:], "_"))
		if !token.IsIdentifier(name) && !token.IsKeyword(name) {
			name = "collection" + camel(collection)
		}
	}
	unusable := func(s string) bool {
		return token.IsKeyword(s) || predeclared[s] || taken(s)
	}
	if unusable(name) {
		name = numbered(name+"Collection", unusable)
	}
	return name
}

// predeclared are names that a package should not give another meaning, and the
// imports of definitions.
var predeclared = func() map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(`any bool byte comparable complex64 complex128 error float32 float64 int int8 int16
		int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close complex
		copy delete imag len make max min new panic print println real recover init main core types schema`) {
		set[name] = true
	}
	return set
}()
