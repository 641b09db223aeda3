package collections_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdall-go/holdall/examples/conduit/collections"
	"github.com/holdall-go/holdall/plugins/schema"
)

// Everything that is open is a route of the contract.
func TestRulesAreLocked(t *testing.T) {
	t.Parallel()
	for _, c := range collections.All() {
		if c.Rules != (schema.Rules{}) {
			t.Errorf("%s has rules, want none", c.Name)
		}
	}
}

// The committed record types are those of the definitions.
func TestRecordTypesAreCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := schema.GenerateRecords(dir, "collections", collections.All()); err != nil {
		t.Fatal(err)
	}
	generated, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	committed, err := filepath.Glob("*_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(generated) != len(committed) {
		t.Errorf("got %d files, and generated are %d", len(committed), len(generated))
	}
	for _, path := range generated {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Base(path))
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is not what its definition generates (%v): run go generate ./examples/conduit/collections", filepath.Base(path), err)
		}
	}
}
