package schema

import (
	"bytes"
	"fmt"
	"go/format"
	"go/token"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/pocketbase/pocketbase/core"
)

// migrationSource is the Go file of a migration.
func migrationSource(packageName string, up, down []step) ([]byte, error) {
	w := &goWriter{imports: map[string]bool{}}
	w.line("func init() {")
	w.line("m.Register(func(app core.App) error {")
	w.steps(up)
	w.line("return nil")
	w.line("}, func(app core.App) error {")
	w.steps(down)
	w.line("return nil")
	w.line("})")
	w.line("}")

	var file bytes.Buffer
	fmt.Fprintf(&file, "package %s\n\nimport (\n", packageName)
	for _, name := range slices.Sorted(maps.Keys(w.imports)) {
		fmt.Fprintf(&file, "%q\n", name)
	}
	if len(w.imports) > 0 {
		file.WriteString("\n")
	}
	body := w.body.String()
	file.WriteString("\"github.com/pocketbase/pocketbase/core\"\n")
	file.WriteString("m \"github.com/pocketbase/pocketbase/migrations\"\n")
	if strings.Contains(body, "types.Pointer(") {
		file.WriteString("\"github.com/pocketbase/pocketbase/tools/types\"\n")
	}
	file.WriteString(")\n\n")
	file.WriteString(body)
	source, err := format.Source(file.Bytes())
	if err != nil {
		return nil, fmt.Errorf("format the migration: %w", err)
	}
	return source, nil
}

// goWriter prints the body of a migration.
type goWriter struct {
	body    bytes.Buffer
	imports map[string]bool // of the standard library

	// variables are the Go variables of the function at hand, by the name that
	// the collection has at that moment.
	variables map[string]string
	declared  map[string]bool

	current string // name of the collection of the step at hand
}

func (w *goWriter) line(format string, args ...any) {
	fmt.Fprintf(&w.body, format+"\n", args...)
}

// comment prints a comment, nothing for "".
func (w *goWriter) comment(text string) {
	if text != "" {
		w.line("// %s", strings.ReplaceAll(text, "\n", " "))
	}
}

// wrap prints what to do with err.
func (w *goWriter) wrap(doing, collection string) {
	w.imports["fmt"] = true
	w.line("return fmt.Errorf(%q, err)", doing+" "+collection+": %w")
	w.line("}")
}

// steps prints the body of an up or a down function.
func (w *goWriter) steps(steps []step) {
	w.variables = map[string]string{}
	w.declared = map[string]bool{}
	for i := 0; i < len(steps); i++ {
		if i > 0 {
			w.line("")
		}
		if n := plainDrops(steps[i:]); n > 1 {
			w.dropAll(steps[i : i+n])
			i += n - 1
			continue
		}
		w.step(steps[i])
	}
	if len(steps) > 0 {
		w.line("")
	}
}

// plainDrops is the number of steps at the start that do nothing but drop a collection.
func plainDrops(steps []step) int {
	for i, s := range steps {
		if s.kind != stepDelete || len(s.ops) > 0 {
			return i
		}
	}
	return len(steps)
}

// dropAll prints a loop that drops the collections of the steps.
func (w *goWriter) dropAll(steps []step) {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = literal(s.collection)
		delete(w.variables, s.collection)
	}
	w.imports["fmt"] = true
	w.line("for _, name := range []string{%s} {", strings.Join(names, ", "))
	w.line("dropped, err := app.FindCollectionByNameOrId(name)")
	w.line("if err != nil {\nreturn fmt.Errorf(\"find %%s: %%w\", name, err)\n}")
	w.line("if err := app.Delete(dropped); err != nil {\nreturn fmt.Errorf(\"drop %%s: %%w\", name, err)\n}")
	w.line("}")
}

func (w *goWriter) step(s step) {
	for _, o := range s.ops {
		if put, ok := o.(putField); ok && put.relation != "" && put.relation != s.collection && !renamesTo(s.ops, put.relation) {
			w.find(put.relation)
		}
	}
	w.comment(s.note)
	var variable string
	if s.kind == stepCreate {
		variable = w.declare(s.collection)
		constructor := map[string]string{
			core.CollectionTypeAuth: "NewAuthCollection",
			core.CollectionTypeView: "NewViewCollection",
			core.CollectionTypeBase: "NewBaseCollection",
		}[s.typ]
		args := literal(s.collection)
		if s.id != "" {
			args += ", " + literal(s.id)
		}
		w.line("%s := core.%s(%s)", variable, constructor, args)
	} else {
		variable = w.find(s.collection)
	}
	w.current = s.collection
	for _, o := range s.ops {
		o.write(w, variable)
	}

	switch {
	case s.kind == stepDelete:
		w.line("if err := app.Delete(%s); err != nil {", variable)
		w.wrap("drop", s.collection)
		delete(w.variables, s.collection)
	case s.kind == stepValidate:
		w.line("if err := app.Validate(%s); err != nil {", variable)
		w.wrap("check", s.collection)
	case s.unchecked:
		if s.note == "" {
			w.comment("not validated yet: what its rules need is complete below")
		}
		w.line("if err := app.SaveNoValidate(%s); err != nil {", variable)
		w.wrap("save", w.current)
	default:
		w.line("if err := app.Save(%s); err != nil {", variable)
		w.wrap("save", w.current)
	}
}

// renamesTo reports whether the ops rename their collection to name.
func renamesTo(ops []op, name string) bool {
	return slices.Contains(ops, op(setName{name}))
}

// find is the variable of a collection, which it looks up the first time.
func (w *goWriter) find(collection string) string {
	if variable, ok := w.variables[collection]; ok {
		return variable
	}
	variable := w.declare(collection)
	w.line("%s, err := app.FindCollectionByNameOrId(%s)", variable, literal(collection))
	w.line("if err != nil {")
	w.wrap("find", collection)
	return variable
}

// declare names a new variable.
func (w *goWriter) declare(collection string) string {
	name := variableName(collection)
	for n := 2; w.declared[name]; n++ {
		name = fmt.Sprintf("%s%d", variableName(collection), n)
	}
	w.declared[name] = true
	w.variables[collection] = name
	return name
}

// variableName is a Go name for a collection: workOrders for work_orders.
func variableName(collection string) string {
	var b strings.Builder
	upper := false
	for _, r := range collection {
		switch {
		case r == '_':
			upper = b.Len() > 0
		case b.Len() == 0:
			b.WriteRune(unicode.ToLower(r))
		case upper:
			b.WriteRune(unicode.ToUpper(r))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	name := b.String()
	if name == "" || unicode.IsDigit(rune(name[0])) || token.IsKeyword(name) || slices.Contains(takenNames, name) {
		return "collection" + strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
	}
	return name
}

// takenNames are the names that a migration uses itself.
var takenNames = []string{
	"app", "err", "core", "m", "types", "fmt", "errors", "json", "slices", "cmp",
	"field", "order", "name", "dropped", "secrets", "nil", "true", "false", "error", "string", "len", "init", "a", "b", "p",
}

func (o setName) write(w *goWriter, v string) {
	w.line("%s.Name = %s", v, literal(o.name))
	delete(w.variables, w.current)
	w.variables[o.name] = v
	w.current = o.name
}

func (detach) write(w *goWriter, v string) {
	w.line("%s.IntegrityChecks(false)", v)
}

func (o dropField) write(w *goWriter, v string) {
	w.comment(o.note)
	w.line("%s.Fields.RemoveByName(%s)", v, literal(o.name))
}

func (o renameField) write(w *goWriter, v string) {
	w.imports["errors"] = true
	w.line("if field := %s.Fields.GetByName(%s); field != nil {", v, literal(o.was))
	w.line("field.SetName(%s)", literal(o.name))
	w.line("} else {")
	w.line("return errors.New(%q)", w.current+" has no field "+o.was)
	w.line("}")
}

func (o putField) write(w *goWriter, v string) {
	w.comment(o.note)
	relation := v
	if o.relation != "" && o.relation != w.current {
		relation = w.variables[o.relation]
	}
	source, ok := fieldLiteral(o.field, relation+".Id")
	switch {
	case ok && o.at < 0:
		w.line("%s.Fields.Add(%s)", v, source)
	case ok:
		w.line("%s.Fields.AddAt(%d, %s)", v, o.at, source)
	default:
		raw, err := fieldJSON(o.field)
		if err != nil {
			raw = fmt.Appendf(nil, "%q", err)
		}
		w.line("if err := %s.Fields.AddMarshaledJSONAt(%d, []byte(%s)); err != nil {", v, o.at, literal(string(raw)))
		w.wrap("add field "+o.field.GetName()+" to", w.current)
	}
}

func (o patchField) write(w *goWriter, v string) {
	w.comment(o.note)
	w.imports["encoding/json"] = true
	w.line("if err := json.Unmarshal([]byte(%s), %s.Fields.GetByName(%s)); err != nil {", literal(string(o.json)), v, literal(o.name))
	w.wrap("change field "+o.name+" of", w.current)
}

func (o orderFields) write(w *goWriter, v string) {
	w.imports["slices"] = true
	names := make([]string, len(o.names))
	for i, name := range o.names {
		names[i] = literal(name)
	}
	w.line("slices.SortStableFunc(%s.Fields, func(a, b core.Field) int {", v)
	w.line("order := []string{%s}", strings.Join(names, ", "))
	w.line("return slices.Index(order, a.GetName()) - slices.Index(order, b.GetName())")
	w.line("})")
}

func (o removeIndex) write(w *goWriter, v string) {
	w.line("%s.RemoveIndex(%s)", v, literal(o.name))
}

func (o addIndex) write(w *goWriter, v string) {
	w.line("%s.Indexes = append(%s.Indexes, %s)", v, v, literal(o.sql))
}

func (o setRule) write(w *goWriter, v string) {
	if o.kind.path == mfaRule {
		rule := ""
		if o.rule != nil {
			rule = *o.rule
		}
		w.line("%s.%s = %s", v, o.kind.path, ruleLiteral(rule))
		return
	}
	switch {
	case o.rule == nil:
		w.line("%s.%s = nil // locked", v, o.kind.path)
	case *o.rule == "":
		w.line("%s.%s = types.Pointer(\"\") // public", v, o.kind.path)
	default:
		w.line("%s.%s = types.Pointer(%s)", v, o.kind.path, ruleLiteral(*o.rule))
	}
}

func (o setOption) write(w *goWriter, v string) {
	if providers, ok := o.option.value.Interface().([]core.OAuth2ProviderConfig); ok {
		w.writeProviders(providers, v)
		return
	}
	source, ok := goLiteral(o.option.value)
	if source == "" {
		source = "nil"
	}
	if !ok {
		source = fmt.Sprintf("%#v", o.option.value.Interface())
	}
	w.line("%s.%s = %s", v, o.option.path, source)
}

func (w *goWriter) writeProviders(providers []core.OAuth2ProviderConfig, v string) {
	if len(providers) == 0 {
		w.line("%s.OAuth2.Providers = nil", v)
		return
	}
	w.imports["cmp"] = true
	w.comment("client secrets are in no code: known providers keep theirs, new ones get theirs in the dashboard")
	w.line("{")
	w.line("secrets := map[string]string{}")
	w.line("for _, p := range %s.OAuth2.Providers {", v)
	w.line("secrets[p.Name] = p.ClientSecret")
	w.line("}")
	w.line("%s.OAuth2.Providers = %s", v, providersLiteral(providers))
	w.line("}")
}
