package observe

import (
	"context"
	"errors"

	sqlite3 "modernc.org/sqlite/lib"
)

// coded is what the driver and the engine say of a statement that has failed.
type coded interface {
	error
	Code() int
}

// reasonOf tells the reasons apart for which statements fail.
func reasonOf(err error) string {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return "cancelled"
	}
	var failure coded
	if !errors.As(err, &failure) {
		return "other"
	}
	switch failure.Code() & 0xff { // the rest says more about it
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return "busy"
	case sqlite3.SQLITE_CONSTRAINT:
		return "constraint"
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY:
		return "full"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return "corrupt"
	case sqlite3.SQLITE_INTERRUPT:
		return "cancelled"
	default:
		return "other"
	}
}
