package collections_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// A list begins at the caller's memberships and finds its records by index: it
// never reads a whole table, which has the records of all organizations.
func TestListsDoNotReadWholeTables(t *testing.T) {
	t.Parallel()
	for _, definition := range collections.All() {
		for _, query := range []string{"", "?sort=-created"} {
			t.Run(definition.Name+query, func(t *testing.T) {
				t.Parallel()
				app := world.New(t)
				handler := pbtest.Handler(t, app)
				caller, err := person(app, viewer)
				if err != nil {
					t.Fatal(err)
				}
				request := pbtest.Request{
					Path:  "/api/collections/" + definition.Name + "/records" + query,
					Token: pbtest.Token(t, caller),
				}
				statements := selects(t, app, definition.Name, func() { pbtest.Do(t, handler, request) })
				if len(statements) == 0 {
					t.Fatal("the list made no query")
				}
				for _, statement := range statements {
					for _, step := range queryPlan(t, app, statement) {
						if strings.HasPrefix(step, "SCAN") {
							t.Errorf("got the step %q in\n%s", step, statement)
						}
					}
				}
			})
		}
	}
}

// selects returns the statements on the collection that the function causes.
func selects(t *testing.T, app core.App, collection string, cause func()) []string {
	t.Helper()
	db, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		t.Fatalf("the app's database is a %T", app.ConcurrentDB())
	}
	var (
		mutex      sync.Mutex
		statements []string
	)
	db.QueryLogFunc = func(_ context.Context, _ time.Duration, statement string, _ *sql.Rows, _ error) {
		mutex.Lock()
		defer mutex.Unlock()
		if strings.Contains(statement, "FROM `"+collection+"` LEFT JOIN") {
			statements = append(statements, statement)
		}
	}
	cause()
	db.QueryLogFunc = nil
	return statements
}

// queryPlan returns the steps in which SQLite means to answer the statement.
func queryPlan(t *testing.T, app core.App, statement string) []string {
	t.Helper()
	var rows []struct {
		Detail string `db:"detail"`
	}
	if err := app.DB().NewQuery("EXPLAIN QUERY PLAN " + statement).All(&rows); err != nil {
		t.Fatal(err)
	}
	steps := make([]string, 0, len(rows))
	for _, row := range rows {
		steps = append(steps, row.Detail)
	}
	return steps
}
