package upgrade

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// TableLoss is what a way back takes from a table. Tables that stay the same have
// none.
type TableLoss struct {
	Table string `json:"table"`
	// Now and Then count the rows.
	Now  int64 `json:"now"`
	Then int64 `json:"then"`
	// Lost were made since and would go, Back were deleted since and would come back,
	// Changed were changed since and would be what they were.
	Lost    int64 `json:"lost"`
	Back    int64 `json:"back"`
	Changed int64 `json:"changed"`
}

// openToWrite opens a database file apart from any app.
func openToWrite(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", sqlite.Address(path, url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(10000)"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// compare tells what is lost when the database at then takes the place of that at
// now. It only reads.
func compare(ctx context.Context, now, then string) (loss []TableLoss, err error) {
	loss = []TableLoss{}
	db, err := sqlite.OpenReadOnly(now)
	if err != nil {
		return loss, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "ATTACH DATABASE ? AS former", sqlite.Address(then, url.Values{"mode": {"ro"}})); err != nil {
		return loss, fmt.Errorf("open the snapshot: %w", err)
	}
	current, err := texts(ctx, db, fmt.Sprintf(dataTables, "main"))
	if err != nil {
		return loss, err
	}
	former, err := texts(ctx, db, fmt.Sprintf(dataTables, "former"))
	if err != nil {
		return loss, err
	}
	names := slices.Concat(current, former)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		t, err := compareTable(ctx, db, name, slices.Contains(current, name), slices.Contains(former, name))
		if err != nil {
			return loss, fmt.Errorf("compare %s: %w", name, err)
		}
		if t.Lost+t.Back+t.Changed > 0 {
			loss = append(loss, t)
		}
	}
	return loss, nil
}

// dataTables are those that hold data of an app, without what SQLite, the health
// check and this plugin keep for themselves.
const dataTables = `SELECT name FROM %s.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%%' ESCAPE '\'
	AND name NOT LIKE '\_litestream\_%%' ESCAPE '\' AND name NOT IN ('_upgrade', '_health')
	AND sql NOT LIKE 'CREATE VIRTUAL%%' ORDER BY name`

func compareTable(ctx context.Context, db *sql.DB, name string, isNow, wasThen bool) (TableLoss, error) {
	t := TableLoss{Table: name}
	count := func(to *int64, query string) error { return db.QueryRowContext(ctx, query).Scan(to) }
	now, then := "main."+quote(name), "former."+quote(name)
	if isNow {
		if err := count(&t.Now, "SELECT count(*) FROM "+now); err != nil {
			return t, err
		}
	}
	if wasThen {
		if err := count(&t.Then, "SELECT count(*) FROM "+then); err != nil {
			return t, err
		}
	}
	if !isNow || !wasThen {
		t.Lost, t.Back = t.Now, t.Then
		return t, nil
	}
	columns, err := commonColumns(ctx, db, name)
	if err != nil || len(columns) == 0 {
		return t, err
	}
	if !slices.Contains(columns, `"id"`) { // rows have no name: one that changed is one lost and one back
		list := strings.Join(columns, ", ")
		return t, errors.Join(
			count(&t.Lost, fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s EXCEPT SELECT %[1]s FROM %s)", list, now, then)),
			count(&t.Back, fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s EXCEPT SELECT %[1]s FROM %s)", list, then, now)))
	}
	const without = "SELECT count(*) FROM %s a WHERE NOT EXISTS (SELECT 1 FROM %s b WHERE b.id = a.id)"
	return t, errors.Join(
		count(&t.Lost, fmt.Sprintf(without, now, then)),
		count(&t.Back, fmt.Sprintf(without, then, now)),
		count(&t.Changed, fmt.Sprintf("SELECT count(*) FROM %s a JOIN %s b ON b.id = a.id WHERE %s", now, then, differ(columns))))
}

// differ is the condition under which a row is another one than it was. The time of
// the last change tells that, where there is one.
func differ(columns []string) string {
	if slices.Contains(columns, `"updated"`) {
		columns = []string{`"updated"`}
	}
	conditions := make([]string, len(columns))
	for i, c := range columns {
		conditions[i] = "a." + c + " IS NOT b." + c
	}
	return strings.Join(conditions, " OR ")
}

// commonColumns returns the columns that a table has in both databases.
func commonColumns(ctx context.Context, db *sql.DB, name string) ([]string, error) {
	const inBoth = `SELECT n.name FROM pragma_table_info(?1, 'main') n JOIN pragma_table_info(?1, 'former') t USING (name) ORDER BY n.cid`
	rows, err := db.QueryContext(ctx, inBoth, name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return nil, err
		}
		columns = append(columns, quote(column))
	}
	return columns, rows.Err()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
