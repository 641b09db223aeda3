package backup

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
)

// discard is the logger of steps that nobody wants to know.
var discard = slog.New(slog.DiscardHandler)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func listFiles(path string, files map[string]File) error {
	content, err := json.MarshalIndent(slices.Collect(maps.Values(files)), "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

// openDatabase opens a database file apart from any app.
func openDatabase(path string, readOnly bool) (*sql.DB, error) {
	query := url.Values{"_pragma": {"busy_timeout(10000)"}}
	if readOnly {
		query.Set("mode", "ro")
	}
	db, err := sql.Open("sqlite", addressOf(path, query))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// addressOf is the URI of a database file, whose path may be relative and have
// any characters. A URI with an authority, as package url would write it, has only
// absolute ones.
//
// Source: https://www.sqlite.org/uri.html
func addressOf(path string, query url.Values) string {
	escaped := url.URL{Path: path}
	return "file:" + escaped.EscapedPath() + "?" + query.Encode()
}

// checkDatabase returns an error if the file is no sound database.
func checkDatabase(ctx context.Context, path string) (err error) {
	db, err := openDatabase(path, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		found = append(found, line)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	if !slices.Equal(found, []string{"ok"}) {
		return fmt.Errorf("the restored %s is damaged: %s", path, strings.Join(found, "; "))
	}
	return nil
}

// tables returns the names of tables that hold data of the app.
func tables(ctx context.Context, db *sql.DB, schema string) ([]string, error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf(
		`SELECT name FROM %s.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%%' ESCAPE '\' AND name NOT LIKE '\_litestream\_%%' ESCAPE '\' AND sql NOT LIKE 'CREATE VIRTUAL%%' ORDER BY name`, schema))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// countRows counts those of all tables of a database file.
func countRows(ctx context.Context, path string) (map[string]int64, error) {
	db, err := openDatabase(path, true)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	names, err := tables(ctx, db, "main")
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	for _, name := range names {
		var n int64
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+quote(name)).Scan(&n); err != nil {
			return nil, fmt.Errorf("count %s: %w", name, err)
		}
		counts[name] = n
	}
	return counts, nil
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
