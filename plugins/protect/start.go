package protect

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/sqlite"
)

const (
	dataName      = "data.db"
	auxiliaryName = "auxiliary.db"
)

// DamagedError is returned at the start for a data.db that is no sound database. The
// file has not been touched.
type DamagedError struct {
	Path    string
	Problem string
}

// ExitDamaged is the exit code for it: to start again is no use.
const ExitDamaged = 3

// Error implements error.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%s). It is left as it is. Keep a copy of it, then bring the data back with `holdall restore --to LAST_GOOD_TIME --into DIR` "+
		"or from a backup of your own, and start with that directory", e.Path, e.Problem)
}

// ExitCode is what a program exits with.
func (*DamagedError) ExitCode() int { return ExitDamaged }

// checkData looks whether data.db can be served.
func checkData(dir string, atMost time.Duration) error {
	path := filepath.Join(dir, dataName)
	problem, err := check(path, atMost)
	if err != nil {
		return fmt.Errorf("protect: look at %s: %w", path, err)
	}
	if problem != "" {
		return &DamagedError{Path: path, Problem: problem}
	}
	return nil
}

// magic is what databases begin with.
const magic = "SQLite format 3\x00"

// check returns what is wrong with the database at path, "" if nothing is or there is
// none. It does not write to it. With a negative time only the beginning is read.
func check(path string, atMost time.Duration) (problem string, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	head := make([]byte, len(magic))
	switch n, err := io.ReadFull(file, head); {
	case n == 0 && errors.Is(err, io.EOF):
		return "", nil // SQLite makes a database of it
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return "", err
	case string(head) != magic:
		return "it is not a database", nil
	}
	if atMost < 0 {
		return "", nil
	}
	return quickCheck(path, atMost)
}

func quickCheck(path string, atMost time.Duration) (problem string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	db, err := openReadOnly(path)
	if err != nil {
		return "", err
	}
	defer db.Close()
	// more lines than one, as rows that break what their table says are no damage
	var found []string
	err = dbx.NewFromDB(db, "sqlite").NewQuery("PRAGMA quick_check(1000)").WithContext(ctx).Column(&found)
	switch {
	case ctx.Err() != nil:
		return "", nil // it is large; so far it is sound
	case err != nil && failureOf(err) == damage:
		return err.Error(), nil
	case err != nil:
		return "", nil // as it cannot be read by who only reads; the app will tell
	}
	if damage, _ := sqlite.Damage(found); len(damage) > 0 {
		return damage[0], nil
	}
	return "", nil
}

// openReadOnly opens a database so that it is not changed, nor its log emptied.
func openReadOnly(path string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: "mode=ro&_pragma=busy_timeout(2000)"}
	return sql.Open("sqlite", location.String())
}

// awaitEvery is how often Await tries.
const awaitEvery = 5 * time.Second

// Await returns when the data directory can be written to. It makes it if need be. A
// disk that is full or read-only is waited for until ctx is done, and told of once by
// report: a program that ended instead would be started again and again. For what
// needs somebody at this machine, such as permissions, it returns an error.
func Await(ctx context.Context, dir string, report func(sentence string)) error {
	ticker := time.NewTicker(awaitEvery)
	defer ticker.Stop()
	waits := false
	for {
		err := tryDirectory(dir)
		if err == nil {
			if waits {
				report("The data directory can be written to now: the server starts.")
			}
			return nil
		}
		switch {
		case passes(err):
		case !errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("open the data directory %s: %w", dir, err)
		default:
			return fmt.Errorf("the data directory %s cannot be written to (%w): it has to belong to the user that runs the server", dir, err)
		}
		if !waits {
			waits = true
			report(fmt.Sprintf("The data directory %s cannot be written to (%v): the server starts as soon as it can.", dir, err))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func passes(err error) bool {
	for _, e := range mightPass {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// tryDirectory writes and removes a file of the size that SQLite needs to open a
// database, and opens those that there are.
func tryDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as PocketBase makes it, less what umask says
		return err
	}
	file, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	const enough = 256 << 10
	_, err = file.Write(make([]byte, enough))
	if err := errors.Join(err, file.Close(), os.Remove(file.Name())); err != nil {
		return err
	}
	for _, name := range []string{dataName, auxiliaryName} {
		file, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}
