package schema_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
)

// model is a schema that random edits change. References in it go by pointer, so
// that they survive renames; what refers to something that has gone falls away.
type model struct {
	*rand.Rand
	collections []*modelCollection
	dropped     []string
	names       int
}

// named has a name, the one that the database knows it by, "" for none, and one
// that it had before that.
type named struct{ name, live, stale string }

// was is what to declare: the name in the database, or one from before that if
// nothing else has or had it.
func (n named) was(all []*named) string {
	if n.live != "" && n.live != n.name {
		return n.live
	}
	uses := 0
	for _, other := range all {
		if other.name == n.stale || other.live == n.stale {
			return ""
		}
		if other.stale == n.stale {
			uses++
		}
	}
	if n.live == "" || uses > 1 {
		return ""
	}
	return n.stale
}

// settle makes the name the one that the database knows.
func (n *named) settle() {
	if n.live != n.name {
		n.stale = n.live
	}
	n.live = n.name
}

type modelCollection struct {
	named
	typ     string
	fields  []*modelField
	rules   [7]modelRule
	indexes []*modelIndex
	columns []modelColumn // of a view
	options modelOptions
}

type modelField struct {
	named
	field  core.Field
	target *modelCollection // of a relation
}

type modelRule struct {
	kind        int
	owner       *modelCollection
	field, then *modelField
}

type modelIndex struct {
	name   string
	fields []*modelField
	unique bool
	where  bool
}

// modelColumn is a column of a view: a field of what it reads, as alias.
type modelColumn struct {
	from  *modelCollection
	field *modelField // nil in a view of a view
	alias string
}

type modelOptions struct {
	tokenDuration int64
	otp, mfa      bool
	subject       string
	identity      bool
	alert         bool
	providers     []core.OAuth2ProviderConfig
	emailDomain   string
}

func newModel(seed uint64) *model {
	m := &model{Rand: rand.New(rand.NewPCG(seed, 1))}
	m.collections = []*modelCollection{{named: named{name: "users", live: "users"}, typ: core.CollectionTypeAuth}}
	for range 3 {
		m.addCollection()
	}
	for range 6 {
		m.edit()
	}
	return m
}

// name is a new name, now and then one that means something to Go or SQL.
func (m *model) name(stem string) string {
	m.names++
	stem = []string{stem, stem, "type", "select", "Order", "app", "a_" + stem}[m.IntN(7)]
	return fmt.Sprintf("%s%d", stem, m.names)
}

// edit makes one random change and returns what it was.
func (m *model) edit() string {
	edits := []struct {
		name string
		do   func() bool
	}{
		{"add a field", m.addField},
		{"add a field", m.addField},
		{"add a field", m.addField},
		{"drop a field", m.dropField},
		{"rename a field", m.renameField},
		{"swap the names of two fields", m.swapFields},
		{"retype a field", m.retypeField},
		{"change a field", m.changeField},
		{"change a field", m.changeField},
		{"order the fields", m.orderFields},
		{"change a rule", m.changeRule},
		{"change a rule", m.changeRule},
		{"change a rule", m.changeRule},
		{"change an index", m.changeIndex},
		{"change an index", m.changeIndex},
		{"add a collection", m.addCollection},
		{"add a view", m.addView},
		{"change a view", m.changeView},
		{"drop a collection", m.dropCollection},
		{"rename a collection", m.renameCollection},
		{"change the type of a collection", m.changeType},
		{"change auth options", m.changeOptions},
	}
	for {
		e := edits[m.IntN(len(edits))]
		if e.do() {
			return e.name
		}
	}
}

func (m *model) yes() bool { return m.IntN(2) == 0 }

// table is a random collection with fields of its own.
func (m *model) table() *modelCollection {
	for {
		if c := m.collections[m.IntN(len(m.collections))]; c.typ != core.CollectionTypeView {
			return c
		}
	}
}

// fieldOf is a random field of the table, nil if it has none.
func (m *model) fieldOf(c *modelCollection) *modelField {
	if len(c.fields) == 0 {
		return nil
	}
	return c.fields[m.IntN(len(c.fields))]
}

func (m *model) addField() bool {
	c := m.table()
	if len(c.fields) > 12 {
		return false
	}
	f := m.newField(m.name("field"))
	c.fields = slices.Insert(c.fields, m.IntN(len(c.fields)+1), f)
	return true
}

func (m *model) newField(name string) *modelField {
	f := &modelField{named: named{name: name}, field: m.field()}
	if _, ok := f.field.(*core.RelationField); ok {
		f.target = m.table()
	}
	return f
}

func (m *model) dropField() bool {
	c := m.table()
	if len(c.fields) == 0 {
		return false
	}
	i := m.IntN(len(c.fields))
	c.fields = slices.Delete(c.fields, i, i+1)
	return true
}

func (m *model) renameField() bool {
	f := m.fieldOf(m.table())
	if f == nil {
		return false
	}
	f.name = m.name("renamed")
	return true
}

// swapFields gives a field the name that another one gives up.
func (m *model) swapFields() bool {
	c := m.table()
	a, b := m.fieldOf(c), m.fieldOf(c)
	if a == b || a == nil {
		return false
	}
	a.name, b.name = m.name("moved"), a.name
	return true
}

func (m *model) retypeField() bool {
	f := m.fieldOf(m.table())
	if f == nil {
		return false
	}
	other := m.newField(f.name)
	f.field, f.target = other.field, other.target
	return true
}

// changeField gives a field other options of its type.
func (m *model) changeField() bool {
	f := m.fieldOf(m.table())
	if f == nil {
		return false
	}
	for range 200 {
		if other := m.field(); other.Type() == f.field.Type() {
			f.field = other
			return true
		}
	}
	return false
}

func (m *model) orderFields() bool {
	c := m.table()
	m.Shuffle(len(c.fields), func(i, j int) { c.fields[i], c.fields[j] = c.fields[j], c.fields[i] })
	return len(c.fields) > 1
}

func (m *model) changeRule() bool {
	c := m.collections[m.IntN(len(m.collections))]
	owner := m.table()
	c.rules[m.IntN(7)] = modelRule{kind: m.IntN(7), owner: owner, field: m.fieldOf(owner), then: m.fieldOf(m.table())}
	return true
}

func (m *model) changeIndex() bool {
	c := m.table()
	if len(c.indexes) > 0 && m.yes() {
		i := m.IntN(len(c.indexes))
		if m.yes() {
			c.indexes = slices.Delete(c.indexes, i, i+1)
			return true
		}
		c.indexes[i].unique = !c.indexes[i].unique
		return true
	}
	f := m.fieldOf(c)
	if f == nil || len(c.indexes) > 4 {
		return false
	}
	c.indexes = append(c.indexes, &modelIndex{name: m.name("idx_"), fields: []*modelField{f}, unique: m.yes(), where: m.yes()})
	return true
}

func (m *model) addCollection() bool {
	if len(m.collections) > 9 {
		return false
	}
	typ := core.CollectionTypeBase
	if m.IntN(4) == 0 {
		typ = core.CollectionTypeAuth
	}
	c := &modelCollection{named: named{name: m.name("coll")}, typ: typ}
	m.collections = append(m.collections, c)
	for range 1 + m.IntN(4) {
		c.fields = append(c.fields, m.newField(m.name("field"))) // may relate to itself and to the others of the edit
	}
	return true
}

func (m *model) addView() bool {
	if len(m.collections) > 9 {
		return false
	}
	v := &modelCollection{named: named{name: m.name("view")}, typ: core.CollectionTypeView}
	m.fillView(v)
	m.collections = append(m.collections, v)
	return true
}

func (m *model) changeView() bool {
	for _, c := range m.collections {
		if c.typ == core.CollectionTypeView {
			m.fillView(c)
			return true
		}
	}
	return false
}

func (m *model) fillView(v *modelCollection) {
	v.columns = nil
	for _, c := range m.collections {
		// a view of a view that is there already, now and then
		if c.typ == core.CollectionTypeView && c != v && !m.reads(c, v) && m.IntN(3) == 0 {
			v.columns = []modelColumn{{from: c, alias: "id"}}
			return
		}
	}
	from := m.table()
	v.columns = []modelColumn{{from: from, alias: "id"}}
	for range 2 {
		if f := m.fieldOf(from); f != nil && f.field.Type() != core.FieldTypePassword {
			v.columns = append(v.columns, modelColumn{from: from, field: f, alias: m.name("column")})
		}
	}
}

// reads reports whether the view v is made of other.
func (m *model) reads(v, other *modelCollection) bool {
	return len(v.columns) > 0 && (v.columns[0].from == other || m.reads(v.columns[0].from, other))
}

func (m *model) dropCollection() bool {
	i := m.IntN(len(m.collections))
	c := m.collections[i]
	if i == 0 || len(m.collections) < 4 {
		return false
	}
	m.collections = slices.Delete(m.collections, i, i+1)
	m.dropped = append(m.dropped, c.live)
	m.prune()
	return true
}

// prune removes the relations and views that have lost what they refer to.
func (m *model) prune() {
	has := func(c *modelCollection) bool { return slices.Contains(m.collections, c) }
	for _, c := range m.collections {
		c.fields = slices.DeleteFunc(c.fields, func(f *modelField) bool {
			return f.target != nil && (!has(f.target) || f.target.typ == core.CollectionTypeView)
		})
	}
	for again := true; again; {
		again = false
		for i, c := range m.collections {
			if c.typ == core.CollectionTypeView && !has(c.columns[0].from) {
				m.collections = slices.Delete(m.collections, i, i+1)
				m.dropped = append(m.dropped, c.live)
				again = true
				break
			}
		}
	}
}

func (m *model) renameCollection() bool {
	c := m.collections[m.IntN(len(m.collections))]
	if c.name == "users" {
		return false
	}
	if other := m.collections[m.IntN(len(m.collections))]; other != c && other.name != "users" && m.IntN(3) == 0 {
		c.name, other.name = other.name, m.name("moved")
		return true
	}
	c.name = m.name("renamed")
	return true
}

// changeType replaces a collection by one of another type.
func (m *model) changeType() bool {
	if m.IntN(4) != 0 {
		return false // rare, as it ends so many relations
	}
	c := m.table()
	if c.name == "users" {
		return false
	}
	if c.typ == core.CollectionTypeBase {
		c.typ = core.CollectionTypeAuth
	} else {
		c.typ, c.options = core.CollectionTypeBase, modelOptions{}
	}
	return true
}

func (m *model) changeOptions() bool {
	c := m.table()
	if c.typ != core.CollectionTypeAuth {
		return false
	}
	c.options = modelOptions{
		tokenDuration: []int64{0, 60, 7200}[m.IntN(3)],
		otp:           m.yes(), mfa: m.yes(), alert: m.yes(), identity: m.yes(),
		subject:     []string{"", "Hello", "a `tick`", "\"quoted\"\nlines"}[m.IntN(4)],
		emailDomain: []string{"", "zoo.example"}[m.IntN(2)],
	}
	if m.yes() {
		c.options.providers = []core.OAuth2ProviderConfig{{Name: "google", ClientId: "client" + fmt.Sprint(m.IntN(3)), DisplayName: "G"}}
	}
	return true
}

// field is a field of any type with any options, without a name.
func (m *model) field() core.Field {
	var (
		required, hidden, presentable = m.IntN(3) == 0, m.IntN(5) == 0, m.yes()
		help                          = []string{"", "What it is for", "with \"quotes\" and ` ticks"}[m.IntN(3)]
		many                          = []int{0, 1, 2, 5}[m.IntN(4)]
		size                          = []int64{0, 1000, 5 << 20}[m.IntN(3)]
		domains                       = []string{"one.example", "two.example"}[:m.IntN(3)]
		day                           = func(n int) types.DateTime {
			d, _ := types.ParseDateTime(fmt.Sprintf("2026-01-%02d 08:00:00.000Z", n))
			return d
		}
	)
	switch m.IntN(14) {
	case 0:
		return &core.TextField{
			Required: required, Hidden: hidden, Presentable: presentable, Help: help, Min: m.IntN(3), Max: 3 + m.IntN(40),
			Pattern: []string{"", `^[a-z]+$`, "^[\"\\w]+`$"}[m.IntN(3)],
		}
	case 1:
		f := &core.NumberField{Required: required, Hidden: hidden, OnlyInt: m.yes(), Help: help}
		if m.yes() {
			f.Min = types.Pointer(float64(-m.IntN(3)))
		}
		if m.yes() {
			f.Max = types.Pointer([]float64{1, 1e18, 300}[m.IntN(3)])
		}
		return f
	case 2:
		return &core.BoolField{Required: required, Hidden: hidden}
	case 3:
		return &core.EmailField{Required: required, OnlyDomains: domains}
	case 4:
		return &core.URLField{Required: required, ExceptDomains: domains, Help: help}
	case 5:
		return &core.EditorField{Required: required, MaxSize: size, ConvertURLs: m.yes()}
	case 6:
		f := &core.DateField{Required: required, Presentable: presentable}
		if m.yes() {
			f.Min = day(1 + m.IntN(10))
		}
		if m.yes() {
			f.Max = day(11 + m.IntN(10))
		}
		return f
	case 7:
		create := m.yes()
		return &core.AutodateField{OnCreate: create, OnUpdate: !create || m.yes(), Hidden: hidden}
	case 8:
		values := []string{"one", "two words", "`", `"`, "\\", "last"}[m.IntN(4):]
		return &core.SelectField{Required: required, MaxSelect: min(many, len(values)), Values: values}
	case 9:
		return &core.FileField{
			Required: required, MaxSelect: many, MaxSize: size, Protected: m.yes(),
			Thumbs: []string{"100x100", "0x50"}[:m.IntN(3)], MimeTypes: []string{"image/png"}[:m.IntN(2)],
		}
	case 10:
		return &core.RelationField{Required: required, MaxSelect: many, MinSelect: min(m.IntN(2), many), CascadeDelete: m.yes()}
	case 11:
		return &core.JSONField{Required: required, MaxSize: size, Help: help}
	case 12:
		return &core.GeoPointField{Required: required, Presentable: presentable}
	default:
		return &core.PasswordField{Required: required, Hidden: hidden, Min: m.IntN(3), Max: 70, Cost: []int{0, 4, 12}[m.IntN(3)]}
	}
}

// definitions are the model in the vocabulary under test.
func (m *model) definitions() []schema.Collection {
	var definitions []schema.Collection
	for _, name := range m.dropped {
		if name != "" && !m.collectionIsCalled(name) {
			definitions = append(definitions, schema.Dropped(name))
		}
	}
	for _, c := range m.collections {
		definitions = append(definitions, m.definition(c))
	}
	return definitions
}

// collectionIsCalled reports whether a collection has, or had, the name.
func (m *model) collectionIsCalled(name string) bool {
	return slices.ContainsFunc(m.collections, func(c *modelCollection) bool {
		return c.name == name || c.live == name
	})
}

func (m *model) collectionNames() []*named {
	var names []*named
	for _, c := range m.collections {
		names = append(names, &c.named)
	}
	return names
}

func (m *model) definition(c *modelCollection) schema.Collection {
	d := schema.Collection{Name: c.name, Was: c.was(m.collectionNames()), Type: c.typ}
	for i, rule := range []*schema.Rule{&d.Rules.List, &d.Rules.View, &d.Rules.Create, &d.Rules.Update, &d.Rules.Delete, &d.Rules.Auth, &d.Rules.Manage} {
		if (i >= 5 && c.typ != core.CollectionTypeAuth) || (i >= 2 && c.typ == core.CollectionTypeView) {
			continue
		}
		*rule = m.rule(c, c.rules[i])
		if i == 6 && *rule == schema.Public {
			*rule = schema.Locked // there is no public manage rule
		}
	}
	if c.typ == core.CollectionTypeView {
		d.Query = m.query(c)
		return d
	}
	for _, f := range c.fields {
		d.Fields = append(d.Fields, f.build(c))
	}
	if c.typ == core.CollectionTypeAuth && c.options.emailDomain != "" {
		d.Fields = append(d.Fields, &core.EmailField{Name: "email", Required: true, OnlyDomains: []string{c.options.emailDomain}})
	}
	same := map[string]bool{} // PocketBase refuses two indexes of one definition
	for _, index := range c.indexes {
		sql := index.build(c)
		if _, definition, _ := strings.Cut(sql, " ON "); sql != "" && !same[definition] {
			same[definition] = true
			d.Indexes = append(d.Indexes, sql)
		}
	}
	if c.typ == core.CollectionTypeAuth {
		d.Configure = c.options.apply
	}
	return d
}

func (f *modelField) build(c *modelCollection) core.Field {
	clone := schema.CloneField(f.field)
	clone.SetName(f.name)
	if relation, ok := clone.(*core.RelationField); ok {
		relation.CollectionId = f.target.name
	}
	var names []*named
	for _, other := range c.fields {
		names = append(names, &other.named)
	}
	if was := f.was(names); was != "" {
		return schema.Was(was, clone)
	}
	return clone
}

func (i *modelIndex) build(c *modelCollection) string {
	var columns []string
	for _, f := range i.fields {
		if !slices.Contains(c.fields, f) {
			return ""
		}
		columns = append(columns, "`"+f.name+"`")
	}
	kind, where := "", ""
	if i.unique {
		kind = "UNIQUE "
		where = " WHERE " + columns[0] + " = 'never  there'" // so that there are no duplicates
	} else if i.where {
		where = " WHERE " + columns[0] + " != 'a  b'"
	}
	return "CREATE " + kind + "INDEX `" + i.name + "` ON `" + c.name + "` (" + strings.Join(columns, ", ") + ")" + where
}

func (o modelOptions) apply(c *core.Collection) {
	if o.tokenDuration > 0 {
		c.AuthToken.Duration = o.tokenDuration
		c.FileToken.Duration = o.tokenDuration
	}
	c.OTP.Enabled = o.otp
	c.MFA.Enabled = o.otp && o.mfa
	if c.MFA.Enabled {
		c.MFA.Rule = `verified = true`
	}
	c.AuthAlert.Enabled = o.alert
	if o.subject != "" {
		c.VerificationTemplate.Subject = o.subject
		c.OTP.EmailTemplate.Body = "<p>{OTP}</p>" + o.subject
	}
	c.OAuth2.Providers = slices.Clone(o.providers)
	c.OAuth2.Enabled = len(o.providers) > 0
}

// rule is a rule of the collection c, or a plain one when what it refers to has gone.
func (m *model) rule(c *modelCollection, r modelRule) schema.Rule {
	alive := r.owner != nil && slices.Contains(m.collections, r.owner) && r.owner.typ != core.CollectionTypeView
	has := func(owner *modelCollection, f *modelField) bool { return f != nil && slices.Contains(owner.fields, f) }
	switch r.kind {
	case 1:
		return schema.Public
	case 2:
		return `@request.auth.id != "" && id != "type"`
	case 3: // a field of its own
		if alive && r.owner == c && has(c, r.field) {
			return schema.Rule(fmt.Sprintf("%s != %q", r.field.name, "x"))
		}
	case 4: // any field of any collection
		if alive && has(r.owner, r.field) {
			return schema.Rule(fmt.Sprintf("@collection.%s.%s ?= id", r.owner.name, r.field.name))
		}
	case 5: // through a relation of its own
		for _, f := range c.fields {
			if f.target != nil && has(f.target, r.then) && r.then.target == nil {
				return schema.Rule(fmt.Sprintf("%s.%s ?!= \"\" && %s.id != \"\"", f.name, r.then.name, f.name))
			}
		}
	case 6: // through a relation that points here
		if c.typ == core.CollectionTypeView {
			break
		}
		for _, other := range m.collections {
			for _, f := range other.fields {
				if f.target == c && other.typ != core.CollectionTypeView {
					return schema.Rule(fmt.Sprintf("%s_via_%s.id ?= @request.auth.id", other.name, f.name))
				}
			}
		}
	}
	return schema.Locked
}

// query is the query of a view, without the columns whose field has gone.
func (m *model) query(c *modelCollection) string {
	var columns []string
	for _, column := range c.columns {
		if column.alias == "id" {
			columns = append(columns, "t.id")
		} else if slices.Contains(column.from.fields, column.field) && column.field.field.Type() != core.FieldTypePassword {
			columns = append(columns, "t."+column.field.name+" AS "+column.alias)
		}
	}
	return "SELECT " + strings.Join(columns, ", ") + " FROM " + c.columns[0].from.name + " t"
}
