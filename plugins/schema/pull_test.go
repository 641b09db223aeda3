package schema_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
)

// authors is a definition with all that a person may have put into its file.
const authorsFile = `// Package blog is a test.
package blog

import (
	"strings"

	"github.com/pocketbase/pocketbase/core" // fields

	"github.com/holdall-go/holdall/plugins/schema"
)

// authors are the people who write.
func authors() schema.Collection {
	rule := strings.TrimSpace(" id = @request.auth.id ")

	return schema.Collection{
		Name: "authors",
		Was:  "writers",
		Rules: schema.Rules{
			List: schema.Rule(rule),
		},
		Fields: []core.Field{
			schema.Was("nick", &core.TextField{Name: "name"}), // as printed
		},
	}
}

// helper is kept.
func helper() int { return 1 } // and so is this
`

const allFile = `package blog

import "github.com/holdall-go/holdall/plugins/schema"

// All returns the definitions.
func All() []schema.Collection {
	return []schema.Collection{authors()}
}
`

func authorsDefinition() schema.Collection {
	return schema.Collection{
		Name: "authors", Was: "writers",
		Rules:  schema.Rules{List: `id = @request.auth.id`},
		Fields: []core.Field{schema.Was("nick", &core.TextField{Name: "name"})},
	}
}

// blog is a database with the authors and their package of definitions.
type blog struct {
	app core.App
	dir string
}

func newBlog(t *testing.T) blog {
	t.Helper()
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	if err := app.Delete(mustCollection(t, app, "users")); err != nil {
		t.Fatal(err)
	}
	if err := schema.Apply(app, []schema.Collection{authorsDefinition()}); err != nil {
		t.Fatal(err)
	}
	b := blog{app, t.TempDir()}
	writeFile(t, b.path("authors.go"), authorsFile)
	writeFile(t, b.path("all.go"), allFile)
	return b
}

func (b blog) path(name string) string { return filepath.Join(b.dir, name) }

func (b blog) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(b.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// addPosts creates a collection as the dashboard would.
func (b blog) addPosts(t *testing.T) {
	t.Helper()
	posts := core.NewBaseCollection("posts")
	posts.ListRule = types.Pointer(`published = true || (@request.auth.id != "" && author.id = @request.auth.id && @request.auth.collectionName = "authors")`)
	posts.ViewRule = posts.ListRule
	posts.CreateRule = types.Pointer("")
	posts.DeleteRule = types.Pointer(`author = @request.auth.id`)
	posts.Fields.Add(
		&core.TextField{Name: "title", Required: true, Presentable: true, Max: 100},
		&core.RelationField{Name: "author", CollectionId: mustCollection(t, b.app, "authors").Id, MaxSelect: 1, CascadeDelete: true},
		&core.BoolField{Name: "published"},
		&core.NumberField{Name: "words", OnlyInt: true, Min: types.Pointer(0.0)},
		&core.DateField{Name: "day", Min: schema.Date("2020-01-01 00:00:00.000Z")},
		&core.FileField{Name: "pictures", MaxSelect: 9, MaxSize: 5 << 20, MimeTypes: []string{"image/png", "image/jpeg", "image/webp", "image/gif"}},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	posts.AddIndex("idx_posts_author", false, "\n  `author`,\n  `created` DESC\n", "")
	if err := b.app.Save(posts); err != nil {
		t.Fatal(err)
	}
}

// changeAuthors changes in the database what the definition says otherwise.
func (b blog) changeAuthors(t *testing.T) {
	t.Helper()
	authors := mustCollection(t, b.app, "authors")
	authors.ListRule = nil
	authors.Fields.Add(&core.NumberField{Name: "age", Min: types.Pointer(18.0)})
	if err := b.app.Save(authors); err != nil {
		t.Fatal(err)
	}
}

func (b blog) pull(t *testing.T, options schema.PullOptions) map[string]schema.Pulled {
	t.Helper()
	options.Dir = b.dir
	if options.Definitions == nil {
		options.Definitions = []schema.Collection{authorsDefinition()}
	}
	list, err := schema.Pull(b.app, options)
	if err != nil {
		t.Fatal(err)
	}
	result := map[string]schema.Pulled{}
	for _, p := range list {
		result[p.Name] = p
	}
	if len(result) != len(list) {
		t.Errorf("got %d entries for %d collections", len(list), len(result))
	}
	return result
}

func TestPullOfAnUnchangedDatabase(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	pulled := b.pull(t, schema.PullOptions{Overwrite: true})
	want := schema.Pulled{Name: "authors", Status: schema.PullSame, File: b.path("authors.go")}
	if len(pulled) != 1 || pulled["authors"] != want {
		t.Errorf("got %+v, want only %+v", pulled, want)
	}
	equal(t, "authors.go", b.read(t, "authors.go"), authorsFile)
	equal(t, "all.go", b.read(t, "all.go"), allFile)
}

func TestPullOfANewCollection(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	b.addPosts(t)
	b.changeAuthors(t)
	golden, err := os.ReadFile("testdata/pull/posts.go.golden")
	if err != nil {
		t.Fatal(err)
	}

	posts := b.pull(t, schema.PullOptions{})["posts"]
	want := schema.Pulled{Name: "posts", Status: schema.PullNew, File: b.path("posts.go"), Source: string(golden)}
	if posts != want {
		t.Errorf("got %+v, want %+v:\n%s", posts, want, schema.DiffLines(want.Source, posts.Source))
	}
	if _, err := os.Stat(want.File); err == nil {
		t.Error("got a file, want none without Write")
	}

	pulled := b.pull(t, schema.PullOptions{Write: true})
	if !pulled["posts"].Written || pulled["authors"].Written {
		t.Errorf("got %+v, want posts written only", pulled)
	}
	equal(t, "posts.go", b.read(t, "posts.go"), string(golden))
	equal(t, "all.go", b.read(t, "all.go"), strings.Replace(allFile, "authors()}", "authors(),\n\t\tposts(),\n\t}", 1))
	equal(t, "authors.go", b.read(t, "authors.go"), authorsFile)
}

func TestPullLeavesOutDefaults(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	readers := core.NewAuthCollection("readers")
	readers.RemoveIndex("idx_email_" + readers.Id)
	readers.AddIndex("idx_of_an_earlier_version", true, "`email`", "email != ''")
	if err := b.app.Save(readers); err != nil {
		t.Fatal(err)
	}
	const want = `// readers defines the readers collection.
func readers() schema.Collection {
	return schema.Collection{
		Name: "readers",
		Type: core.CollectionTypeAuth,
		Rules: schema.Rules{
			Auth: schema.Public,
		},
	}
}
`
	if got := b.pull(t, schema.PullOptions{})["readers"].Source; !strings.HasSuffix(got, want) {
		t.Errorf("got another end than wanted:\n%s", schema.DiffLines(want, got))
	}
}

// Long rules are cut at the operators that join their conditions, the outer ones
// first, and never inside of a text.
func TestPullCutsLongRules(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	notes := core.NewBaseCollection("notes")
	notes.ViewRule = types.Pointer(`@request.auth.name != "this && that || (" && (@request.auth.id = "aaaaaaaaaaaaaaaaaaaaaaaaa" || ` +
		`(@request.auth.id != 'it\'s || not' && @request.auth.verified = true && @request.auth.email != "somebody@zoo.example"))`)
	if err := b.app.Save(notes); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"\t\t\tView: `@request.auth.name != \"this && that || (\"` +",
		"\t\t\t\t` && (@request.auth.id = \"aaaaaaaaaaaaaaaaaaaaaaaaa\"` +",
		"\t\t\t\t` || (@request.auth.id != 'it\\'s || not'` +",
		"\t\t\t\t` && @request.auth.verified = true` +",
		"\t\t\t\t` && @request.auth.email != \"somebody@zoo.example\"))`,\n",
	}, "\n")
	if got := b.pull(t, schema.PullOptions{})["notes"].Source; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant in it\n%s", got, want)
	}
}

func TestPullOfAChangedCollection(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	b.changeAuthors(t)

	authors := b.pull(t, schema.PullOptions{Write: true})["authors"]
	if authors.Status != schema.PullChanged || authors.Written || !strings.Contains(authors.Note, "--overwrite") {
		t.Errorf("got %+v, want it changed, not written, and how to have it written", authors)
	}
	for _, line := range []string{
		"-\t\t\tList: `id = @request.auth.id`,\n",
		"+\t\t\t&core.NumberField{Name: \"age\", Min: types.Pointer(18.0)},\n",
	} {
		if !strings.Contains(authors.Diff, line) {
			t.Errorf("got the difference\n%s\nwant in it\n%s", authors.Diff, line)
		}
	}
	equal(t, "authors.go", b.read(t, "authors.go"), authorsFile)

	if authors = b.pull(t, schema.PullOptions{Overwrite: true})["authors"]; !authors.Written || authors.Note != "" {
		t.Errorf("got %+v, want it written", authors)
	}
	want := strings.NewReplacer(
		"\trule := strings.TrimSpace(\" id = @request.auth.id \")\n\n", "",
		"\t\"strings\"\n\n", "",
		"\t\tRules: schema.Rules{\n\t\t\tList: schema.Rule(rule),\n\t\t},\n", "",
		"core\" // fields\n", "core\" // fields\n\t\"github.com/pocketbase/pocketbase/tools/types\"\n",
		" // as printed\n", " // as printed\n\t\t\t&core.NumberField{Name: \"age\", Min: types.Pointer(18.0)},\n",
	).Replace(authorsFile)
	if got := b.read(t, "authors.go"); got != want {
		t.Errorf("got another file than wanted:\n%s", schema.DiffLines(want, got))
	}
}

func TestPullKeepsTheSingular(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	b.changeAuthors(t)
	d := authorsDefinition()
	d.Singular = "poet"
	authors := b.pull(t, schema.PullOptions{Definitions: []schema.Collection{d}})["authors"]
	if !strings.Contains(authors.Source, `Singular: "poet"`) {
		t.Errorf("got\n%s\nwant the singular of the definition in it", authors.Source)
	}
}

func TestPullOfNamedCollections(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	b.addPosts(t)
	b.changeAuthors(t)

	if pulled := b.pull(t, schema.PullOptions{Names: []string{"posts"}, Overwrite: true}); len(pulled) != 1 || !pulled["posts"].Written {
		t.Errorf("got %+v, want posts only", pulled)
	}
	equal(t, "authors.go", b.read(t, "authors.go"), authorsFile)

	_, err := schema.Pull(b.app, schema.PullOptions{Dir: b.dir, Names: []string{"nope", "_superusers", "posts"}})
	for _, part := range []string{"nope", "_superusers"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got error %v, want it to name %s", err, part)
		}
	}
}

// What a definition has announced is not undone by a pull.
func TestPullBeforeMigrating(t *testing.T) {
	t.Parallel()
	field := []core.Field{&core.TextField{Name: "name"}}
	for name, test := range map[string]struct {
		definitions []schema.Collection
		collection  string
		status      schema.PullStatus
		note        string
	}{
		"a rename":         {[]schema.Collection{{Name: "poets", Was: "authors", Fields: field}}, "authors", schema.PullChanged, "poets renames"},
		"a drop":           {[]schema.Collection{schema.Dropped("authors")}, "authors", schema.PullChanged, "dropped"},
		"a new definition": {[]schema.Collection{authorsDefinition(), {Name: "poems"}}, "poems", schema.PullMissing, "migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBlog(t)
			pulled := b.pull(t, schema.PullOptions{Definitions: test.definitions, Overwrite: true})
			got := pulled[test.collection]
			if got.Status != test.status || got.Written || !strings.Contains(got.Note, test.note) {
				t.Errorf("got %+v, want it %s, not written, with a note about %q", got, test.status, test.note)
			}
			if len(pulled) != len(test.definitions) {
				t.Errorf("got %d entries, want one for each definition", len(pulled))
			}
			equal(t, "all.go", b.read(t, "all.go"), allFile)
		})
	}
}

func TestPullIntoUnusualPackages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		files map[string]string // besides or instead of the usual
		make  string            // the new collection
		file  string            // where it goes
		want  string            // what the file has
		note  string
	}{
		"no function All": {
			files: map[string]string{"all.go": "package blog\n"},
			make:  "posts", file: "posts.go", want: "func posts() schema.Collection", note: "Add posts()",
		},
		"All in many lines": {
			files: map[string]string{"all.go": strings.Replace(allFile, "authors()", "\n// one\nauthors(), // two\n", 1)},
			make:  "posts", file: "posts.go", want: "func posts() schema.Collection",
		},
		"an empty All": {
			files: map[string]string{"all.go": strings.Replace(allFile, "authors()", "", 1)},
			make:  "posts", file: "posts.go", want: "func posts() schema.Collection",
		},
		"a name that is taken": {
			files: map[string]string{"posts.go": "package blog\n\nvar posts int\n"},
			make:  "posts", file: "posts_2.go", want: "func postsCollection() schema.Collection",
		},
		"a keyword":          {make: "type", file: "type.go", want: "func typeCollection() schema.Collection"},
		"an import":          {make: "core", file: "core.go", want: "func coreCollection() schema.Collection"},
		"a test's file name": {make: "unit_test", file: "unit_test_collection.go", want: "func unitTest() schema.Collection"},
		"a system's file":    {make: "on_windows", file: "on_windows_collection.go", want: "func onWindows() schema.Collection"},
		"a generated file":   {make: "next_gen", file: "next_gen_collection.go", want: "func nextGen() schema.Collection"},
		"a hidden file":      {make: "_drafts", file: "drafts.go", want: `Name: "_drafts"`},
		"an initialism":      {make: "urls", file: "urls.go", want: "func urls() schema.Collection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBlog(t)
			for file, content := range test.files {
				writeFile(t, b.path(file), content)
			}
			if err := b.app.Save(core.NewBaseCollection(test.make)); err != nil {
				t.Fatal(err)
			}
			got := b.pull(t, schema.PullOptions{Write: true})[test.make]
			if got.File != b.path(test.file) || !got.Written || !strings.Contains(got.Note, test.note) || (got.Note == "") != (test.note == "") {
				t.Errorf("got %+v, want it in %s, note %q", got, test.file, test.note)
			}
			if content := b.read(t, test.file); !strings.Contains(content, test.want) {
				t.Errorf("got\n%s\nwant %q in it", content, test.want)
			}
			again := b.pull(t, schema.PullOptions{Definitions: []schema.Collection{authorsDefinition(), {Name: test.make}}})
			if again[test.make].Status != schema.PullSame || again[test.make].File != got.File {
				t.Errorf("got %+v after the pull, want it the same, in %s", again[test.make], got.File)
			}
		})
	}
}

func TestPullOfADefinitionThatIsNoFunction(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	inline := strings.Replace(authorsFile, `Name: "authors"`, `Name: "auth" + "ors"`, 1)
	writeFile(t, b.path("authors.go"), inline)
	b.changeAuthors(t)
	got := b.pull(t, schema.PullOptions{Overwrite: true})["authors"]
	if got.Written || !strings.Contains(got.Note, "by hand") || got.Source == "" {
		t.Errorf("got %+v, want the source and the advice to change it by hand", got)
	}
	equal(t, "authors.go", b.read(t, "authors.go"), inline)
}

func TestPullOfABrokenPackage(t *testing.T) {
	t.Parallel()
	b := newBlog(t)
	writeFile(t, b.path("broken.go"), "package blog\n\nfunc {")
	if _, err := schema.Pull(b.app, schema.PullOptions{Dir: b.dir}); err == nil || !strings.Contains(err.Error(), "broken.go") {
		t.Errorf("got error %v, want one that names the file", err)
	}
}

func TestDatePanicsOnWhatIsNone(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("got no panic")
		}
	}()
	schema.Date("soon")
}
