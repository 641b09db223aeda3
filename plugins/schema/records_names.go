package schema

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/inflector"
)

// recordType is a collection with the Go names of everything that is generated
// for it.
type recordType struct {
	collection *core.Collection
	typeName   string // WorkOrder
	constant   string // WorkOrders
	fields     []recordField

	// typeNames are the record types of all definitions by collection name.
	typeNames map[string]string
}

// recordField is a field with its Go names.
type recordField struct {
	core.Field
	constant string        // WorkOrderFieldStatus
	method   string        // Status; "" when core.Record has the accessors
	values   []selectValue // of a select field
}

// selectValue is a value of a select field with the name of its constant.
type selectValue struct {
	constant string // WorkOrderStatusDraft
	value    string
}

func (t *recordType) newFunc() string  { return "New" + t.typeName }
func (t *recordType) ofFunc() string   { return t.typeName + "Of" }
func (t *recordType) findFunc() string { return "Find" + t.typeName + "ById" }

// fileName is the name of the generated file. A leading underscore would hide
// it from the compiler.
func (t *recordType) fileName() string {
	return strings.TrimLeft(t.collection.Name, "_") + "_gen.go"
}

// recordTypes names everything that is generated for the definitions. declared
// are the names that the package already has, with where.
func recordTypes(definitions []Collection, declared map[string]string) ([]*recordType, error) {
	names := packageNames{owners: map[string]string{}}
	for name, file := range declared {
		names.owners[name] = file
	}

	// The collections' own names come first: a field or a value never takes one.
	var types []*recordType
	typeNames := map[string]string{}
	for _, d := range definitions {
		if d.IsDropped() {
			continue
		}
		collection, err := d.build(func(name string) (string, error) { return name, nil })
		if err != nil {
			return nil, err
		}
		if err := validNames(collection); err != nil {
			return nil, err
		}
		t := &recordType{collection: collection, typeNames: typeNames}
		t.constant, t.typeName = collectionNames(d.Name, d.Singular)
		typeNames[d.Name] = t.typeName
		for _, name := range []string{t.constant, t.typeName, t.newFunc(), t.ofFunc(), t.findFunc()} {
			names.claim(name, d.Name)
		}
		types = append(types, t)
	}
	if err := deriveViewFields(types, definitions); err != nil {
		return nil, err
	}
	for _, t := range types {
		t.nameFields(&names)
	}
	return types, errors.Join(names.problems...)
}

// validNames refuses what PocketBase would refuse too, before it gets into a
// file name or a comment.
func validNames(c *core.Collection) error {
	if !plainName.MatchString(c.Name) {
		return fmt.Errorf("the collection name %q has other characters than letters, digits and _", c.Name)
	}
	for _, f := range c.Fields {
		if !plainName.MatchString(f.GetName()) {
			return fmt.Errorf("collection %s: the field name %q has other characters than letters, digits and _", c.Name, f.GetName())
		}
	}
	return nil
}

var plainName = regexp.MustCompile(`^\w+$`)

// packageNames are the names that a package declares, with what declares them.
type packageNames struct {
	owners   map[string]string
	problems []error
}

// claim gives name to a collection, or notes the problem when it is taken.
func (n *packageNames) claim(name, collection string) {
	if owner, taken := n.owners[name]; taken {
		n.problems = append(n.problems, fmt.Errorf(
			"the generated name %s of collection %s is already declared by %s: set the Singular of a definition, or rename the other",
			name, collection, owner))
		return
	}
	n.owners[name] = collection
}

// nameFields names the constants and methods of the collection's fields. Where
// two fields or two values would get one name, the later one gets a number.
func (t *recordType) nameFields(names *packageNames) {
	own := map[string]bool{}
	constant := func(base, fallback string, name string) (constant, suffix string) {
		ident := camel(name)
		if ident == "" {
			ident = fallback
		}
		suffix = numbered(ident, func(s string) bool { return own[base+s] })
		own[base+suffix] = true
		names.claim(base+suffix, t.collection.Name)
		return base + suffix, suffix
	}

	methods := map[string]bool{}
	for _, f := range t.collection.Fields {
		field := recordField{Field: f}
		var ident string
		field.constant, ident = constant(t.typeName+"Field", "Unnamed", f.GetName())
		if !hasRecordAccessor(t.collection, f.GetName()) {
			field.method = methodName(ident, methods)
		}
		t.fields = append(t.fields, field)
	}
	for i, f := range t.fields {
		selected, ok := f.Field.(*core.SelectField)
		if !ok {
			continue
		}
		base := t.typeName + strings.TrimPrefix(f.constant, t.typeName+"Field")
		for n, value := range selected.Values {
			name, _ := constant(base, "Value"+strconv.Itoa(n+1), value)
			t.fields[i].values = append(t.fields[i].values, selectValue{constant: name, value: value})
		}
	}
}

// methodName is the getter's name for a field, such that neither it nor what is
// derived from it hides a method of core.Record, nor a name in taken.
func methodName(ident string, taken map[string]bool) string {
	if unicode.IsDigit(rune(ident[0])) {
		ident = "Field" + ident
	}
	used := func(s string) bool {
		for _, name := range []string{s, "Set" + s, "Expanded" + s} {
			if taken[name] || recordNames[name] {
				return true
			}
		}
		return false
	}
	if used(ident) {
		ident = numbered(ident+"Value", used)
	}
	for _, name := range []string{ident, "Set" + ident, "Expanded" + ident} {
		taken[name] = true
	}
	return ident
}

// numbered is name, followed by 2, 3 and so on as long as it is used.
func numbered(name string, used func(string) bool) string {
	result := name
	for n := 2; used(result); n++ {
		result = name + strconv.Itoa(n)
	}
	return result
}

// hasRecordAccessor reports whether core.Record itself reads and writes the
// field: the id, and the system fields of auth collections.
func hasRecordAccessor(c *core.Collection, field string) bool {
	switch field {
	case core.FieldNameId:
		return true
	case core.FieldNameEmail, core.FieldNameEmailVisibility, core.FieldNameVerified,
		core.FieldNameTokenKey, core.FieldNamePassword:
		return c.IsAuth()
	default:
		return false
	}
}

// recordNames are the methods and fields that a record proxy has already.
var recordNames = func() map[string]bool {
	names := map[string]bool{"BaseRecordProxy": true, "Record": true, "BaseModel": true, "Id": true}
	proxy := reflect.TypeFor[*core.BaseRecordProxy]()
	for m := range proxy.Methods() {
		names[m.Name] = true
	}
	return names
}()

// collectionNames are the name of a collection's constant and of its record
// type. The type is singular by PocketBase's inflector unless singular says
// otherwise. Where that makes no difference, as with "staff", the constant gets
// a suffix.
func collectionNames(name, singular string) (constant, typeName string) {
	words := splitWords(name)
	constant = camel(name)
	if singular != "" {
		typeName = camel(singular)
	} else if len(words) > 0 {
		words[len(words)-1] = inflector.Singularize(words[len(words)-1])
		typeName = camel(strings.Join(words, "_"))
	}
	for _, s := range []*string{&constant, &typeName} {
		if *s == "" || unicode.IsDigit(rune((*s)[0])) {
			*s = "Collection" + *s
		}
	}
	if constant == typeName {
		constant += "Collection"
	}
	return constant, typeName
}

// camel is the exported Go name for the name of a collection or field, or for a
// select value: enRoute is EnRoute, work_order is WorkOrder, siteUrl is SiteURL.
// It is empty for a name without an ASCII letter or digit.
func camel(name string) string {
	var b strings.Builder
	for _, word := range splitWords(name) {
		upper := strings.ToUpper(word)
		switch {
		case initialisms[upper]:
			b.WriteString(upper)
		case strings.HasSuffix(word, "s") && initialisms[upper[:len(upper)-1]]:
			b.WriteString(upper[:len(upper)-1] + "s")
		default:
			b.WriteString(upper[:1] + word[1:])
		}
	}
	return b.String()
}

// splitWords splits a name at everything but ASCII letters and digits, and
// before each capital that begins a word.
func splitWords(name string) []string {
	var words []string
	start := -1
	flush := func(end int) {
		if start >= 0 {
			words = append(words, name[start:end])
		}
		start = -1
	}
	isUpper := func(i int) bool { return i < len(name) && name[i] >= 'A' && name[i] <= 'Z' }
	isLower := func(i int) bool { return i < len(name) && name[i] >= 'a' && name[i] <= 'z' }
	isDigit := func(i int) bool { return name[i] >= '0' && name[i] <= '9' }
	for i := range len(name) {
		switch {
		case !isUpper(i) && !isLower(i) && !isDigit(i):
			flush(i)
		case start < 0:
			start = i
		case isUpper(i) && (!isUpper(i-1) || isLower(i+1)):
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return words
}

// initialisms are written in capitals, as Go's linters want them.
var initialisms = func() map[string]bool {
	set := map[string]bool{}
	for word := range strings.FieldsSeq(`ACL API ASCII CPU CSS DB DNS EOF GID GUID HTML HTTP HTTPS ID IP JSON QPS RAM
		RPC SIP SLA SMTP SQL SSH TCP TLS TTL UDP UI UID URI URL UTF8 UUID VM XML XMPP XSRF XSS`) {
		set[word] = true
	}
	return set
}()
