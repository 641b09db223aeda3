package schema

import (
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// patcher changes the function of a definition where it differs from the
// database, and nowhere else.
type patcher struct {
	code    []byte
	files   *token.FileSet
	edits   []edit
	imports map[string]bool // that the new parts need

	definition    Collection
	defined, live *core.Collection
	targetName    func(id string) string
}

// edit replaces a range of the source.
type edit struct {
	from, to int
	text     string
}

// sections are the parts of a definition in their order. The first ones are the
// definition's own.
var sections = []string{"Name", "Type", "Was", "Singular", "Rules", "Query", "Fields", "Indexes", "Configure"}

// patchDefinition returns code with the function changed such that it defines
// the collection live instead of defined. It reports false for a function that
// is built in a way that it cannot follow.
func patchDefinition(code []byte, function string, d Collection, defined, live *core.Collection, targetName func(string) string) ([]byte, bool) {
	if defined.Type != live.Type || defined.Name != live.Name {
		return nil, false
	}
	p := &patcher{
		code: code, files: token.NewFileSet(), imports: map[string]bool{importSchema: true},
		definition: d, targetName: targetName, defined: defined, live: live,
	}
	parsed, err := parser.ParseFile(p.files, "", code, parser.SkipObjectResolution)
	if err != nil {
		return nil, false
	}
	body := functionBody(parsed, function)
	if body == nil {
		return nil, false
	}
	literal := collectionLiteral(body)
	if literal == nil || !p.patchSections(literal) {
		return nil, false
	}

	patched, err := format.Source(p.apply())
	if err != nil {
		return nil, false
	}
	patched, ok := withoutUnusedVariables(patched, function)
	if !ok {
		return nil, false
	}
	patched, err = fixImports(patched, p.imports)
	return patched, err == nil
}

// functionBody is the body of a function of a file, nil when it has none.
func functionBody(file *ast.File, name string) *ast.BlockStmt {
	for _, declaration := range file.Decls {
		if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
			return f.Body
		}
	}
	return nil
}

// collectionLiteral is the definition in the body of a function.
func collectionLiteral(body *ast.BlockStmt) *ast.CompositeLit {
	var found *ast.CompositeLit
	ast.Inspect(body, func(n ast.Node) bool {
		if c, ok := n.(*ast.CompositeLit); ok && isCollectionType(c.Type) {
			found = c
		}
		return true
	})
	return found
}

// patchSections changes the sections that differ.
func (p *patcher) patchSections(literal *ast.CompositeLit) bool {
	pairs := map[string]*ast.KeyValueExpr{}
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		key, ok := pair.Key.(*ast.Ident)
		if !ok {
			return false
		}
		pairs[key.Name] = pair
	}
	for i, section := range sections[4:] {
		before, _, ok := p.section(section, p.defined)
		after, imports, ok2 := p.section(section, p.live)
		if !ok || !ok2 {
			return false
		}
		if before == after {
			continue
		}
		for path := range imports {
			p.imports[path] = true
		}
		pair := pairs[section]
		switch {
		case pair == nil:
			previous := literal.Elts[0]
			for _, name := range sections[:4+i] {
				if pairs[name] != nil {
					previous = pairs[name]
				}
			}
			p.insertAfter(previous, literal, after)
		case after == "":
			p.remove(pair, literal)
		case !p.patchList(section, pair.Value):
			p.replace(pair, after)
		}
	}
	return true
}

// section is the source of a part of the definition, without the comma.
func (p *patcher) section(name string, c *core.Collection) (text string, imports map[string]bool, ok bool) {
	s := &source{imports: map[string]bool{}}
	switch name {
	case "Rules":
		s.writeRules(rulesOf(c), nil)
	case "Query":
		if c.IsView() {
			s.printf("Query: %s,\n", raw(c.ViewQuery))
		}
	case "Fields":
		if !c.IsView() && s.writeFields(c, p.definition, p.targetName) != nil {
			return "", nil, false
		}
	case "Indexes":
		if !c.IsView() {
			s.writeIndexes(c)
		}
	case "Configure":
		if c.IsAuth() {
			s.writeConfigure(c)
		}
	}
	return strings.TrimSuffix(s.String(), ",\n"), s.imports, true
}

// element is an element of a list in a definition: a rule, a field or an index.
type element struct{ key, text string }

// elements are those of a section, nil for one that is no list.
func (p *patcher) elements(section string, c *core.Collection) []element {
	s := &source{imports: map[string]bool{}}
	var list []element
	switch section {
	case "Rules":
		for _, r := range rulesOf(c) {
			list = append(list, element{r.name, r.name + ": " + ruleValueLiteral(r.rule)})
		}
	case "Fields":
		for _, f := range c.Fields {
			if text, err := s.definedField(c, f, p.definition, p.targetName); err == nil && text != "" {
				list = append(list, element{f.GetName(), text})
			}
		}
	case "Indexes":
		for _, index := range c.Indexes {
			if !isSystemIndex(c, index) {
				list = append(list, element{dbutils.ParseIndex(index).IndexName, literal(fold(index))})
			}
		}
	}
	return list
}

// keyOf is the key of an element in the source, "" when that cannot be told.
func keyOf(expression ast.Expr) string {
	switch e := expression.(type) {
	case *ast.KeyValueExpr: // List: rule
		if key, ok := e.Key.(*ast.Ident); ok {
			return key.Name
		}
	case *ast.UnaryExpr: // &core.TextField{Name: "title"}
		if c, ok := e.X.(*ast.CompositeLit); ok {
			return nameIn(c)
		}
	case *ast.CallExpr: // schema.Was("heading", &core.TextField{Name: "title"})
		if s, ok := e.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Was" && len(e.Args) == 2 {
			return keyOf(e.Args[1])
		}
	case *ast.BasicLit: // "CREATE INDEX ..."
		if statement, err := strconv.Unquote(e.Value); err == nil {
			return dbutils.ParseIndex(statement).IndexName
		}
	}
	return ""
}

// patchList changes the elements of a list that differ. It reports false, having
// changed nothing, when the list is not written down element by element, or when
// their order is another.
func (p *patcher) patchList(section string, value ast.Expr) bool {
	list, ok := value.(*ast.CompositeLit)
	if !ok {
		return false
	}
	written := map[string]ast.Expr{}
	for _, e := range list.Elts {
		key := keyOf(e)
		if key == "" || written[key] != nil {
			return false
		}
		written[key] = e
	}
	before, after := p.elements(section, p.defined), p.elements(section, p.live)
	old := map[string]string{}
	for _, e := range before {
		if written[e.key] == nil {
			return false
		}
		old[e.key] = e.text
	}
	if len(before) == 0 || len(after) == 0 || !sameOrder(before, after) {
		return false
	}

	var previous ast.Expr
	for _, e := range after {
		existing := written[e.key]
		switch {
		case existing == nil && previous == nil:
			p.insertFirst(list, e.text)
		case existing == nil:
			p.insertAfter(previous, list, e.text)
		case old[e.key] != e.text:
			p.replace(existing, e.text)
		}
		if existing != nil {
			previous = existing
		}
		delete(old, e.key)
	}
	for key := range old {
		p.remove(written[key], list)
	}
	return true
}

// sameOrder reports whether the elements that both lists have are in one order.
func sameOrder(a, b []element) bool {
	common := func(list, other []element) []string {
		var keys []string
		for _, e := range list {
			if slices.ContainsFunc(other, func(o element) bool { return o.key == e.key }) {
				keys = append(keys, e.key)
			}
		}
		return keys
	}
	return slices.Equal(common(a, b), common(b, a))
}
