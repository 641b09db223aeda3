package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// TableLoss is what a restore would take from a table.
type TableLoss struct {
	Table string `json:"table"`

	// Now and Then count the rows.
	Now  int64 `json:"now"`
	Then int64 `json:"then"`

	// Lost counts the rows that were made since, and would go.
	Lost int64 `json:"lost"`

	// Back counts those that were deleted since, and would come back.
	Back int64 `json:"back"`

	// Changed counts those that were changed since, and would be what they were.
	Changed int64 `json:"changed"`
}

// Loss is what a restore of data.db would take.
type Loss struct {
	Tables []TableLoss `json:"tables"`

	// Changes counts the records that the change log has later changes of, -1 without
	// a change log.
	Changes int64 `json:"changes"`
}

// compare tells what is lost when the database at then takes the place of that at
// now. It only reads.
func compare(ctx context.Context, now, then string) (loss Loss, err error) {
	loss = Loss{Tables: []TableLoss{}, Changes: -1}
	db, err := openDatabase(now, true)
	if err != nil {
		return loss, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "ATTACH DATABASE ? AS then_db", addressOf(then, url.Values{"mode": {"ro"}})); err != nil {
		return loss, fmt.Errorf("open the restored database: %w", err)
	}
	current, err := tables(ctx, db, "main")
	if err != nil {
		return loss, err
	}
	former, err := tables(ctx, db, "then_db")
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
		loss.Tables = append(loss.Tables, t)
	}
	if slices.Contains(current, "_changes") && slices.Contains(former, "_changes") {
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM main._changes WHERE seq > (SELECT coalesce(max(seq), 0) FROM then_db._changes)").Scan(&loss.Changes)
	}
	return loss, err
}

func compareTable(ctx context.Context, db *sql.DB, name string, isNow, wasThen bool) (TableLoss, error) {
	t := TableLoss{Table: name}
	count := func(to *int64, query string) error { return db.QueryRowContext(ctx, query).Scan(to) }
	now, then := "main."+quote(name), "then_db."+quote(name)
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
	key, columns, err := commonColumns(ctx, db, name)
	if err != nil {
		return t, err
	}
	if len(columns) == 0 {
		t.Lost, t.Back = t.Now, t.Then
		return t, nil
	}
	list := strings.Join(columns, ", ")
	if key == "" { // rows have no name: one that changed is one lost and one back
		return t, errors.Join(
			count(&t.Lost, fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s EXCEPT SELECT %[1]s FROM %s)", list, now, then)),
			count(&t.Back, fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s EXCEPT SELECT %[1]s FROM %s)", list, then, now)))
	}
	return t, errors.Join(
		count(&t.Lost, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s NOT IN (SELECT %[2]s FROM %s)", now, key, then)),
		count(&t.Back, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s NOT IN (SELECT %[2]s FROM %s)", then, key, now)),
		count(&t.Changed, fmt.Sprintf("SELECT count(*) FROM (SELECT %s FROM %s WHERE %s IN (SELECT %[3]s FROM %s) EXCEPT SELECT %[1]s FROM %[4]s)", list, now, key, then)))
}

// commonColumns returns the columns that a table has in both databases, and the one
// that names its rows, "" if there is none of its own.
func commonColumns(ctx context.Context, db *sql.DB, name string) (key string, columns []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT n.name, n.pk, (SELECT count(*) FROM pragma_table_info(?1, 'main') WHERE pk > 0)
		FROM pragma_table_info(?1, 'main') n JOIN pragma_table_info(?1, 'then_db') t USING (name) ORDER BY n.cid`, name)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var column string
		var inKey, keys int
		if err := rows.Scan(&column, &inKey, &keys); err != nil {
			return "", nil, err
		}
		if inKey == 1 && keys == 1 {
			key = quote(column)
		}
		columns = append(columns, quote(column))
	}
	return key, columns, rows.Err()
}
