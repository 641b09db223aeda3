package schema

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// lineLimit is where the options of a field go on in the next line.
const lineLimit = 116

// optionOrder is the order in which the options of a field are read best. What
// is not listed comes after.
var optionOrder = []string{
	"Name", "CollectionId", "Required", "Presentable", "Hidden", "System", "Protected", "OnlyInt",
	"MinSelect", "MaxSelect", "CascadeDelete", "OnCreate", "OnUpdate",
	"Min", "Max", "Pattern", "AutogeneratePattern", "Cost", "MaxSize", "ConvertURLs",
	"OnlyDomains", "ExceptDomains", "Thumbs", "MimeTypes", "Values", "Help",
}

// enforced are the options that PocketBase sets on a system field whatever the
// definition says.
var enforced = map[string][]string{
	core.FieldNameId:              {"System", "PrimaryKey", "Required", "Hidden"},
	core.FieldNamePassword:        {"System", "Hidden", "Required"},
	core.FieldNameTokenKey:        {"System", "Hidden", "Required"},
	core.FieldNameEmail:           {"System", "Hidden"},
	core.FieldNameEmailVisibility: {"System"},
	core.FieldNameVerified:        {"System"},
}

func (s *source) writeFields(c *core.Collection, previous Collection, targetName func(id string) string) error {
	var lines []string
	for _, f := range c.Fields {
		line, err := s.definedField(c, f, previous, targetName)
		if err != nil {
			return fmt.Errorf("collection %s, field %s: %w", c.Name, f.GetName(), err)
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	s.use(importCore)
	s.printf("Fields: []core.Field{\n%s,\n},\n", strings.Join(lines, ",\n"))
	return nil
}

// definedField is a field as an element of a definition, "" for a system field
// with its default options, which goes without saying.
func (s *source) definedField(
	c *core.Collection, f core.Field, previous Collection, targetName func(id string) string,
) (string, error) {
	line, err := s.field(c, f, targetName)
	if err != nil {
		return "", err
	}
	if system := core.NewCollection(c.Type, c.Name).Fields.GetByName(f.GetName()); system != nil {
		usual, err := s.field(c, system, targetName)
		if err != nil || line == usual {
			return "", err
		}
	}
	if was := previousName(previous, f.GetName()); was != "" {
		line = "schema.Was(" + literal(was) + ", " + line + ")"
	}
	return line, nil
}

// previousName is the earlier name of a field that a definition declares.
func previousName(d Collection, field string) string {
	for _, f := range d.Fields {
		if plain, was := unwrap(f); was != "" && plain.GetName() == field {
			return was
		}
	}
	return ""
}

// field is the composite literal of a field, with the options that are set.
func (s *source) field(c *core.Collection, f core.Field, targetName func(id string) string) (string, error) {
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return "", fmt.Errorf("a field of type %T cannot be written", f)
	}
	v = v.Elem()
	pkg := v.Type().PkgPath()
	if pkg != importCore {
		s.use(pkg)
	}

	var options []string
	for _, name := range optionsOf(v.Type()) {
		value := v.FieldByName(name)
		if isDefault(value) || isEnforced(c, f, name) {
			continue
		}
		if name == "CollectionId" {
			value = reflect.ValueOf(targetName(value.String()))
		}
		text, err := s.value(name, value)
		if err != nil {
			return "", err
		}
		options = append(options, name+": "+text)
	}
	return "&" + path.Base(pkg) + "." + v.Type().Name() + "{" + wrap(options) + "}", nil
}

// optionsOf are the options of a field type in the order of optionOrder. The id
// of a field is its database's own business.
func optionsOf(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Name != "Id" {
			names = append(names, f.Name)
		}
	}
	rank := func(name string) int {
		if i := slices.Index(optionOrder, name); i >= 0 {
			return i
		}
		return len(optionOrder)
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names
}

func isEnforced(c *core.Collection, f core.Field, option string) bool {
	return (f.GetName() == core.FieldNameId || c.IsAuth()) && slices.Contains(enforced[f.GetName()], option)
}

// isDefault reports whether an option is unset. Nil and empty lists are one.
func isDefault(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		return v.Len() == 0
	}
	return v.IsZero()
}

// wrap joins options to lines of bearable length, behind the brace or below it.
func wrap(options []string) string {
	var lines []string
	line := ""
	for _, option := range options {
		if line != "" && len(line)+len(option) > lineLimit {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += ", "
		}
		line += option
	}
	if len(lines) == 0 {
		return line
	}
	return "\n" + strings.Join(append(lines, line), ",\n") + ",\n"
}

// writeIndexes writes the indexes but those that an auth collection always has.
func (s *source) writeIndexes(c *core.Collection) {
	var lines []string
	for _, index := range c.Indexes {
		if isSystemIndex(c, index) {
			continue
		}
		lines = append(lines, literal(fold(index)))
	}
	if len(lines) > 0 {
		s.printf("Indexes: []string{\n%s,\n},\n", strings.Join(lines, ",\n"))
	}
}

// isSystemIndex reports whether index is one that PocketBase gives an auth
// collection by itself. Its name does not matter: it has the collection's id in
// it, and was another in earlier versions.
func isSystemIndex(c *core.Collection, index string) bool {
	shape := func(raw string) string {
		parsed := dbutils.ParseIndex(raw)
		parsed.IndexName = "any"
		parsed.Where = strings.ReplaceAll(parsed.Where, "`", "")
		return parsed.Build()
	}
	return slices.ContainsFunc(core.NewCollection(c.Type, c.Name, c.Id).Indexes, func(usual string) bool {
		return shape(usual) == shape(index)
	})
}

// fold puts an SQL statement in one line. Quoted parts stay as they are.
func fold(sql string) string {
	var b strings.Builder
	var quote rune
	space := false
	for _, r := range strings.TrimSpace(sql) {
		if quote == 0 && strings.ContainsRune(" \t\r\n", r) {
			space = true
			continue
		}
		if space && r != ')' && !strings.HasSuffix(b.String(), "(") {
			b.WriteByte(' ')
		}
		space = false
		switch {
		case quote == 0 && r == '[':
			quote = ']'
		case quote == 0 && strings.ContainsRune("'\"`", r):
			quote = r
		case quote == r:
			quote = 0
		}
		b.WriteRune(r)
	}
	return b.String()
}
