package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

func TestAddColumn(t *testing.T) {
	t.Parallel()
	db, err := sqlite.New().Connect(filepath.Join(t.TempDir(), "data.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.NewQuery("CREATE TABLE t (a); INSERT INTO t (a) VALUES (1)").Execute(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := sqlite.AddColumn(db, "t", "trace", `TEXT NOT NULL DEFAULT ''`); err != nil {
			t.Fatal(err)
		}
	}
	trace := "?"
	if err := db.NewQuery("SELECT trace FROM t").Row(&trace); err != nil || trace != "" {
		t.Errorf("got %q and %v, want the default", trace, err)
	}
	if err := sqlite.AddColumn(db, "missing", "trace", "TEXT"); err == nil {
		t.Error("got no error for a table that is not there")
	}
}
