package schema_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/plugins/schema"
)

// run runs a command line on the blog as its program would.
func (b blog) run(t *testing.T, config schema.Config, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	root := &cobra.Command{Use: "blog", SilenceErrors: true}
	root.SetOut(&out)
	root.SetArgs(append([]string{"collections"}, args...))
	config.RootCmd = root
	config.DefinitionsDir = b.dir
	if config.Collections == nil {
		config.Collections = []schema.Collection{authorsDefinition()}
	}
	if config.Migrations == nil {
		config.Migrations = &core.MigrationsList{}
	}
	if _, err := schema.Register(b.app, config); err != nil {
		t.Fatal(err)
	}
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestPullCommand(t *testing.T) {
	t.Parallel()
	waiting := &core.MigrationsList{}
	waiting.Register(func(core.App) error { return nil }, nil, "1700000000_later.go")

	for name, test := range map[string]struct {
		prepare func(t *testing.T, b blog)
		config  schema.Config
		args    []string
		want    []string
		not     []string
	}{
		"nothing to pull": {
			want: []string{"The definitions match the database."},
			not:  []string{"authors", "written"},
		},
		"a new collection": {
			prepare: func(t *testing.T, b blog) { b.addPosts(t) },
			want:    []string{"+ posts is new: it would go to ", "posts.go", "Nothing was written. --write"},
			not:     []string{"authors", "func posts()"},
		},
		"a new collection by name": {
			prepare: func(t *testing.T, b blog) { b.addPosts(t) },
			args:    []string{"posts"},
			want:    []string{"    func posts() schema.Collection {\n", "Nothing was written. --write"},
		},
		"a new collection that is written": {
			prepare: func(t *testing.T, b blog) { b.addPosts(t) },
			args:    []string{"--write"},
			want:    []string{"+ posts is new: ", "posts.go, written", "go generate", "collections migrate"},
			not:     []string{"Nothing was written"},
		},
		"a changed collection": {
			prepare: func(t *testing.T, b blog) { b.changeAuthors(t) },
			want:    []string{"~ authors differs from its definition: ", "    -\t\tRules: schema.Rules{\n", "age", "--overwrite"},
		},
		"a definition that waits to be migrated": {
			config: schema.Config{Collections: []schema.Collection{authorsDefinition(), {Name: "poems"}}},
			want:   []string{"- poems is defined only", "migrate"},
		},
		"waiting migrations": {
			config: schema.Config{Migrations: waiting},
			want:   []string{"1 migration waits to be applied: 1700000000_later.go", "The definitions match"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBlog(t)
			if test.prepare != nil {
				test.prepare(t, b)
			}
			out, err := b.run(t, test.config, append([]string{"pull"}, test.args...)...)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range test.want {
				if !strings.Contains(out, part) {
					t.Errorf("got\n%s\nwant %q in it", out, part)
				}
			}
			for _, part := range test.not {
				if strings.Contains(out, part) {
					t.Errorf("got\n%s\nwant no %q in it", out, part)
				}
			}
		})
	}
}

func TestPullCommandForScripts(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	b.addPosts(t)
	out, err := b.run(t, schema.Config{}, "pull", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var list []schema.Pulled
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[1].Name != "posts" || list[1].Status != schema.PullNew || list[1].Source == "" {
		t.Errorf("got %+v, want the authors and the new posts", list)
	}

	if _, err := b.run(t, schema.Config{}, "pull", "nope"); err == nil || !strings.Contains(err.Error(), "nope") {
		t.Errorf("got error %v, want one that names the collection", err)
	}
}

// Somebody built a collection in the dashboard and pulled it: other databases
// need a migration, and this one must not run it.
func TestMigrationOfWhatWasBuiltInTheDashboard(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	config := schema.Config{Dir: filepath.Join(t.TempDir(), "migrations"), Collections: []schema.Collection{authorsDefinition()}}

	out, err := b.run(t, config, "migrate", "add_authors")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "+ authors (new base collection)") || !strings.Contains(out, "counts as applied here") {
		t.Errorf("got\n%s\nwant the new collection, applied", out)
	}
	files, err := filepath.Glob(filepath.Join(config.Dir, "*_add_authors.go"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got files %v and error %v, want one", files, err)
	}
	source, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), `core.NewBaseCollection("authors")`) {
		t.Errorf("got\n%s\nwant it to create the authors", source)
	}
	if got := applied(t, b.app); len(got) == 0 || got[len(got)-1] != filepath.Base(files[0]) {
		t.Errorf("got %v as applied, want %s the last", got, files[0])
	}
}

func TestMigrationOfWhatWasBuiltInTheDashboardNeedsConsent(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	migrations := &core.MigrationsList{}
	migrations.Register(func(app core.App) error {
		authors := core.NewBaseCollection("authors")
		authors.Fields.Add(&core.TextField{Name: "name"}, &core.TextField{Name: "nick"})
		return app.Save(authors)
	}, nil, "1700000000_authors.go")
	if _, err := b.app.DB().Insert(core.DefaultMigrationsTable, dbx.Params{"file": "1700000000_authors.go", "applied": 1}).Execute(); err != nil {
		t.Fatal(err)
	}
	config := schema.Config{Dir: t.TempDir(), Migrations: migrations, Collections: []schema.Collection{authorsDefinition()}}
	before := applied(t, b.app)

	var loss *schema.DataLossError
	if _, err := schema.WriteMigration(b.app, config, "drop_nick", false); !errors.As(err, &loss) {
		t.Errorf("got error %v, want that consent is needed", err)
	}
	if got := applied(t, b.app); len(got) != len(before) {
		t.Errorf("got %v as applied, want %v", got, before)
	}

	migration, err := schema.WriteMigration(b.app, config, "drop_nick", true)
	if err != nil || !migration.Applied || migration.Path == "" {
		t.Errorf("got %+v and error %v, want an applied migration", migration, err)
	}
	if got := applied(t, b.app); len(got) != len(before)+1 {
		t.Errorf("got %v as applied, want one more than %v", got, before)
	}
}

func TestMigrationWhenAllAgree(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	migrations := &core.MigrationsList{}
	migrations.Register(func(app core.App) error {
		return schema.Apply(app, []schema.Collection{authorsDefinition()})
	}, nil, "1700000000_authors.go")
	if _, err := b.app.DB().Insert(core.DefaultMigrationsTable, dbx.Params{"file": "1700000000_authors.go", "applied": 1}).Execute(); err != nil {
		t.Fatal(err)
	}
	before := applied(t, b.app)
	out, err := b.run(t, schema.Config{Dir: filepath.Join(t.TempDir(), "migrations"), Migrations: migrations}, "migrate", "nothing")
	if err != nil || !strings.Contains(out, "nothing to migrate") {
		t.Errorf("got\n%s\nand error %v, want that there is nothing to migrate", out, err)
	}
	if got := applied(t, b.app); len(got) != len(before) {
		t.Errorf("got %v as applied, want %v", got, before)
	}
}

// applied are the migrations that the database has had, the last one last.
func applied(t *testing.T, app core.App) []string {
	t.Helper()
	var files []string
	if err := app.DB().Select("file").From(core.DefaultMigrationsTable).OrderBy("applied").Column(&files); err != nil {
		t.Fatal(err)
	}
	return files
}
