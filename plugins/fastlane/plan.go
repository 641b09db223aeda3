package fastlane

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// action is one of the requests that the lane knows.
type action int

const (
	view action = iota
	list
	related // records that others are expanded with
	create
	update
	remove
	batch
	file
	refresh // of a token

	actions // how many there are
)

// actionNames are what people and metrics call those that are requests.
var actionNames = [actions]string{view: "view", list: "list", create: "create", update: "update", remove: "delete", batch: "batch", file: "file", refresh: "refresh"}

// methods are those of requests that read and write records.
var methods = [actions]string{
	view: http.MethodGet, list: http.MethodGet, related: http.MethodGet, create: http.MethodPost, update: http.MethodPatch, remove: http.MethodDelete,
}

// planKey is all that a plan depends on besides the schema.
type planKey struct {
	collection *core.Collection
	action     action
	caller     callerKind
	shape      shape
}

// callerKind is all of a caller that a query can depend on but its id.
type callerKind struct {
	collection *core.Collection // nil for guests
	verified   bool
}

// superuser tells whether all is allowed.
func (k callerKind) superuser() bool {
	return k.collection != nil && k.collection.Name == core.CollectionNameSuperusers
}

// rule is what applies to requests of the key, nil if they are for superusers only.
func (k planKey) rule() *string {
	if k.caller.superuser() && (k.action == view || k.action == list || k.action == related) {
		return new(string)
	}
	return ruleOf(k.collection, k.action)
}

// shape is all of a request's parameters that a query can depend on but values.
type shape struct {
	filter, sort, fields, expand string
	perPage                      int
	joins                        bool // the filter or the sort follow relations
	batch                        bool // the request is one of a batch
}

// plan is how requests of a kind are answered.
type plan struct {
	reason Reason // why they are not, "" if they are
	rule   string // the one it was made from
	rows   *statement
	count  *statement // of a list
	layout *layout
	// relations are expanded.
	relations []relation
	reader    atomic.Pointer[rowReader]
	picks     bool // PocketBase picks the fields of the whole answer
	bounded   bool // it looks some rows up and nothing else, which takes no time
	steady    bool // the order of its rows does not matter
	personal  bool // of a related record: it may depend on who asks for it
	// writing is how rows are written, nil if they are read.
	writing *writing
	// slowUntil is until when writes are left to PocketBase, in Unix nanoseconds.
	slowUntil atomic.Int64
	// shelf is where files are.
	shelf *shelf
}

func handedOn(r Reason) *plan { return &plan{reason: r} }

// compiler makes a plan.
type compiler struct {
	app    core.App
	db     *dbx.DB
	schema *schema
	key    planKey
	rule   string
	info   *core.RequestInfo
	m      marks
}

// compile makes the plan of a key, from PocketBase's own query for such a request.
func compile(app core.App, db *dbx.DB, s *schema, key planKey, t template) *plan {
	c := key.collection
	rule := key.rule()
	use := useOf(rule)
	switch {
	case rule == nil:
		return handedOn(ReasonLocked)
	case use.problem != "":
		return handedOn(use.problem)
	case key.shape.joins && s.joined != "":
		return handedOn(s.joined)
	case c.IsAuth() && c.ManageRule != nil && *c.ManageRule != "":
		return handedOn(ReasonManage)
	}
	relations, reason := parseExpand(s, c, key.shape.expand)
	if reason != "" {
		return handedOn(reason)
	}
	fields := key.shape.fields
	picks := fields != "" && (len(relations) > 0 || !simpleFields.MatchString(fields))
	if picks {
		fields = ""
	}
	l, reason := newLayout(c, fields, len(relations) > 0, key.caller.superuser())
	if reason != "" {
		return handedOn(reason)
	}
	m := newMarks()
	made := &plan{rule: *rule, layout: l, relations: relations, picks: picks}
	compiler := compiler{app: app, db: db, schema: s, key: key, rule: *rule, info: infoOf(key, m), m: m}
	if use.times {
		var ok bool
		if compiler.rule, ok = compiler.m.markMacros(*rule); !ok || key.action != view && key.action != list && key.action != related {
			return handedOn(ReasonTime)
		}
	}
	if reason := compiler.backs(relations); reason != "" {
		return handedOn(reason)
	}
	switch key.action {
	case view:
		made.reason = compiler.view(made)
	case list:
		made.reason = compiler.list(made, t)
	case related:
		made.reason = compiler.related(made)
	case create, update, remove:
		made.reason = compiler.write(made)
	}
	if made.reason == "" && made.rows != nil && len(made.rows.text) > longestQuery {
		return handedOn(ReasonLong)
	}
	return made
}

// longestQuery is how long a query is that is kept, in bytes. Clients can ask for many
// that are six times as long, and package sqlite keeps no longer statement.
const longestQuery = 16 << 10

// ruleOf is the rule for an action, nil if it is for superusers only.
func ruleOf(c *core.Collection, a action) *string {
	switch a {
	case list:
		return c.ListRule
	case create:
		return c.CreateRule
	case update:
		return c.UpdateRule
	case remove:
		return c.DeleteRule
	}
	return c.ViewRule
}

// infoOf is what PocketBase knows of a request of that kind.
func infoOf(key planKey, m marks) *core.RequestInfo {
	kind := key.caller
	info := &core.RequestInfo{
		Context: core.RequestInfoContextDefault,
		Method:  methods[key.action],
		Query:   map[string]string{}, Headers: map[string]string{}, Body: map[string]any{},
	}
	if key.shape.batch {
		info.Context = core.RequestInfoContextBatch
	}
	if kind.collection != nil {
		info.Auth = core.NewRecord(kind.collection)
		info.Auth.Id = m.caller
		info.Auth.SetVerified(kind.verified)
	}
	return info
}

// view builds the query as PocketBase's FindRecordById does for recordView.
func (c compiler) view(made *plan) Reason {
	query := c.app.RecordQuery(c.key.collection).
		AndWhere(dbx.HashExp{c.key.collection.Name + ".id": c.m.record})
	if c.rule != "" {
		resolver := core.NewRecordFieldResolver(c.app, c.key.collection, c.info, true)
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
	query.Distinct(false) // it is one row, however often it is found
	if made.rows, err = newStatement(c.db, query.Limit(1).Build(), c.m); err != nil {
		return ReasonValues
	}
	made.bounded, made.steady = isLookup(made.rows.text), true
	return ""
}

// isLookup tells whether a query for ids does nothing but find them.
func isLookup(text string) bool {
	return !strings.Contains(text, " JOIN ") && strings.Count(text, "SELECT") == 1
}

// list builds the queries as PocketBase's recordsList and its search provider do.
func (c compiler) list(made *plan, t template) Reason {
	collection := c.key.collection
	query := c.app.RecordQuery(collection)
	resolver := core.NewRecordFieldResolver(c.app, collection, c.info, true)
	if c.rule != "" {
		expression, err := search.FilterData(c.rule).BuildExpr(resolver)
		if err != nil {
			return ReasonRefused
		}
		query.AndWhere(expression)
	}
	resolver.SetAllowHiddenFields(c.key.caller.superuser())
	if t.shape != "" {
		// others look at the filter itself, such as who refuses some of them
		if _, err := fexpr.Parse(t.filter); err != nil {
			return ReasonRefused
		}
		expression, err := search.FilterData(t.marked(c.m)).BuildExprWithLimit(resolver, search.DefaultFilterExprLimit)
		if err != nil {
			return ReasonRefused
		}
		query.AndWhere(expression)
	}
	if reason := c.sort(query, resolver); reason != "" {
		return reason
	}
	if err := resolver.UpdateQuery(query); err != nil {
		return ReasonRefused
	}
	return c.listStatements(made, query)
}

func (c compiler) sort(query *dbx.SelectQuery, resolver search.FieldResolver) Reason {
	if c.key.shape.sort == "" {
		return ""
	}
	fields := search.ParseSortFromString(c.key.shape.sort)
	if len(fields) > search.DefaultSortExprLimit {
		return ReasonSort
	}
	for _, field := range fields {
		if len(field.Name) > search.MaxSortFieldLength || strings.HasPrefix(field.Name, "@") {
			return ReasonSort
		}
		expression, err := field.BuildExpr(resolver)
		if err != nil {
			return ReasonRefused
		}
		query.AndOrderBy(expression)
	}
	return ""
}

func (c compiler) listStatements(made *plan, query *dbx.SelectQuery) Reason {
	all := *query
	all.Distinct(false).OrderBy()
	table := c.key.collection.Name
	joined := strings.Contains(all.Build().SQL(), " JOIN ")
	if joined {
		all.Select("COUNT(DISTINCT [[" + table + "._rowid_]])")
	} else {
		all.Select("COUNT(*)") // each row is there once
	}
	var err error
	if made.count, err = newStatement(c.db, all.Build(), c.m); err != nil {
		return ReasonValues
	}
	made.count.text = countAll(made.count.text)
	page := c.page(query)
	if made.rows, err = newStatement(c.db, page, c.m); err != nil {
		return ReasonValues
	}
	if joined {
		if made.rows.instead, err = c.byNumber(made.rows, c.page(numbers(query, table))); err != nil {
			return ReasonValues
		}
	}
	return ""
}

// page is the query for one page. dbx writes the numbers into the text, which would be
// another for each page.
func (c compiler) page(query *dbx.SelectQuery) *dbx.Query {
	page := query.Limit(int64(c.key.shape.perPage)).Build()
	return c.db.NewQuery(page.SQL() + " OFFSET {:" + offsetMark + "}").Bind(page.Params())
}

// numbers is a query for the numbers of the rows that another one selects.
func numbers(query *dbx.SelectQuery, table string) *dbx.SelectQuery {
	only := *query
	return only.Select("[[" + table + "._rowid_]] AS [[" + sqlite.RowAlias + "]]")
}

// byNumber is the text of a query that finds the rows' numbers first, "" if it has
// other arguments.
func (c compiler) byNumber(whole *statement, rows *dbx.Query) (string, error) {
	found, err := newStatement(c.db, rows, c.m)
	if err != nil || !slices.Equal(found.arguments, whole.arguments) {
		return "", err
	}
	return sqlite.Instead(c.db.QuoteSimpleTableName(c.key.collection.Name), found.text), nil
}

// countAll is a query that counts rows, without asking for each of them what is the
// same for all: SQLite counts whole tables by their pages.
func countAll(text string) string {
	const count, where = "SELECT COUNT(*) FROM ", " WHERE "
	table, condition, found := strings.Cut(strings.TrimPrefix(text, count), where)
	if !found || !strings.HasPrefix(text, count) || strings.ContainsAny(condition, "`\"") || strings.Contains(condition, "SELECT") {
		return text
	}
	return "SELECT CASE WHEN " + condition + " THEN (" + count + table + ") ELSE 0 END"
}
