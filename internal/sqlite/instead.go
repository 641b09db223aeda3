package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"
)

// A page of rows that are joined with others is asked for by SELECT DISTINCT, as the
// joins repeat rows. SQLite then copies every row of the table that is found, with all
// its columns, to see whether it came before: ten times what finding them takes.
// Their row numbers would do, and reading the rows of the page by them. But the order
// of rows that no ORDER BY tells apart is that in which they are found, and for fewer
// columns SQLite may find them in another one, by another index.
//
// So the other query is run only if SQLite itself says that it makes the same loops
// for both: the same tables in the same order, each by the same index or row number. Then the same rows come
// in the same order into the same sort: a query with a LIMIT sorts by a table whose key
// ends in a sequence number.

// PageAlias and RowAlias are the names in a [Query.Instead].
const (
	PageAlias = "holdallPage"
	RowAlias  = "holdallRow"
)

// Instead returns the query that reads the rows of a table by their numbers, which
// rows selects as RowAlias.
func Instead(quotedTable, rows string) string {
	return "SELECT " + quotedTable + ".* FROM (" + rows + ") AS `" + PageAlias + "` CROSS JOIN " + quotedTable +
		" ON " + quotedTable + ".`_rowid_` = `" + PageAlias + "`.`" + RowAlias + "`"
}

// mostProofs is how often a kept statement is compared in vain. One that SQLite compiles
// again with each value never stays the same.
const mostProofs = 4

// proof is what was found out about a statement that is to be run instead of another.
type proof struct {
	is       bool // a proof was made
	same     bool
	versions int32 // of the statement
	made     int   // how many since the statement last ran
}

// errOtherPlan is of a statement that was compiled again since it was compared.
var errOtherPlan = errors.New("sqlite: the statement was compiled again")

// readInstead runs q.Instead, if it is there and gives the same rows in the same
// order. It tells whether it did, or has failed to.
func (c *conn) readInstead(q Query, use func(columns []string, row []Value) error) (done bool, err error) {
	if q.Instead == "" {
		return false, nil
	}
	if _, is := c.queries.byKey[as(q.Instead)]; !is && !c.seen.has(q.Text) {
		return false, nil
	}
	k := c.keep(as(q.Instead))
	if k == nil || !c.proven(k.compiled, q) {
		return false, nil
	}
	q.Text = q.Instead
	if err = c.readKept(k, q, use); errors.Is(err, errOtherPlan) || errors.Is(err, errTimes) {
		return false, nil // which is found before the first row
	}
	k.compiled.proof.made = 0
	return true, err
}

// proven tells whether the statement, as it is compiled now, may be run.
func (c *conn) proven(s *compiled, q Query) bool {
	versions := s.compilations()
	if s.proof.is && s.proof.versions == versions {
		return s.proof.same
	}
	if s.proof.made == mostProofs {
		return false
	}
	same := c.samePlan(q)
	s.proof = proof{is: true, same: same, versions: versions, made: s.proof.made + 1}
	return same
}

// compilations is how often SQLite has compiled the statement again.
func (s *compiled) compilations() int32 {
	return sqlite3.Xsqlite3_stmt_status(s.of.thread, s.handle, sqlite3.SQLITE_STMTSTATUS_REPREPARE, 0)
}

// samePlan compares the loops of both queries.
func (c *conn) samePlan(q Query) bool {
	whole, err := c.plan(q.Text, q.Arguments)
	if err != nil {
		return false
	}
	instead, err := c.plan(q.Instead, q.Arguments)
	if err != nil || !isPage(whole, instead) {
		return false
	}
	// the plan must not depend on the values, as it would with samples of the table
	k := c.keep(as(q.Text))
	if k == nil {
		return false
	}
	versions := k.compiled.compilations()
	stop := errors.New("one row is enough")
	if err := k.compiled.read(q, nil, func([]string, []Value) error { return stop }); err != nil && !errors.Is(err, stop) {
		return false
	}
	return k.compiled.compilations() == versions
}

// planStep is a line of EXPLAIN QUERY PLAN.
type planStep struct {
	depth int
	text  string
}

// What differs between queries that do the same: the numbers of subqueries, and
// whether an index has all columns that are wanted.
var (
	planNumber   = regexp.MustCompile(`(SUBQUERY |subquery-)\d+`)
	planCovering = strings.NewReplacer("USING COVERING INDEX", "USING INDEX")
)

// plan is how SQLite runs a query.
func (c *conn) plan(query string, arguments []Value) (steps []planStep, err error) {
	rows, err := c.driverConn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, named(arguments))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	depths := map[int64]int{0: 0}
	for row := make([]driver.Value, 4); ; {
		if err := rows.Next(row); errors.Is(err, io.EOF) {
			return steps, nil
		} else if err != nil {
			return nil, err
		}
		id, hasID := row[0].(int64)
		parent, hasParent := row[1].(int64)
		text, hasText := row[3].(string)
		depth, known := depths[parent]
		if !hasID || !hasParent || !hasText || !known {
			return nil, fmt.Errorf("sqlite: a plan with the line %v", row)
		}
		depths[id] = depth + 1
		steps = append(steps, planStep{depth, planCovering.Replace(planNumber.ReplaceAllString(text, "$1"))})
	}
}

// distinct is how SQLite says that it keeps a table of what it has found. It needs none
// for row numbers that come in their order: then one that repeats follows itself.
var distinct = planStep{0, "USE TEMP B-TREE FOR DISTINCT"}

// isPage tells whether a plan reads rows by the numbers that the other one finds.
func isPage(whole, instead []planStep) bool {
	const most = 3 // lines around those that find the numbers
	if !slices.Contains(whole, distinct) || len(instead) <= most {
		return false
	}
	inner, outer := instead[1:len(instead)-2], slices.Delete(slices.Clone(instead), 1, len(instead)-2)
	if outer[0] != (planStep{0, "CO-ROUTINE " + PageAlias}) && outer[0] != (planStep{0, "MATERIALIZE " + PageAlias}) ||
		outer[1] != (planStep{0, "SCAN " + PageAlias}) ||
		outer[2].depth != 0 || !strings.HasSuffix(outer[2].text, " USING INTEGER PRIMARY KEY (rowid=?)") {
		return false
	}
	inner = slices.Clone(inner)
	for i := range inner {
		inner[i].depth--
	}
	without := slices.DeleteFunc(slices.Clone(whole), func(s planStep) bool { return s == distinct })
	return slices.Equal(inner, whole) || slices.Equal(inner, without)
}
