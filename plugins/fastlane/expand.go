package fastlane

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
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
	// from is the field of the other collection that leads back here, nil if it is one
	// of this collection.
	from *core.RelationField
	back *statement // finds the ids of those that do
}

const (
	// mostRelations is how many relations of one collection a request may expand.
	mostRelations = 8

	// deepest is how many relations PocketBase follows one after the other.
	deepest = 6
)

// The latter is PocketBase's own.
var (
	simpleExpand = regexp.MustCompile(`^\w+(\.\w+)*(,\w+(\.\w+)*)*$`)
	backRelation = regexp.MustCompile(`^(\w+)_via_(\w+)$`)
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
	r := relation{field: name, key: quoted(name)}
	if parts := backRelation.FindStringSubmatch(name); parts != nil {
		if r.to = s.find(parts[1]); r.to == nil || c.Fields.GetByName(name) != nil {
			return r, false
		}
		r.from, _ = r.to.Fields.GetByName(parts[2]).(*core.RelationField)
		if r.from == nil || r.from.CollectionId != c.Id {
			return r, false
		}
		_, one := dbutils.FindSingleColumnUniqueIndex(r.to.Indexes, r.from.GetName())
		r.multiple = !one
		return r, true
	}
	field, ok := c.Fields.GetByName(name).(*core.RelationField)
	if !ok {
		return r, false
	}
	r.to, r.multiple = s.find(field.CollectionId), field.IsMultiple()
	return r, r.to != nil
}

// backs builds the queries for what leads back, as PocketBase's expandRecords does.
func (c compiler) backs(relations []relation) Reason {
	const most = 1000 // as many as PocketBase takes
	for i := range relations {
		r := &relations[i]
		if r.from == nil {
			continue
		}
		name := r.from.GetName()
		query := c.db.Select("id").From(r.to.Name).Limit(most)
		if r.from.IsMultiple() {
			query.AndWhere(dbx.Exists(dbx.NewExp("SELECT 1 FROM " + dbutils.JSONEach(name) + " je WHERE je.value = {:id}")))
		} else {
			query.AndWhere(dbx.NewExp("[[" + name + "]] = {:id}"))
		}
		var err error
		if r.back, err = newStatement(c.db, query.Build().Bind(dbx.Params{"id": c.m.record}), c.m); err != nil {
			return ReasonValues
		}
	}
	return ""
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
	made.bounded, made.steady = isLookup(made.rows.text), true
	made.personal = c.rule != "" || collection.IsAuth() || c.key.shape.expand != ""
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
}

// wanted are related records.
type wanted struct {
	ids   []string
	place map[string]int
	found [][]byte
	// refers are the places of those that the rows are related to, one row after the
	// other, ends where those of each row end.
	refers, ends []int
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
		g.ids = append(g.ids, text)
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
	for i := range g.relations {
		r, w := &g.relations[i], &g.wanted[i]
		if r.from != nil {
			continue // the row does not tell
		}
		if !eachRelated(value(row, g.columns[i]), r.multiple, w.want) {
			return false
		}
		w.ends = append(w.ends, len(w.refers))
	}
	return true
}

// want notes an id, which is the memory of a row.
func (w *wanted) want(id string) {
	at, ok := w.place[id]
	if !ok {
		if w.place == nil {
			w.place = map[string]int{}
		}
		id, at = strings.Clone(id), len(w.ids)
		w.place[id] = at
		w.ids = append(w.ids, id)
	}
	w.refers = append(w.refers, at)
}

// lookBack finds what leads back to the rows.
func (c *call) lookBack(g *gathering, i int, w *workspace) Reason {
	wanted := &g.wanted[i]
	for _, id := range g.ids {
		reason := c.each(&plan{}, g.relations[i].back, &values{recordID: id}, w, func(_ []string, row []sqlite.Value) error {
			if row[0].Type != sqlite.Text || row[0].Text == "" {
				return errors.New("fastlane: a record without an id")
			}
			wanted.want(row[0].Text)
			return nil
		})
		if reason != "" {
			return reason
		}
		wanted.ends = append(wanted.ends, len(wanted.refers))
	}
	return ""
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
	now := momentOf(c.db.DB())
	if !c.plugin.related.are(now) {
		now = moment{}
	}
	for i, r := range g.relations {
		wanted := &g.wanted[i]
		if r.from != nil {
			if reason := c.lookBack(g, i, w); reason != "" {
				return reason
			}
		}
		wanted.found = make([][]byte, len(wanted.ids))
		if reason := c.findRelated(r, now, wanted, w); reason != "" {
			return reason
		}
	}
	return ""
}

// findRelated reads the related records of one relation that are not known as of now, if
// any are.
func (c *call) findRelated(r relation, now moment, into *wanted, w *workspace) Reason {
	one := c.related(r, 1)
	if one.reason != "" { // even if there are none
		return one.reason
	}
	lasts, reason := c.lasts(one)
	if reason != "" {
		return reason
	}
	known := &c.plugin.related
	if !lasts || now == (moment{}) {
		return c.findAll(r, into.ids, into, w)
	}
	of := relativeOf(one, c.values.callerID)
	others := known.find(now, of, into)
	reason = c.findAll(r, others, into, w)
	if reason == "" && len(others) > 0 && (momentOf(now.db) == now || known.anyState) {
		known.keep(now, of, others, into)
	}
	return reason
}

// lasts tells whether related records of a plan, and what they are expanded with in turn,
// are the same for as long as nothing is committed.
func (c *call) lasts(p *plan) (lasts bool, reason Reason) {
	lasts = p.lasts()
	for _, r := range p.relations {
		related := c.related(r, 1)
		if related.reason != "" {
			return false, related.reason
		}
		others, reason := c.lasts(related)
		if reason != "" {
			return false, reason
		}
		lasts = lasts && others
	}
	return lasts, ""
}

// findAll reads the records with these ids.
func (c *call) findAll(r relation, ids []string, into *wanted, w *workspace) Reason {
	for len(ids) > 0 {
		n := min(len(ids), mostAtOnce)
		if reason := c.findSome(r, ids[:n], into, w); reason != "" {
			return reason
		}
		ids = ids[n:]
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
	next := byte('{')
	for i := range g.relations {
		w, first := &g.wanted[i], 0
		if n > 0 {
			first = w.ends[n-1]
		}
		before := len(dst)
		dst = append(dst, next)
		if dst = g.appendRelated(dst, i, w.refers[first:w.ends[n]]); len(dst) == before+1 {
			dst = dst[:before]
		} else {
			next = ','
		}
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
