package protect

import (
	"errors"

	"github.com/pocketbase/pocketbase/tools/router"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// failure is what an error says of the machine.
type failure int

const (
	noFailure   failure = iota // or none of these
	diskFailure                // the disk did not take it
	damage                     // the file is no sound database
	missing                    // a table is missing, as in a file that is new
)

// ofDatabase tells whether SQLite said it, and not the system of another file.
func ofDatabase(err error) bool {
	var answer *router.ApiError
	if errors.As(err, &answer) {
		hidden, ok := answer.RawData().(error)
		if !ok {
			return false
		}
		err = hidden
	}
	var failed *modernc.Error
	return errors.As(err, &failed)
}

// failureOf looks into an error, also into what PocketBase does not show to clients.
func failureOf(err error) failure {
	var answer *router.ApiError
	if errors.As(err, &answer) {
		hidden, ok := answer.RawData().(error)
		if !ok {
			return noFailure
		}
		err = hidden
	}
	for _, full := range diskErrors {
		if errors.Is(err, full) {
			return diskFailure
		}
	}
	var failed *modernc.Error
	if !errors.As(err, &failed) {
		return noFailure
	}
	switch failed.Code() & 0xff { // the rest says more about it
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		return diskFailure
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return damage
	case sqlite3.SQLITE_ERROR:
		return missing
	default:
		return noFailure
	}
}
