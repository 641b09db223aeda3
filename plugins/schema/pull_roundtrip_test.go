package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/dbutils"

	"github.com/holdall-go/holdall/plugins/schema"
	"github.com/holdall-go/holdall/plugins/schema/testdata/zoo"
)

// emptyDefinitions is what a package of definitions starts as.
const emptyDefinitions = `package %s

import "github.com/holdall-go/holdall/plugins/schema"

// All returns the definitions.
func All() []schema.Collection {
	return []schema.Collection{}
}
`

// TestPulledSourceMakesTheSameSchema pulls databases that were built at random,
// and the one that PocketBase tests itself with, compiles what it gets, and
// applies it to empty databases.
func TestPulledSourceMakesTheSameSchema(t *testing.T) {
	t.Parallel()
	const seeds = 1 + 5/slowdown

	apps := map[string]core.App{"stock": stockApp(t)}
	for seed := range uint64(seeds) {
		apps[fmt.Sprintf("seed%d", seed)] = randomApp(t, seed)
	}

	work := t.TempDir()
	for name, app := range apps {
		dir := filepath.Join(work, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "collections.go"), fmt.Sprintf(emptyDefinitions, name))
		pulled, err := schema.Pull(app, schema.PullOptions{Dir: dir, Write: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range pulled {
			if p.Status != schema.PullNew || !p.Written || p.Note != "" {
				t.Errorf("%s: got %s %s, written %t, note %q; want it new and written", name, p.Name, p.Status, p.Written, p.Note)
			}
		}
		for _, p := range pulled {
			if source, err := os.ReadFile(p.File); err != nil || strings.Contains(string(source), secret) {
				t.Errorf("%s: got a secret in %s, or error %v", name, p.File, err)
			}
		}
	}
	checkPulled(t, work, apps)
}

// TestOverwrittenSourceMakesTheSameSchema changes a database behind the back of
// hand-written definitions, and has these overwritten.
func TestOverwrittenSourceMakesTheSameSchema(t *testing.T) {
	t.Parallel()
	const seeds = 1 + 5/slowdown

	apps := map[string]core.App{}
	work := t.TempDir()
	byHand, err := os.ReadFile("testdata/zoo/zoo.go")
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for seed := range uint64(seeds) {
		name := fmt.Sprintf("edited%d", seed)
		app := editedZoo(t, seed)
		dir := filepath.Join(work, name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "zoo.go"), string(byHand))
		if _, err := schema.Pull(app, schema.PullOptions{Definitions: zoo.All(), Dir: dir, Overwrite: true}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		source, err := os.ReadFile(filepath.Join(dir, "zoo.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, detail := range []string{"// the zoo hires", "// only the zoo's own people", "// for the keeper's day", "limit := 40"} {
			if strings.Contains(string(source), detail) {
				kept++
			}
		}
		apps[name] = app
	}
	// a change loses what stands in the very line that it concerns
	if possible := 4 * seeds; kept < possible*2/3 {
		t.Errorf("got %d of %d hand-written details after the pulls, want most of them", kept, possible)
	}
	checkPulled(t, work, apps)
}

// checkPulled compares the databases with those that the pulled packages make,
// each in the folder of its name in work.
func checkPulled(t *testing.T, work string, apps map[string]core.App) {
	t.Helper()
	dataDirs := map[string]string{}
	for name, app := range apps {
		dataDirs[name] = app.DataDir()
	}
	results := runPulled(t, work, dataDirs)
	for name, app := range apps {
		result := results[name]
		if len(result.Different) > 0 {
			t.Errorf("%s: got differences right after a pull:\n%s", name, strings.Join(result.Different, "\n"))
		}
		want := normalized(t, marshalCollections(t, app))
		got := normalized(t, result.Schema)
		for collection, wanted := range want {
			if !reflect.DeepEqual(got[collection], wanted) {
				t.Errorf("%s: collection %s is not what it was:\n%s", name, collection,
					schema.DiffLines(indent(t, wanted), indent(t, got[collection])))
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: got %d collections, want %d", name, len(got), len(want))
		}
	}
}

// pulledResult is what the program of runPulled finds out about one database.
type pulledResult struct {
	Schema    json.RawMessage // of the database made from the pulled definitions
	Different []string        // what a second pull of the original would change
}

// runPulled compiles the pulled packages into one program. They appear in this
// module by an overlay, so that no file is written to it.
func runPulled(t *testing.T, work string, dataDirs map[string]string) map[string]pulledResult {
	t.Helper()
	const virtual = "testdata/pulled"
	module, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}

	var imports, calls strings.Builder
	for name, dir := range dataDirs {
		fmt.Fprintf(&imports, "\t%s %q\n", name, "github.com/holdall-go/holdall/plugins/schema/"+virtual+"/"+name)
		fmt.Fprintf(&calls, "\tresults[%q] = try(%s.All(), %q, %q)\n", name, name, dir, filepath.Join(work, name))
	}
	program := strings.NewReplacer("/*imports*/", imports.String(), "/*calls*/", calls.String()).Replace(pulledProgram)
	writeFile(t, filepath.Join(work, "main.go"), program)

	overlay := map[string]string{filepath.Join(module, virtual, "main.go"): filepath.Join(work, "main.go")}
	for name := range dataDirs {
		files, err := filepath.Glob(filepath.Join(work, name, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			overlay[filepath.Join(module, virtual, name, filepath.Base(file))] = file
		}
	}
	encoded, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(work, "overlay.json"), string(encoded))

	run := exec.CommandContext(t.Context(), "go", "run", "-overlay", filepath.Join(work, "overlay.json"), "./"+virtual)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	output, err := run.Output()
	if err != nil {
		t.Fatalf("run the pulled definitions: %v\n%s", err, stderr.String())
	}
	var results map[string]pulledResult
	if err := json.Unmarshal(output, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

const pulledProgram = `package main

import (
	"encoding/json"
	"os"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
/*imports*/)

func main() {
	results := map[string]any{}
/*calls*/
	check(json.NewEncoder(os.Stdout).Encode(results))
}

func try(definitions []schema.Collection, original, source string) any {
	dir, err := os.MkdirTemp("", "")
	check(err)
	defer os.RemoveAll(dir)
	empty := open(dir)
	defer empty.ResetBootstrapState()
	users, err := empty.FindCollectionByNameOrId("users")
	check(err)
	check(empty.Delete(users))
	check(schema.Apply(empty, definitions))
	collections, err := empty.FindAllCollections()
	check(err)

	app := open(original)
	defer app.ResetBootstrapState()
	pulled, err := schema.Pull(app, schema.PullOptions{Definitions: definitions, Dir: source})
	check(err)
	different := []string{}
	for _, p := range pulled {
		if p.Status != schema.PullSame || p.File == "" {
			different = append(different, p.Name+" "+string(p.Status)+" "+p.File+" "+p.Diff)
		}
	}
	return map[string]any{"Schema": collections, "Different": different}
}

func open(dir string) core.App {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	check(app.Bootstrap())
	return app
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
`

// stockApp has the collections of PocketBase's own test suite.
func stockApp(t *testing.T) core.App {
	t.Helper()
	app, err := tests.NewTestApp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	return app
}

func marshalCollections(t *testing.T, app core.App) []byte {
	t.Helper()
	collections, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(collections)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// normalized are the collections of a schema by name, without what differs from
// database to database: ids, times, the layout of index statements, the names of
// those that every auth collection has, the OAuth2 providers, and whether an
// empty list is null.
func normalized(t *testing.T, schema []byte) map[string]map[string]any {
	t.Helper()
	var collections []map[string]any
	if err := json.Unmarshal(schema, &collections); err != nil {
		t.Fatal(err)
	}
	names := map[any]string{}
	for _, c := range collections {
		names[c["id"]] = c["name"].(string)
	}

	result := map[string]map[string]any{}
	for _, c := range collections {
		if c["system"] == true {
			continue
		}
		delete(c, "id")
		delete(c, "created")
		delete(c, "updated")
		for _, f := range c["fields"].([]any) {
			field := f.(map[string]any)
			delete(field, "id")
			if target, ok := field["collectionId"]; ok {
				field["collectionId"] = names[target]
			}
		}
		var indexes []string
		for _, index := range c["indexes"].([]any) {
			parsed := dbutils.ParseIndex(index.(string))
			switch statement, _ := strings.CutPrefix(parsed.Build(), "CREATE UNIQUE INDEX `"+parsed.IndexName+"` ON `"+c["name"].(string)+"` "); statement {
			case "(`tokenKey`)", "(`email`) WHERE `email` != ''", "(`email`) WHERE email != ''":
				parsed.IndexName, parsed.Where = "of the system", ""
			}
			indexes = append(indexes, parsed.Build())
		}
		slices.Sort(indexes)
		c["indexes"] = indexes
		if oauth2, ok := c["oauth2"].(map[string]any); ok {
			delete(oauth2, "providers")
		}
		result[c["name"].(string)] = withoutEmpty(c).(map[string]any)
	}
	return result
}

// withoutEmpty drops empty lists and nulls. Rules keep theirs: there null is
// locked, and empty is public.
func withoutEmpty(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			item = withoutEmpty(item)
			if list, ok := item.([]any); ok && len(list) == 0 || item == nil && !strings.HasSuffix(key, "Rule") {
				delete(v, key)
			} else {
				v[key] = item
			}
		}
	case []any:
		for i, item := range v {
			v[i] = withoutEmpty(item)
		}
	}
	return value
}

func indent(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}
