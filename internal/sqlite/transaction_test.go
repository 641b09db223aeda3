package sqlite_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
)

// Another process that commits in the middle of a transaction would keep it from
// writing what it has read for.
func TestTransactionsThatReadCanWrite(t *testing.T) {
	t.Parallel()
	mine, theirs, _ := open(t)
	exec(t, theirs, "PRAGMA busy_timeout = 0")

	err := mine.Transactional(func(tx *dbx.Tx) error {
		var n int
		if err := tx.NewQuery("SELECT count(*) FROM t").Row(&n); err != nil {
			return err
		}
		_, err := theirs.NewQuery("INSERT INTO t (name) VALUES ('theirs')").Execute()
		if err == nil || !strings.Contains(err.Error(), "locked") {
			t.Errorf("another writer during a transaction: got %v, want that it has to wait", err)
		}
		_, err = tx.NewQuery("INSERT INTO t (name) VALUES ('mine')").Execute()
		return err
	})
	if err != nil {
		t.Errorf("write after reading: %v", err)
	}
	exec(t, theirs, "INSERT INTO t (name) VALUES ('theirs')")
}

func TestReadTransactionsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	mine, theirs, _ := open(t)
	exec(t, theirs, "PRAGMA busy_timeout = 0")

	tx, err := mine.BeginTx(context.Background(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	var before, after int
	if err := tx.NewQuery("SELECT count(*) FROM t").Row(&before); err != nil {
		t.Fatal(err)
	}
	exec(t, theirs, "INSERT INTO t (name) VALUES ('theirs')")
	if err := tx.NewQuery("SELECT count(*) FROM t").Row(&after); err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("a read transaction sees %d rows, then %d", before, after)
	}
}
