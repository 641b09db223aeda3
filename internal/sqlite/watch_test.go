package sqlite_test

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// Each statement is told once, whichever way it takes through the cache, with its
// text but without its values.
func TestStatementsAreTold(t *testing.T) {
	t.Parallel()
	engine := sqlite.New()
	var mutex sync.Mutex
	var told []sqlite.Statement
	engine.OnStatement(func(s sqlite.Statement) {
		mutex.Lock()
		defer mutex.Unlock()
		told = append(told, s)
	})
	path := filepath.Join(t.TempDir(), "data.db")
	db, err := engine.Connect(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.DB().SetMaxOpenConns(1)

	steps := []struct {
		name  string
		run   func() error
		want  []sqlite.Kind
		fails bool
	}{
		{"a change of the schema", func() error {
			_, err := db.NewQuery("CREATE TABLE a (v TEXT UNIQUE)").Execute()
			return err
		}, []sqlite.Kind{sqlite.Write}, false},
		{"a write", func() error {
			_, err := db.Insert("a", dbx.Params{"v": "secret"}).Execute()
			return err
		}, []sqlite.Kind{sqlite.Write}, false},
		{"a write that fails", func() error {
			_, err := db.Insert("a", dbx.Params{"v": "secret"}).Execute()
			return err
		}, []sqlite.Kind{sqlite.Write}, true},
		{"a transaction", func() error {
			return db.Transactional(func(tx *dbx.Tx) error {
				_, err := tx.Insert("a", dbx.Params{"v": "2"}).Execute()
				return err
			})
		}, []sqlite.Kind{sqlite.Begin, sqlite.Write, sqlite.Commit}, false},
		{"a query that is not kept", func() error { return find(db) }, []sqlite.Kind{sqlite.Read}, false},
		{"a query that is being kept", func() error { return find(db) }, []sqlite.Kind{sqlite.Read}, false},
		{"a kept query", func() error { return find(db) }, []sqlite.Kind{sqlite.Read}, false},
		{"a query that fails", func() error {
			var v string
			return db.NewQuery("SELECT nothing FROM a").Row(&v)
		}, []sqlite.Kind{sqlite.Read}, true},
	}
	for _, step := range steps {
		told = nil
		if err := step.run(); (err != nil) != step.fails {
			t.Fatalf("%s: %v", step.name, err)
		}
		var kinds []sqlite.Kind
		for _, s := range told {
			kinds = append(kinds, s.Kind)
			if s.Path != path || s.Took <= 0 || (s.Err != nil) != step.fails {
				t.Errorf("%s: told %+v", step.name, s)
			}
			if want := s.Kind == sqlite.Read || s.Kind == sqlite.Write; (s.Query != "") != want {
				t.Errorf("%s: the text of a %s is %q", step.name, s.Kind, s.Query)
			}
		}
		if !slices.Equal(kinds, step.want) {
			t.Errorf("%s: told of %v, want %v", step.name, kinds, step.want)
		}
	}
}

func find(db *dbx.DB) error {
	var found []struct{ V string }
	return db.Select("v").From("a").Where(dbx.HashExp{"v": "2"}).All(&found)
}
