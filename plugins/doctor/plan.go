package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// list is the query of a list as a client gets it.
type list struct {
	collection *core.Collection
	sql        string
	params     dbx.Params
	// aliases are the tables that the query reads, by what it calls them.
	aliases map[string]string
}

// buildList makes the query that PocketBase makes of a list rule for the caller, with
// an order if sort is not empty.
func buildList(app core.App, c *core.Collection, caller *core.Record, sort string) (list, error) {
	info := &core.RequestInfo{Context: core.RequestInfoContextDefault, Method: "GET", Auth: caller, Query: map[string]string{}, Headers: map[string]string{}, Body: map[string]any{}}
	resolver := core.NewRecordFieldResolver(app, c, info, true)
	query := app.RecordQuery(c)
	if rule := *c.ListRule; strings.TrimSpace(rule) != "" {
		expression, err := search.FilterData(rule).BuildExpr(resolver)
		if err != nil {
			return list{}, fmt.Errorf("build the rule of %s: %w", c.Name, err)
		}
		query.AndWhere(expression)
	}
	var fields []search.SortField
	if sort != "" {
		fields = search.ParseSortFromString(sort)
	}
	for _, field := range fields {
		expression, err := field.BuildExpr(resolver)
		if err != nil {
			return list{}, fmt.Errorf("sort %s by %s: %w", c.Name, sort, err)
		}
		query.AndOrderBy(expression)
	}
	if err := resolver.UpdateQuery(query); err != nil {
		return list{}, err
	}
	built := query.Limit(int64(search.DefaultPerPage)).Build()
	return list{c, built.SQL(), built.Params(), aliases(built.SQL())}, nil
}

// source is a table in a query, and its alias, however they are quoted.
var source = regexp.MustCompile("(?i)(?:FROM|JOIN)\\s+[`\"\\[{]*(\\w+)[`\"\\]}]*(?:\\s+(?:AS\\s+)?[`\"\\[{]*(\\w+)[`\"\\]}]*)?")

// keywords may follow a table that has no alias.
var keywords = []string{"LEFT", "JOIN", "ON", "WHERE", "ORDER", "GROUP", "LIMIT", "INNER", "CROSS"}

func aliases(sql string) map[string]string {
	tables := map[string]string{}
	for _, m := range source.FindAllStringSubmatch(sql, -1) {
		tables[m[1]] = m[1]
	}
	for _, m := range source.FindAllStringSubmatch(sql, -1) {
		if m[2] != "" && !slices.Contains(keywords, strings.ToUpper(m[2])) {
			tables[m[2]] = m[1]
		}
	}
	return tables
}

// step is one of a query plan.
type step struct {
	Detail string `db:"detail"`
}

// steps asks a database how it would go about a query.
func steps(ctx context.Context, db dbx.Builder, l list) ([]step, error) {
	var plan []step
	err := db.NewQuery("EXPLAIN QUERY PLAN " + l.sql).Bind(l.params).WithContext(ctx).All(&plan)
	return plan, err
}

// scan is how SQLite tells of reading a whole table, or a whole index of it.
var scan = regexp.MustCompile(`^SCAN (\w+)`)

// scanned are the tables of which all rows are read, each once.
func (l list) scanned(plan []step) []string {
	var tables []string
	for _, s := range plan {
		m := scan.FindStringSubmatch(s.Detail)
		if m == nil || strings.Contains(s.Detail, "VIRTUAL TABLE") {
			continue
		}
		if table := l.aliases[m[1]]; table != "" && !slices.Contains(tables, table) {
			tables = append(tables, table)
		}
	}
	return tables
}

// sorted tells whether the rows are put in order one by one, for want of an index.
func sorted(plan []step) bool {
	return slices.ContainsFunc(plan, func(s step) bool { return s.Detail == "USE TEMP B-TREE FOR ORDER BY" })
}

// column is one that an index may help with.
type column struct{ table, name string }

func (c column) index() string {
	return fmt.Sprintf("CREATE INDEX `idx_%s_%s` ON `%s` (`%[2]s`)", strings.Trim(c.table, "_"), c.name, c.table)
}

// wanted are the columns that the names of a rule compare or join by, without those
// that have an index.
func wanted(app core.App, r rule) []column {
	var columns []column
	for _, name := range r.names() {
		path, at := name, r.collection
		if rest, ok := strings.CutPrefix(name, "@collection."); ok {
			other, field, _ := strings.Cut(rest, ".")
			other, _, _ = strings.Cut(other, ":")
			found, err := app.FindCachedCollectionByNameOrId(other)
			if err != nil {
				continue
			}
			path, at = field, found
		} else if strings.HasPrefix(name, "@") {
			continue
		}
		for _, c := range along(app, at, path) {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return slices.DeleteFunc(columns, func(c column) bool { return indexed(app, c) })
}

// along are the columns on the way of a path.
func along(app core.App, c *core.Collection, path string) []column {
	var columns []column
	path, _, _ = strings.Cut(path, ":")
	for part := range strings.SplitSeq(path, ".") {
		if other, by, ok := strings.Cut(part, "_via_"); ok {
			next, err := app.FindCachedCollectionByNameOrId(other)
			if err != nil {
				return columns
			}
			columns, c = append(columns, column{next.Name, by}), next
			continue
		}
		field := c.Fields.GetByName(part)
		if field == nil {
			return columns
		}
		if part != core.FieldNameId && !isMultiple(field) && !c.IsView() {
			columns = append(columns, column{c.Name, part})
		}
		relation, ok := field.(*core.RelationField)
		if !ok {
			return columns
		}
		next, err := app.FindCachedCollectionByNameOrId(relation.CollectionId)
		if err != nil {
			return columns
		}
		c = next
	}
	return columns
}

func isMultiple(f core.Field) bool {
	several, ok := f.(core.MultiValuer)
	return ok && several.IsMultiple()
}

// leading is the first column of an index.
var leading = regexp.MustCompile("(?is)\\(\\s*[`\"\\[]?(\\w+)")

// indexed tells whether a whole index begins with the column.
func indexed(app core.App, c column) bool {
	if c.name == core.FieldNameId {
		return true
	}
	collection, err := app.FindCachedCollectionByNameOrId(c.table)
	if err != nil {
		return true // nobody could give it one
	}
	return slices.ContainsFunc(collection.Indexes, func(index string) bool {
		m := leading.FindStringSubmatch(index)
		return m != nil && strings.EqualFold(m[1], c.name) && !strings.Contains(strings.ToUpper(index), " WHERE ")
	})
}

// mostTried bounds how many columns are tried.
const mostTried = 12

// errStale is returned by remedy for a query that is as it should be in a database
// without statistics.
var errStale = errors.New("the statistics do not fit the data")

// remedy finds the fewest indexes after which cured holds of the query's plan, by
// trying them on a copy of the schema without rows. It returns nil if there are none.
func (l list) remedy(ctx context.Context, app core.App, columns []column, cured func([]step) bool) (indexes []string, err error) {
	columns = columns[:min(len(columns), mostTried)]
	db, err := copySchema(ctx, app)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	works := func(set []column) (bool, error) {
		for _, c := range set {
			if _, err := db.NewQuery(strings.Replace(c.index(), "CREATE INDEX", "CREATE INDEX IF NOT EXISTS", 1)).WithContext(ctx).Execute(); err != nil {
				return false, err
			}
		}
		plan, err := steps(ctx, db, l)
		for _, c := range set {
			name := strings.Split(c.index(), "`")[1]
			if _, dropErr := db.NewQuery("DROP INDEX `" + name + "`").Execute(); dropErr != nil {
				err = errors.Join(err, dropErr)
			}
		}
		return err == nil && cured(plan), err
	}
	if ok, err := works(nil); err != nil {
		return nil, err
	} else if ok {
		return nil, errStale
	}
	for _, c := range columns {
		if ok, err := works([]column{c}); ok || err != nil {
			return []string{c.index()}, err
		}
	}
	if ok, err := works(columns); !ok || err != nil {
		return nil, err
	}
	// now leave out what is not needed
	for i := len(columns) - 1; i >= 0; i-- {
		fewer := slices.Delete(slices.Clone(columns), i, i+1)
		ok, err := works(fewer)
		if err != nil {
			return nil, err
		}
		if ok {
			columns = fewer
		}
	}
	for _, c := range columns {
		indexes = append(indexes, c.index())
	}
	return indexes, nil
}

// copySchema makes an empty database in memory with the tables and indexes of the
// app's. SQLite plans on it as it does for large tables.
func copySchema(ctx context.Context, app core.App) (*dbx.DB, error) {
	var statements []string
	err := app.ConcurrentDB().NewQuery(`SELECT sql FROM sqlite_schema WHERE type IN ('table', 'index', 'view') AND sql <> ''
		AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY type = 'view', type = 'index', rowid`).WithContext(ctx).Column(&statements)
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	db, err := dbx.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	db.DB().SetMaxOpenConns(1) // another connection would have another database
	for _, statement := range statements {
		// what belongs to a virtual table, which is left out, fails and is of no interest
		_, _ = db.DB().ExecContext(ctx, statement)
	}
	return db, nil
}
