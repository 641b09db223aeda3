package versions

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/pocketbase/pocketbase/core"
)

// Transformer leads from one version to the newest and back. It is what the plugin
// itself uses for requests and answers, for whoever sends records in another way,
// such as a stream. A nil *Transformer leaves everything as it is.
type Transformer struct {
	app    core.App
	date   string
	plans  map[string]*plan // by the name of the collection
	routes map[string]*plan // by pattern
	lists  map[string]bool  // the patterns of routes that answer with records
}

// transformerOf makes the way from a version to the newest.
func transformerOf(app core.App, releases []*release, from *release) *Transformer {
	t := &Transformer{app: app, date: from.Date, plans: map[string]*plan{}, routes: map[string]*plan{}, lists: map[string]bool{}}
	for _, r := range releases {
		for i := range r.Changes {
			c := &r.Changes[i]
			if c.kind == routeRecords {
				t.lists[c.collection] = true // whenever it was said
				continue
			}
			if r.index <= from.index {
				continue
			}
			plans := t.plans
			if !c.isRecord() {
				plans = t.routes
			}
			if plans[c.collection] == nil {
				plans[c.collection] = newPlan()
			}
			plans[c.collection].add(c)
		}
	}
	for _, plan := range t.plans {
		plan.program = plan.compile()
	}
	return t
}

// identical tells that the version is as the newest.
func (t *Transformer) identical() bool {
	return t == nil || len(t.plans) == 0 && len(t.routes) == 0
}

// Version is the date of the version, "" for nil.
func (t *Transformer) Version() string {
	if t == nil {
		return ""
	}
	return t.date
}

// Up makes what a client of the version sends for a record what the newest version
// takes. creating says that a new record is to be made of it. What is no JSON object
// is returned as it is, for PocketBase to refuse. The error is one that may be
// returned from a route.
func (t *Transformer) Up(collection string, body []byte, creating bool) ([]byte, error) {
	if t.identical() {
		return body, nil
	}
	return t.rewriteObject(body, creates(t.plan(t.collection(collection)).up, creating))
}

// rewriteObject changes the object that a body begins with.
func (t *Transformer) rewriteObject(body []byte, change func(*Object) error) ([]byte, error) {
	o := objects.Get().(*Object)
	defer o.release()
	start := space(body, 0)
	end, err := o.parse(body, start)
	if err != nil {
		return body, nil //nolint:nilerr // documented at Up
	}
	if err := change(o); err != nil {
		return nil, t.requestError(err)
	}
	if !o.changed {
		return body, nil
	}
	out := append(make([]byte, 0, len(body)+64), body[:start]...)
	return append(o.append(out), body[end:]...), nil
}

// Down makes a record, as the newest version sends it, what a client of the version
// is sent: with the records in its expand. What is no record is returned as it is.
func (t *Transformer) Down(collection string, record []byte) ([]byte, error) {
	if t.identical() {
		return record, nil
	}
	c := t.collection(collection)
	out, end, err := t.appendRecord(make([]byte, 0, len(record)+64), record, space(record, 0), c, nil)
	if errors.Is(err, errNotJSON) {
		return record, nil
	}
	if err != nil {
		return nil, err
	}
	return append(out, record[end:]...), nil
}

// FieldBefore is what clients of the version call a field of the collection. One of
// several into which a field was split has the name of that.
func (t *Transformer) FieldBefore(collection, field string) string {
	if t.identical() {
		return field
	}
	return t.plan(t.collection(collection)).before(field)
}

// collection finds a collection by name or id, nil if there is none.
func (t *Transformer) collection(nameOrID string) *core.Collection {
	if t == nil {
		return nil
	}
	c, err := t.app.FindCachedCollectionByNameOrId(nameOrID)
	if err != nil {
		return nil
	}
	return c
}

// plan is what happens to records of a collection, nil for nothing.
func (t *Transformer) plan(c *core.Collection) *plan {
	if c == nil {
		return nil
	}
	return t.plans[c.Name]
}

// viaPattern is how PocketBase names the way back through a relation.
var viaPattern = regexp.MustCompile(`^(\w+)_via_(\w+)$`)

// follow is the collection that a name of the newest shape leads to from another:
// that of a relation, or of the records that have one to it. nil if it is neither.
func (t *Transformer) follow(c *core.Collection, name string) *core.Collection {
	if c == nil {
		return nil
	}
	if f, ok := c.Fields.GetByName(name).(*core.RelationField); ok {
		return t.collection(f.CollectionId)
	}
	if via := viaPattern.FindStringSubmatch(name); via != nil && c.Fields.GetByName(name) == nil {
		return t.collection(via[1])
	}
	return nil
}

// relationBefore is what clients of the version call what [Transformer.follow] takes.
func (t *Transformer) relationBefore(c *core.Collection, name string) string {
	if c == nil {
		return name
	}
	if c.Fields.GetByName(name) == nil {
		if via := viaPattern.FindStringSubmatch(name); via != nil {
			return via[1] + "_via_" + t.plan(t.collection(via[1])).before(via[2])
		}
	}
	return t.plan(c).before(name)
}

// appendRecord appends the record that begins at b[i] as a client of the version is
// sent it, and returns the index after it. Without a collection it is that which the
// record names. p is what the client asked for, nil for everything.
func (t *Transformer) appendRecord(to, b []byte, i int, c *core.Collection, p *pick) ([]byte, int, error) {
	o := objects.Get().(*Object)
	defer o.release()
	var only *nameSet
	plan := t.plan(c)
	if c != nil {
		only = plan.reads(p)
	}
	end, err := o.parseOnly(b, i, only)
	if err != nil {
		return to, end, err
	}
	if c == nil {
		if name, ok := o.Text("collectionName"); ok {
			c = t.collection(name)
			plan = t.plan(c)
		}
	}
	if expand := o.find("expand"); expand != nil {
		value, err := t.expanded(expand.value, c, p.sub("expand"))
		if err != nil {
			return to, end, err
		}
		if value != nil {
			expand.value, expand.clean, o.changed = value, false, true
		}
	}
	if plan != nil && (o.only == nil || plan.program == nil || !plan.program.run(o)) {
		if err := plan.down(o); err != nil {
			return to, end, fmt.Errorf("version %s: change a record of %s: %w", t.date, c.Name, err)
		}
		if !plan.renames && !p.everything() {
			o.deleteFunc(func(m *member) bool { return !p.has(string(m.name)) })
		}
	}
	if !o.changed {
		return append(to, b[i:end]...), end, nil
	}
	return o.append(to), end, nil
}

// expanded is the member expand of a record for a client of the version, nil if it
// is the same.
func (t *Transformer) expanded(value []byte, c *core.Collection, p *pick) ([]byte, error) {
	if len(value) == 0 || value[0] != '{' {
		return nil, nil
	}
	out, first, changed := append(make([]byte, 0, len(value)+64), '{'), true, false
	_, err := eachMember(value, 0, func(key, keyEnd, start, end int) error {
		if !first {
			out = append(out, ',')
		}
		first = false
		name := string(value[key+1 : keyEnd-1])
		before := t.relationBefore(c, name)
		out = append(appendName(out, []byte(before)), ':')
		place := len(out)
		var err error
		out, _, err = t.appendRecords(out, value, start, t.follow(c, name), p.sub(before))
		changed = changed || before != name || string(out[place:]) != string(value[start:end])
		return err
	})
	if err != nil || !changed {
		return nil, err
	}
	return append(out, '}'), nil
}

// appendRecords appends a record, or a list of them, or whatever else there is. It
// returns the index after it.
func (t *Transformer) appendRecords(to, b []byte, i int, c *core.Collection, p *pick) ([]byte, int, error) {
	if i < len(b) && b[i] == '{' {
		return t.appendRecord(to, b, i, c, p)
	}
	if i >= len(b) || b[i] != '[' {
		end := valueEnd(b, i)
		if end < 0 {
			return to, end, errNotJSON
		}
		return append(to, b[i:end]...), end, nil
	}
	to = append(to, '[')
	first := true
	for i = space(b, i+1); i < len(b) && b[i] != ']'; {
		if !first {
			if b[i] != ',' {
				return to, -1, errNotJSON
			}
			to = append(to, ',')
			i = space(b, i+1)
		}
		first = false
		var end int
		var err error
		if i < len(b) && b[i] == '{' {
			to, end, err = t.appendRecord(to, b, i, c, p)
		} else if end = valueEnd(b, i); end >= 0 {
			to = append(to, b[i:end]...)
		}
		if err != nil || end < 0 {
			return to, -1, errors.Join(err, notJSON(end))
		}
		i = space(b, end)
	}
	if i >= len(b) {
		return to, -1, errNotJSON
	}
	return append(to, ']'), i + 1, nil
}

func notJSON(end int) error {
	if end < 0 {
		return errNotJSON
	}
	return nil
}

// appendAny appends any JSON, with each record in it changed that says what it is.
func (t *Transformer) appendAny(to, b []byte, i int) ([]byte, int, error) {
	if i >= len(b) {
		return to, -1, errNotJSON
	}
	switch b[i] {
	case '[':
		to = append(to, '[')
		first := true
		end, err := eachItem(b, i, func(start, _ int) error {
			if !first {
				to = append(to, ',')
			}
			first = false
			var err error
			to, _, err = t.appendAny(to, b, start)
			return err
		})
		return append(to, ']'), end, err
	case '{':
		if named(b, i) {
			return t.appendRecord(to, b, i, nil, nil)
		}
		to = append(to, '{')
		first := true
		end, err := eachMember(b, i, func(key, keyEnd, start, _ int) error {
			if !first {
				to = append(to, ',')
			}
			first = false
			to = append(append(to, b[key:keyEnd]...), ':')
			var err error
			to, _, err = t.appendAny(to, b, start)
			return err
		})
		return append(to, '}'), end, err
	}
	end := valueEnd(b, i)
	if end < 0 {
		return to, end, errNotJSON
	}
	return append(to, b[i:end]...), end, nil
}

// named tells whether the object at b[i] names its collection.
func named(b []byte, i int) bool {
	found := false
	_, _ = eachMember(b, i, func(key, keyEnd, start, _ int) error {
		found = found || string(b[key:keyEnd]) == `"collectionName"` && b[start] == '"'
		return nil
	})
	return found
}

// mapBody changes a body that is decoded already.
func (t *Transformer) mapBody(p *plan, body map[string]any, creating bool) (map[string]any, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode a body: %w", err)
	}
	changed, err := t.rewriteObject(encoded, creates(p.up, creating))
	if err != nil {
		return nil, err
	}
	decoded := make(map[string]any, len(body))
	if err := json.Unmarshal(changed, &decoded); err != nil {
		return nil, fmt.Errorf("decode a body: %w", err)
	}
	return decoded, nil
}
