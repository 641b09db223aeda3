package demo_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"golang.org/x/crypto/bcrypt"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// noon is a moment on a working day.
var noon = time.Date(2026, 3, 11, 14, 20, 31, 0, time.UTC)

// empty has the reference schema without data, seeded the demo at noon. Hashes
// are cheap in both.
var (
	empty  = pbtest.NewTemplate(applySchema, pbtest.FastPasswords)
	seeded = pbtest.NewTemplate(applySchema, pbtest.FastPasswords, func(app core.App) error {
		_, err := demo.Seed(app, quiet(demo.Config{Now: noon}))
		return err
	})
)

func applySchema(app core.App) error { return schema.Apply(app, collections.All()) }

func quiet(c demo.Config) demo.Config {
	c.Output = io.Discard
	return c
}

var names = []string{
	core.CollectionNameSuperusers, collections.Users, collections.Organizations, collections.Memberships,
	collections.Sites, collections.WorkOrders, collections.Notes, collections.Photos,
}

func TestSeedResult(t *testing.T) {
	t.Parallel()

	app := empty.New(t)
	result := seed(t, app, demo.WithoutImages(demo.Config{Now: noon}))
	if !result.Created || !result.SeededAt.Equal(noon) {
		t.Errorf("got created %v at %v, want created at %v", result.Created, result.SeededAt, noon)
	}
	for name, want := range map[string]int{
		core.CollectionNameSuperusers: 1, collections.Users: 14, collections.Organizations: 2,
		collections.Memberships: 15, collections.Sites: 40, collections.WorkOrders: 600, collections.Photos: 90,
	} {
		stored, err := app.CountRecords(name)
		if err != nil {
			t.Fatal(err)
		}
		if result.Records[name] != want || int(stored) != want {
			t.Errorf("%s: got %d reported and %d stored, want %d", name, result.Records[name], stored, want)
		}
	}
	if n := result.Records[collections.Notes]; n < 400 {
		t.Errorf("got %d notes, want at least 400", n)
	}
}

func TestEveryNamedFileIsAnImage(t *testing.T) {
	t.Parallel()

	app := seeded.New(t)
	stored, named := storedFiles(t, app), 0
	for _, name := range names {
		for _, record := range find(t, app, name) {
			for _, field := range record.Collection().Fields {
				file := record.GetString(field.GetName())
				if field.Type() != core.FieldTypeFile || file == "" {
					continue
				}
				named++
				content, ok := stored[record.BaseFilesPath()+"/"+file]
				if !ok {
					t.Errorf("%s %s: %s is not stored", name, record.Id, file)
					continue
				}
				if _, _, err := image.DecodeConfig(strings.NewReader(content)); err != nil {
					t.Errorf("%s %s: %s is no image: %v", name, record.Id, file, err)
				}
			}
		}
	}
	if named != len(stored) {
		t.Errorf("got %d files named by records, want all %d that are stored", named, len(stored))
	}
}

func TestSeedIsDeterministic(t *testing.T) {
	t.Parallel()

	first := seeded.New(t)
	again, other := empty.New(t), empty.New(t)
	result := seed(t, again, demo.Config{Now: noon})
	if files := storedFiles(t, again); len(files) != result.Files || result.Files < 120 {
		t.Errorf("got %d files reported and %d stored, want the same and at least 120", result.Files, len(files))
	}
	seed(t, other, demo.WithoutImages(demo.Config{Now: noon, Seed: 2}))

	want := dump(t, first)
	if diff := difference(want, dump(t, again)); diff != "" {
		t.Errorf("the same seed made other records (-first +again):\n%s", diff)
	}
	if diff := difference(hashes(storedFiles(t, first)), hashes(storedFiles(t, again))); diff != "" {
		t.Errorf("the same seed made other files (-first +again):\n%s", diff)
	}
	if slices.Equal(want, dump(t, other)) {
		t.Error("got the same records for another seed, want others")
	}
}

func TestSecretsAreNotDeterministic(t *testing.T) {
	t.Parallel()

	first, again := seeded.New(t), empty.New(t)
	seed(t, again, demo.WithoutImages(demo.Config{Now: noon}))

	for name, field := range map[string]string{
		core.CollectionNameSuperusers: core.FieldNameTokenKey,
		collections.Users:             core.FieldNameTokenKey,
		collections.Organizations:     collections.OrganizationFieldInvitationKey,
	} {
		seen := map[string]bool{}
		for _, app := range []core.App{first, again} {
			for _, record := range find(t, app, name) {
				secret := record.GetString(field)
				if len(secret) < 30 || seen[secret] {
					t.Errorf("%s.%s: got %q, want a long secret of its own", name, field, secret)
				}
				seen[secret] = true
			}
		}
	}
}

func TestAccountsAreVerifiedAndCostWhatTheCollectionSays(t *testing.T) {
	t.Parallel()

	app := pbtest.New(t, applySchema)
	seed(t, app, demo.WithoutImages(demo.Config{}))
	for _, name := range []string{collections.Users, core.CollectionNameSuperusers} {
		for i, record := range find(t, app, name) {
			field, ok := record.Collection().Fields.GetByName(core.FieldNamePassword).(*core.PasswordField)
			if !ok {
				t.Fatalf("%s has no password", name)
			}
			want := field.Cost
			if want == 0 {
				want = bcrypt.DefaultCost
			}
			got, err := bcrypt.Cost([]byte(record.GetString(core.FieldNamePassword + ":hash")))
			if err != nil || got != want {
				t.Errorf("%s: got cost %d (%v), want %d", name, got, err, want)
			}
			if !record.Verified() {
				t.Errorf("%s %s: not verified", name, record.Email())
			}
			if i == 0 && !record.ValidatePassword(demo.Password) { // the hash is everybody's
				t.Errorf("%s %s: the password is not %s", name, record.Email(), demo.Password)
			}
		}
	}
}

func TestSeedingAgainChangesNothing(t *testing.T) {
	t.Parallel()

	app := seeded.New(t)
	renamed := find(t, app, collections.Organizations)[0]
	renamed.Set(collections.OrganizationFieldName, "Renamed by hand")
	if err := app.Save(renamed); err != nil {
		t.Fatal(err)
	}
	before, files := exactDump(t, app), storedFiles(t, app)

	result, err := demo.Seed(app, quiet(demo.Config{Now: noon.AddDate(0, 1, 0), Seed: 7, Force: true}))
	if err != nil {
		t.Fatal(err)
	}
	if result.Created || !result.SeededAt.Equal(noon) || len(result.Accounts) != 16 {
		t.Errorf("got created %v, seeded at %v, %d accounts, want the earlier data and 16 accounts", result.Created, result.SeededAt, len(result.Accounts))
	}
	if diff := difference(before, exactDump(t, app)); diff != "" {
		t.Errorf("the records changed (-before +after):\n%s", diff)
	}
	if diff := difference(hashes(files), hashes(storedFiles(t, app))); diff != "" {
		t.Errorf("the files changed (-before +after):\n%s", diff)
	}
}

func TestSeedBesideOtherData(t *testing.T) {
	t.Parallel()

	app := empty.New(t)
	own := organization(t, app, "own")
	pbtest.Superuser(t, app)
	before := exactDump(t, app)

	if _, err := demo.Seed(app, quiet(demo.Config{})); !errors.Is(err, demo.ErrOtherData) {
		t.Errorf("got error %v, want %v", err, demo.ErrOtherData)
	}
	if diff := difference(before, exactDump(t, app)); diff != "" {
		t.Errorf("the refused run changed records (-before +after):\n%s", diff)
	}

	result := seed(t, app, demo.WithoutImages(demo.Config{Force: true}))
	if got := len(find(t, app, collections.Organizations)); got != 3 {
		t.Errorf("got %d organizations, want the demo's two and %s", got, own.Id)
	}
	for _, account := range result.Accounts {
		if account.Role == demo.RoleSuperuser {
			t.Error("got a superuser with a known password beside one that was there, want none")
		}
	}
}

func TestFailedSeedLeavesNothing(t *testing.T) {
	t.Parallel()

	app := empty.New(t)
	pbtest.User(t, app, collections.Users, map[string]any{"email": "elspeth@demo.example"})
	before := exactDump(t, app)

	if _, err := demo.Seed(app, quiet(demo.Config{Now: noon})); err == nil {
		t.Error("got no error for an address that is taken, want one")
	}
	if diff := difference(before, exactDump(t, app)); diff != "" {
		t.Errorf("records are left over (-before +after):\n%s", diff)
	}
	if files := storedFiles(t, app); len(files) != 0 {
		t.Errorf("got %d files left over, want none", len(files))
	}
}

func TestSeedWithoutCollections(t *testing.T) {
	t.Parallel()

	app := pbtest.New(t)
	if err := app.Delete(must(t)(app.FindCollectionByNameOrId(collections.Users))); err != nil {
		t.Fatal(err)
	}
	_, err := demo.Seed(app, quiet(demo.Config{}))
	if err == nil || !strings.Contains(err.Error(), "run the migrations first") {
		t.Errorf("got error %v, want one that tells what to do", err)
	}
}

// must fails the test on an error and returns the value otherwise.
func must(t *testing.T) func(c *core.Collection, err error) *core.Collection {
	return func(c *core.Collection, err error) *core.Collection {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func seed(t *testing.T, app core.App, config demo.Config) demo.Result {
	t.Helper()
	result, err := demo.Seed(app, quiet(config))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func find(t *testing.T, app core.App, collection string) []*core.Record {
	t.Helper()
	records, err := app.FindRecordsByFilter(collection, "", "id", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func organization(t *testing.T, app core.App, slug string) *core.Record {
	t.Helper()
	o, err := collections.NewOrganization(app)
	if err != nil {
		t.Fatal(err)
	}
	o.SetName("Quillmere " + slug)
	o.SetSlug(slug)
	o.SetTimezone("UTC")
	if err := app.Save(o); err != nil {
		t.Fatal(err)
	}
	return o.ProxyRecord()
}

// dump is every record without its secrets.
func dump(t *testing.T, app core.App) []string {
	t.Helper()
	return dumpWithout(t, app, core.FieldNamePassword, core.FieldNameTokenKey, collections.OrganizationFieldInvitationKey)
}

// exactDump is every record, by collection and id.
func exactDump(t *testing.T, app core.App) []string {
	t.Helper()
	return dumpWithout(t, app)
}

func dumpWithout(t *testing.T, app core.App, secrets ...string) []string {
	t.Helper()
	var lines []string
	for _, name := range names {
		for _, record := range find(t, app, name) {
			row, err := record.DBExport(app)
			if err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(row, func(column string, _ any) bool { return slices.Contains(secrets, column) })
			line, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, name+" "+string(line))
		}
	}
	return lines
}

// storedFiles is the content of the app's storage by key, without PocketBase's
// own files of attributes.
func storedFiles(t *testing.T, app core.App) map[string]string {
	t.Helper()
	root := filepath.Join(app.DataDir(), core.LocalStorageDirName)
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".attrs") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		key, err := filepath.Rel(root, path)
		files[filepath.ToSlash(key)] = string(content)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

// hashes are sorted lines of key and sum.
func hashes(files map[string]string) []string {
	var lines []string
	for key, content := range files {
		lines = append(lines, fmt.Sprintf("%s %x", key, sha256.Sum256([]byte(content))))
	}
	slices.Sort(lines)
	return lines
}

// difference shows the first line that differs, or is empty.
func difference(before, after []string) string {
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(before):
			return "+ " + after[i]
		case i >= len(after):
			return "- " + before[i]
		case before[i] != after[i]:
			return "- " + before[i] + "\n+ " + after[i]
		}
	}
	return ""
}
