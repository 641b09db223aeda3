package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// examination is a look at the queries of all collections.
type examination struct {
	app      core.App
	config   Config
	auth     []*core.Collection
	rows     map[string]int64 // of large tables
	findings []Finding
	proposed []string // indexes
}

// checkQueries asks SQLite how it goes about the lists that clients ask for, in the
// database as it is.
func checkQueries(ctx context.Context, app core.App, c Config) ([]Finding, error) {
	collections, err := app.FindAllCollections()
	if err != nil {
		return nil, err
	}
	x := &examination{app: app, config: c, rows: map[string]int64{}}
	for _, collection := range collections {
		if collection.IsAuth() && collection.Name != core.CollectionNameSuperusers {
			x.auth = append(x.auth, collection)
		}
		if collection.IsView() {
			continue
		}
		n, err := countUpTo(ctx, app, collection.Name, c.Large)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			x.rows[collection.Name] = n
		}
	}
	if len(x.rows) == 0 {
		return nil, nil // everything is fast
	}
	for _, collection := range collections {
		if collection.ListRule == nil || collection.System || collection.IsView() {
			continue
		}
		if err := x.list(ctx, collection); err != nil {
			return x.findings, err
		}
	}
	for _, collection := range collections {
		if !collection.System && x.rows[collection.Name] > 0 {
			x.relations(collection)
		}
	}
	return x.findings, nil
}

// countUpTo counts the rows of a table that has at least as many, and returns 0 for
// others.
func countUpTo(ctx context.Context, app core.App, table string, least int64) (int64, error) {
	var n int64
	db := app.ConcurrentDB()
	err := db.NewQuery(fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM {{%s}} LIMIT {:least})", table)).Bind(dbx.Params{"least": least}).WithContext(ctx).Row(&n)
	if err != nil || n < least {
		return 0, err
	}
	err = db.NewQuery(fmt.Sprintf("SELECT count(*) FROM {{%s}}", table)).WithContext(ctx).Row(&n)
	return n, err
}

// caller is a made-up account that the rule may admit.
func (x *examination) caller(r rule) *core.Record {
	for _, c := range x.auth {
		if len(x.auth) == 1 || slices.ContainsFunc(r.comparison, func(e fexpr.Expr) bool { return e.Left.Literal == c.Name || e.Right.Literal == c.Name }) {
			return made(c)
		}
	}
	if len(x.auth) == 0 {
		return nil
	}
	return made(x.auth[0])
}

func made(c *core.Collection) *core.Record {
	record := core.NewRecord(c)
	record.Id = security.PseudorandomString(15)
	record.SetEmail(record.Id + "@example.com")
	record.SetVerified(true)
	return record
}

// list looks at the lists of a collection.
func (x *examination) list(ctx context.Context, c *core.Collection) error {
	r := newRule(c, "listRule", c.ListRule)
	if r.invalid != nil {
		return nil // it is found elsewhere
	}
	caller := x.caller(r)
	l, err := buildList(x.app, c, caller, "")
	if err != nil {
		x.findings = append(x.findings, Finding{
			"queries.unusable-rule", Error, r.where(), fmt.Sprintf("The rule makes no query (%v), so every list of %s fails.", err, c.Name),
			"Write the rule again in the dashboard, which checks it.",
		})
		return nil
	}
	plan, err := steps(ctx, x.app.ConcurrentDB(), l)
	if err != nil {
		return fmt.Errorf("explain the list of %s: %w", c.Name, err)
	}
	if slow := x.slow(l, plan, r); len(slow) > 0 {
		return x.tellSlow(ctx, l, r, slow)
	}
	x.contains(r)
	x.multiple(r)
	return x.sorts(ctx, c, r, caller)
}

// slow are the large tables of which a list reads all. A list that everybody may read
// as a whole begins with the first rows of its own table.
func (x *examination) slow(l list, plan []step, r rule) []string {
	return slices.DeleteFunc(l.scanned(plan), func(table string) bool {
		return x.rows[table] == 0 || table == l.collection.Name && !restricts(r)
	})
}

// restricts tells whether a rule is about the records, and not only about the caller.
func restricts(r rule) bool {
	return slices.ContainsFunc(r.names(), func(name string) bool {
		return !strings.HasPrefix(name, "@") || strings.HasPrefix(name, "@collection.")
	})
}

func (x *examination) tellSlow(ctx context.Context, l list, r rule, slow []string) error {
	table := slow[0]
	indexes, err := l.remedy(ctx, x.app, wanted(x.app, r), func(plan []step) bool { return len(x.slow(l, plan, r)) == 0 })
	if err != nil && !errors.Is(err, errStale) {
		return fmt.Errorf("look for an index for %s: %w", r.where(), err)
	}
	if err != nil && !x.stale(ctx, table) {
		return nil // SQLite knows that the index finds too many rows to be worth it
	}
	f := Finding{
		Code: "queries.slow-rule", Severity: Warning, Where: r.where(),
		Problem: fmt.Sprintf("Every list of %s reads all %s of %s, as no index fits the rule.", l.collection.Name, plural(x.rows[table], "row"), table),
	}
	switch {
	case err != nil:
		f.Problem = fmt.Sprintf("Every list of %s reads all %s of %s, although there are indexes: what SQLite believes of the data is out of date.", l.collection.Name, plural(x.rows[table], "row"), table)
		f.Remedy = "Run the SQL statement ANALYZE on data.db while the server has little to do."
	case len(indexes) > 0:
		f.Remedy = "Add to the indexes: " + strings.Join(indexes, "; ") + "."
		x.proposed = append(x.proposed, indexes...)
	case hasOr(r):
		f.Remedy = "No single index helps: SQLite cannot look up alternatives (`||`) that go through different relations. Split the list into two collections or views, or store what the rule asks for in a field of the record."
	default:
		f.Remedy = "No index helps with such a comparison. Compare by equality with a field of the record, and give that an index."
	}
	x.findings = append(x.findings, f)
	return nil
}

// stale tells whether SQLite believes that a table is much smaller than it is.
func (x *examination) stale(ctx context.Context, table string) bool {
	const much = 4
	var believed int64
	err := x.app.ConcurrentDB().NewQuery("SELECT coalesce(max(CAST(stat AS INTEGER)), 0) FROM sqlite_stat1 WHERE tbl = {:table}").
		Bind(dbx.Params{"table": table}).WithContext(ctx).Row(&believed)
	return err == nil && x.rows[table] > much*believed
}

func hasOr(r rule) bool { return strings.Contains(r.text, "||") }

// contains finds comparisons that no index helps with.
func (x *examination) contains(r rule) {
	rows := x.rows[r.collection.Name]
	if rows == 0 {
		return
	}
	for _, e := range r.comparison {
		like := slices.Contains([]fexpr.SignOp{fexpr.SignLike, fexpr.SignNlike, fexpr.SignAnyLike}, e.Op)
		if !like || len(identifiers(e.Left)) == 0 || strings.HasPrefix(e.Left.Literal, "@") {
			continue
		}
		x.findings = append(x.findings, Finding{
			"queries.contains", Note, r.where(), fmt.Sprintf("The rule looks for a text within %s, which no index helps with.", e.Left.Literal),
			fmt.Sprintf("Compare by equality, as %s has %s and will have more.", r.collection.Name, plural(rows, "row")),
		})
		return
	}
}

// multiple finds relations to several records, which are stored as one text.
func (x *examination) multiple(r rule) {
	rows := x.rows[r.collection.Name]
	if rows == 0 {
		return
	}
	for _, name := range r.names() {
		first, _, _ := strings.Cut(name, ".")
		relation, ok := r.collection.Fields.GetByName(strings.Split(first, ":")[0]).(*core.RelationField)
		if !ok || !relation.IsMultiple() {
			continue
		}
		x.findings = append(x.findings, Finding{
			"queries.multi-relation", Note, r.where(),
			fmt.Sprintf("The rule goes through %s, whose several records are stored as one text: it is taken apart for each of %s.", relation.Name, plural(rows, "row")),
			"Make a collection for the pairs, with a relation and an index each way.",
		})
		return
	}
}

// sorts looks at the orders that clients ask for.
func (x *examination) sorts(ctx context.Context, c *core.Collection, r rule, caller *core.Record) error {
	rows := x.rows[c.Name]
	if rows == 0 {
		return nil
	}
	orders, ok := x.config.Sorts[c.Name]
	if !ok && c.Fields.GetByName("created") != nil {
		orders = []string{"-created"}
	}
	for _, order := range orders {
		l, err := buildList(x.app, c, caller, order)
		if err != nil {
			return err
		}
		plan, err := steps(ctx, x.app.ConcurrentDB(), l)
		if err != nil {
			return fmt.Errorf("explain the list of %s by %s: %w", c.Name, order, err)
		}
		field, _, _ := strings.Cut(strings.TrimLeft(order, "+-"), ",")
		by := column{c.Name, field}
		if !sorted(plan) || c.Fields.GetByName(field) == nil || indexed(x.app, by) {
			continue
		}
		indexes, err := l.remedy(ctx, x.app, []column{by}, func(plan []step) bool { return !sorted(plan) })
		if err != nil && !errors.Is(err, errStale) {
			return fmt.Errorf("look for an index for %s by %s: %w", c.Name, order, err)
		}
		if len(indexes) == 0 {
			continue // the rows that the rule leaves are few, and have to be sorted
		}
		x.proposed = append(x.proposed, indexes...)
		x.findings = append(x.findings, Finding{
			"queries.slow-sort", Note, r.where(), fmt.Sprintf("A list of %s sorted by %s puts all %s in order first.", c.Name, order, plural(rows, "row")),
			"Add to the indexes: " + indexes[0] + ".",
		})
	}
	return nil
}

// relations finds relations that are looked up from the other side, without an index.
func (x *examination) relations(c *core.Collection) {
	for _, f := range c.Fields {
		relation, ok := f.(*core.RelationField)
		by := column{c.Name, f.GetName()}
		if !ok || relation.IsMultiple() || indexed(x.app, by) || slices.Contains(x.proposed, by.index()) {
			continue
		}
		target, err := x.app.FindCachedCollectionByNameOrId(relation.CollectionId)
		if err != nil {
			continue
		}
		x.findings = append(x.findings, Finding{
			"queries.unindexed-relation", Note, c.Name + "." + f.GetName(),
			fmt.Sprintf("Deleting a record of %s reads all %s of %s, to find those that point to it.", target.Name, plural(x.rows[c.Name], "row"), c.Name),
			"Add to the indexes: " + by.index() + ".",
		})
	}
}
