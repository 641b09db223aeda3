package fastlane

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// relation is one that a request expands.
type relation struct {
	field    string
	key      string // in quotes, with its colon
	to       *core.Collection
	multiple bool
	rest     string // what is expanded of the related records in turn
}

const (
	// mostRelations is how many relations of one collection a request may expand.
	mostRelations = 8

	// deepest is how many relations PocketBase follows one after the other.
	deepest = 6
)

// What comes back from other collections is left to PocketBase.
var (
	simpleExpand = regexp.MustCompile(`^\w+(\.\w+)*(,\w+(\.\w+)*)*$`)
	backRelation = regexp.MustCompile(`^\w+_via_\w+$`)
)

// parseExpand reads the parameter expand. The relations are in the order that
// encoding/json gives them. PocketBase follows path by path and merges what it finds;
// here paths that begin alike are one.
func parseExpand(s *schema, c *core.Collection, expand string) ([]relation, Reason) {
	if expand == "" {
		return nil, ""
	}
	if !simpleExpand.MatchString(expand) {
		return nil, ReasonExpand
	}
	var relations []relation
	for _, path := range strings.Split(expand, ",") {
		name, rest, _ := strings.Cut(path, ".")
		at := slices.IndexFunc(relations, func(r relation) bool { return r.field == name })
		if at < 0 {
			r, ok := newRelation(s, c, name)
			if !ok || len(relations) == mostRelations || strings.Count(path, ".") >= deepest {
				return nil, ReasonExpand
			}
			at, relations = len(relations), append(relations, r)
		}
		if rest != "" {
			relations[at].rest = strings.TrimPrefix(relations[at].rest+","+rest, ",")
		}
	}
	for _, r := range relations { // PocketBase expands nothing on a path that is wrong
		if _, reason := parseExpand(s, r.to, r.rest); reason != "" {
			return nil, reason
		}
	}
	slices.SortFunc(relations, func(a, b relation) int { return strings.Compare(a.field, b.field) })
	return relations, ""
}

func newRelation(s *schema, c *core.Collection, name string) (relation, bool) {
	field, ok := c.Fields.GetByName(name).(*core.RelationField)
	if !ok || backRelation.MatchString(name) {
		return relation{}, false
	}
	to := s.find(field.CollectionId)
	return relation{field: name, key: quoted(name), to: to, multiple: field.IsMultiple()}, to != nil
}

// related builds the query for as many related records as the key says, as
// PocketBase's FindRecordsByIds does.
func (c compiler) related(made *plan) Reason {
	ids := make([]any, c.key.shape.perPage)
	for i := range ids {
		ids[i] = c.m.textOf(i)
	}
	collection := c.key.collection
	query := c.app.RecordQuery(collection).AndWhere(dbx.In(collection.Name+".id", ids...))
	if c.rule != "" {
		info := *c.info
		info.Context = core.RequestInfoContextExpand
		resolver := core.NewRecordFieldResolver(c.app, collection, &info, true)
		expression, err := search.FilterData(c.rule).BuildExpr(resolver)
		if err != nil {
			return ReasonRefused
		}
		query.AndWhere(expression)
		if err := resolver.UpdateQuery(query); err != nil {
			return ReasonRefused
		}
	}
	var err error
	if made.rows, err = newStatement(c.db, query.Build(), c.m); err != nil {
		return ReasonValues
	}
	if strings.Contains(made.rows.text, " JOIN ") {
		text, err := c.byNumber(made.rows, numbers(query, collection.Name).Build())
		if err != nil {
			return ReasonValues
		}
		if text != "" {
			made.rows.text = text // the order of related records is that of the relation
		}
	}
	made.bounded = isLookup(made.rows.text)
	return ""
}

// gathering is rows of a query as JSON, with a gap each for what they are related to.
type gathering struct {
	relations []relation
	columns   []int // of the relations
	wanted    []wanted
	ids       []string // of the rows themselves
	ends      []int    // of each row
	gaps      []int    // within each row
	// refers says for each row and relation how many related records there are, and
	// which ones, by their places in wanted.
	refers []int
	begins []int // of each row, in refers
}

// wanted are related records.
type wanted struct {
	ids   []string
	place map[string]int
	found [][]byte
}

func newGathering(relations []relation) *gathering {
	return &gathering{relations: relations, wanted: make([]wanted, len(relations))}
}

// gather reads the rows of a plan and appends them to dst.
func (c *call) gather(p *plan, v *values, w *workspace, dst []byte, g *gathering) ([]byte, Reason) {
	reason := c.each(p, p.rows, v, w, func(columns []string, row []sqlite.Value) (err error) {
		reader := c.reader(p, columns)
		if g.ends == nil {
			for _, r := range g.relations {
				g.columns = append(g.columns, slices.Index(columns, r.field))
			}
		}
		id, err := asStored(value(row, reader.id))
		if err != nil {
			return err
		}
		text, _ := id.(string)
		g.ids, g.begins = append(g.ids, text), append(g.begins, len(g.refers))
		if dst, err = reader.append(dst, row, c.values.callerID, g); err != nil {
			return err
		}
		g.ends = append(g.ends, len(dst))
		return nil
	})
	return dst, reason
}

// gap leaves a gap in a row.
func (g *gathering) gap(at int, row []sqlite.Value) bool {
	g.gaps = append(g.gaps, at)
	for i, r := range g.relations {
		count := len(g.refers)
		g.refers = append(g.refers, 0)
		ok := eachRelated(value(row, g.columns[i]), r.multiple, func(id string) {
			g.refers = append(g.refers, g.wanted[i].want(id))
			g.refers[count]++
		})
		if !ok {
			return false
		}
	}
	return true
}

// want returns the place of an id, which is the memory of a row.
func (w *wanted) want(id string) int {
	if at, ok := w.place[id]; ok {
		return at
	}
	if w.place == nil {
		w.place = map[string]int{}
	}
	id = strings.Clone(id)
	w.place[id] = len(w.ids)
	w.ids = append(w.ids, id)
	return len(w.ids) - 1
}

// eachRelated calls use for the ids in a relation's column. It fails on what
// PocketBase has not written.
func eachRelated(v *sqlite.Value, multiple bool, use func(id string)) bool {
	switch {
	case v.Type == sqlite.Null || v.Type == sqlite.Text && v.Text == "":
		return true
	case v.Type != sqlite.Text:
		return false
	case !multiple:
		use(v.Text)
		return strings.IndexByte(v.Text, '[') < 0
	}
	ids, ok := plainNames(v.Text)
	for _, id := range ids {
		use(id)
	}
	return ok
}

// mostAtOnce is how many related records one query asks for.
const mostAtOnce = 256

// find reads the related records that the caller may view, and what they are related
// to in turn.
func (c *call) find(g *gathering, w *workspace) Reason {
	if len(g.ends) == 0 {
		return ""
	}
	for i, r := range g.relations {
		wanted := &g.wanted[i]
		wanted.found = make([][]byte, len(wanted.ids))
		if reason := c.related(r, 1).reason; reason != "" { // even if there are none
			return reason
		}
		for ids := wanted.ids; len(ids) > 0; {
			n := min(len(ids), mostAtOnce)
			if reason := c.findSome(r, ids[:n], wanted, w); reason != "" {
				return reason
			}
			ids = ids[n:]
		}
	}
	return ""
}

// findSome reads some of them. The queries have places for 1, 2, 4 and so on ids, so
// that few are kept; what is too many repeats the last one.
func (c *call) findSome(r relation, ids []string, into *wanted, w *workspace) Reason {
	size := 1
	for size < len(ids) {
		size *= 2
	}
	some := values{callerID: c.values.callerID}
	for i := range size {
		some.literals = append(some.literals, ids[min(i, len(ids)-1)])
	}
	p := c.related(r, size)
	if p.reason != "" {
		return p.reason
	}
	g := newGathering(p.relations)
	text, reason := c.gather(p, &some, w, nil, g)
	if reason != "" {
		return reason
	}
	if reason := c.find(g, w); reason != "" {
		return reason
	}
	for n, id := range g.ids {
		if at, ok := into.place[id]; ok {
			into.found[at] = g.row(text, n)
		}
	}
	return ""
}

// row is a row with what it is related to.
func (g *gathering) row(text []byte, n int) []byte {
	if len(g.relations) == 0 {
		start := 0
		if n > 0 {
			start = g.ends[n-1]
		}
		return text[start:g.ends[n]]
	}
	return g.appendRow(nil, text, n)
}

// appendRow appends a row, with the gap filled by the object of what it is related to.
func (g *gathering) appendRow(dst, text []byte, n int) []byte {
	start := 0
	if n > 0 {
		start = g.ends[n-1]
	}
	dst = append(dst, text[start:g.gaps[n]]...)
	next, refers := byte('{'), g.refers[g.begins[n]:]
	for i := range g.relations {
		count := refers[0]
		before := len(dst)
		dst = append(dst, next)
		if dst = g.appendRelated(dst, i, refers[1:1+count]); len(dst) == before+1 {
			dst = dst[:before]
		} else {
			next = ','
		}
		refers = refers[1+count:]
	}
	if next == '{' {
		dst = append(dst, '{')
	}
	return append(append(dst, '}'), text[g.gaps[n]:g.ends[n]]...)
}

// appendRelated appends what a row is related to by one relation, and nothing if that
// is gone or not for the caller.
func (g *gathering) appendRelated(dst []byte, i int, places []int) []byte {
	r, any := &g.relations[i], false
	for _, at := range places {
		found := g.wanted[i].found[at]
		switch {
		case found == nil:
			continue
		case any:
			dst = append(dst, ',')
		default:
			dst = append(dst, r.key...)
			if r.multiple {
				dst = append(dst, '[')
			}
		}
		dst, any = append(dst, found...), true
		if !r.multiple {
			return dst
		}
	}
	if any {
		dst = append(dst, ']')
	}
	return dst
}
