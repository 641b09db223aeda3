package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// The Go of a migration compiles and does what its steps do in process: a
// program with a chain of generated migrations makes the same schemas, there and
// back.
func TestWrittenMigrationsDoWhatTheStepsDo(t *testing.T) {
	t.Parallel()
	const links = 24 / slowdown

	app := pbtest.New(t)
	m := newModel(*firstSeed + 1000)
	work := t.TempDir()
	schemas := []string{schemaOf(t, app)}
	for i := range links {
		definitions := m.definitions()
		plan, err := schema.Diff(app, definitions)
		if err != nil {
			t.Fatalf("link %d: %v", i, err)
		}
		journey, err := schema.Prove(plan)
		if err != nil {
			t.Fatalf("link %d: %v\n%s", i, err, plan)
		}
		source, err := journey.Source("chain")
		if err != nil {
			t.Fatalf("link %d: %v", i, err)
		}
		writeFile(t, filepath.Join(work, fmt.Sprintf("%010d_link.go", i)), string(source))
		if err := journey.Up(app); err != nil {
			t.Fatalf("link %d: %v", i, err)
		}
		schemas = append(schemas, schemaOf(t, app))
		m.settle()
		for range 4 {
			m.edit()
		}
	}

	got := runChain(t, work, links)
	if len(got) != 2*links+1 {
		t.Fatalf("got %d schemas, want one after each step there and back, %d", len(got), 2*links+1)
	}
	for i, raw := range got {
		link, way := i, "up"
		if i > links {
			link, way = 2*links-i, "down"
		}
		if got, want := normalSchema(t, raw), schemas[link]; got != want {
			source, _ := os.ReadFile(filepath.Join(work, fmt.Sprintf("%010d_link.go", max(0, link-1))))
			t.Fatalf("after %s to %d (+ is wrong, - is missing):\n%s\n%s", way, link, schema.DiffLines(want, got), source)
		}
	}
}

// runChain runs a program with the migrations in the folder on an empty database
// and returns the schema in the beginning, after each up and after each down.
func runChain(t *testing.T, work string, links int) []json.RawMessage {
	t.Helper()
	const virtual = "testdata/chain"
	module, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	main := filepath.Join(work, "main.go")
	writeFile(t, main, strings.ReplaceAll(chainProgram, "/*links*/", fmt.Sprint(links)))
	overlay := map[string]string{filepath.Join(module, virtual, "main.go"): main}
	files, err := filepath.Glob(filepath.Join(work, "*_link.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		overlay[filepath.Join(module, virtual, "chain", filepath.Base(file))] = file
	}
	encoded, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(work, "overlay.json"), string(encoded))

	run := exec.CommandContext(t.Context(), "go", "run", "-overlay", filepath.Join(work, "overlay.json"), "./"+virtual, t.TempDir())
	var stderr bytes.Buffer
	run.Stderr = &stderr
	output, err := run.Output()
	if err != nil {
		t.Fatalf("run the migrations: %v\n%s", err, stderr.String())
	}
	var schemas []json.RawMessage
	if err := json.Unmarshal(output, &schemas); err != nil {
		t.Fatalf("read the schemas: %v", err)
	}
	return schemas
}

// chainProgram migrates one step at a time and prints all schemas.
const chainProgram = `package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations"

	_ "github.com/holdall-go/holdall/plugins/schema/testdata/chain/chain"
)

func main() {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: os.Args[1]})
	check(app.Bootstrap())
	schemas := []any{export(app)}
	for i := range /*links*/ {
		var list core.MigrationsList
		for _, m := range core.AppMigrations.Items()[:i+1] {
			list.Add(m)
		}
		_, err := core.NewMigrationsRunner(app, list).Up()
		check(err)
		schemas = append(schemas, export(app))
	}
	for range /*links*/ {
		_, err := core.NewMigrationsRunner(app, core.AppMigrations).Down(1)
		check(err)
		schemas = append(schemas, export(app))
	}
	check(json.NewEncoder(os.Stdout).Encode(schemas))
	check(app.ResetBootstrapState())
}

func export(app core.App) any {
	all, err := app.FindAllCollections()
	check(err)
	return all
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`
