package collections_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/plugins/schema"
)

// The committed record types are those of the definitions.
func TestRecordTypesAreCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := schema.GenerateRecords(dir, "collections", collections.All()); err != nil {
		t.Fatal(err)
	}
	want, got := generated(t, "."), generated(t, dir)
	for name, source := range got {
		if want[name] != source {
			t.Errorf("%s is not what its definition generates: run go generate ./collections", name)
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s has no definition: run go generate ./collections", name)
		}
	}
}

// generated returns the generated files of a folder by name.
func generated(t *testing.T, dir string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = string(source)
	}
	return files
}
