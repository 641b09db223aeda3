package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	modernc "modernc.org/sqlite"
)

// OpenReadOnly opens a database file to read it, apart from any app, on one
// connection. It changes nothing, and leaves the write-ahead log as it is.
func OpenReadOnly(path string) (*sql.DB, error) {
	db, err := sql.Open(driverName, Address(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)", "query_only(1)"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// Address is the URI of a database file, whose path may be relative and have any
// characters. A URI with an authority, as package url would write it, has only
// absolute ones.
//
// Source: https://www.sqlite.org/uri.html
func Address(path string, query url.Values) string {
	escaped := url.URL{Path: path}
	return "file:" + escaped.EscapedPath() + "?" + query.Encode()
}

// pagesAtOnce are copied between two looks at the context.
const pagesAtOnce = 2048

// Copy copies a database as it is at one moment to a new file, page by page, so
// that row numbers stay. Others may write meanwhile. The copy needs no write-ahead
// log and is on disk when Copy returns. tell, if not nil, is told how many pages of
// all are copied; an error that it returns ends the copy. What is left of a copy that
// failed is for the caller to remove.
func Copy(ctx context.Context, from, to string, tell func(done, all int) error) (err error) {
	if err := copyPages(ctx, from, to, tell); err != nil {
		return fmt.Errorf("sqlite: copy %s: %w", from, err)
	}
	file, err := os.OpenFile(to, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	return errors.Join(file.Sync(), file.Close())
}

func copyPages(ctx context.Context, from, to string, tell func(done, all int) error) (err error) {
	db, err := OpenReadOnly(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	source, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	// a transaction keeps the moment, however often others write
	if _, err := source.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := source.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(new(int)); err != nil {
		return err
	}
	return source.Raw(func(raw any) error {
		able, ok := raw.(interface {
			NewBackup(address string) (*modernc.Backup, error)
		})
		if !ok {
			return fmt.Errorf("the driver's connection %T makes no copies", raw)
		}
		backup, err := able.NewBackup(Address(to, url.Values{"_pragma": {"journal_mode(OFF)", "synchronous(OFF)"}}))
		if err != nil {
			return err
		}
		if err := step(ctx, backup, tell); err != nil {
			_ = backup.Finish() // it says the same again
			return err
		}
		return backup.Finish()
	})
}

func step(ctx context.Context, backup *modernc.Backup, tell func(done, all int) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := backup.Step(pagesAtOnce)
		if err != nil {
			return err
		}
		if tell != nil {
			all := backup.PageCount()
			if err := tell(all-backup.Remaining(), all); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}
