package schema_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
	"github.com/holdall-go/holdall/plugins/schema/testdata/zoo"
)

// That the generated package compiles is shown by this file using it.
func TestGenerateRecordsIsReproducible(t *testing.T) {
	t.Parallel()
	const golden = "testdata/zoo"
	dir := t.TempDir()
	for range 2 {
		if err := schema.GenerateRecords(dir, "zoo", zoo.All()); err != nil {
			t.Fatal(err)
		}
		want, got := readGenerated(t, golden), readGenerated(t, dir)
		if len(want) != len(zoo.All()) {
			t.Errorf("got %d generated files in %s, want one for each of %d definitions", len(want), golden, len(zoo.All()))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the files in %s are not what the generator writes: run go generate ./plugins/schema/%s", golden, golden)
		}
	}
}

// readGenerated returns the generated files of a folder by name.
func readGenerated(t *testing.T, dir string) map[string]string {
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

// zooApp is an app with the zoo's collections.
func zooApp(t *testing.T) core.App {
	t.Helper()
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	if err := schema.Apply(app, zoo.All()); err != nil {
		t.Fatal(err)
	}
	return app
}

// equal fails the test unless both encode to the same JSON, in which the types
// of PocketBase have one form.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func newAnimal(t *testing.T, app core.App, name string) *zoo.Animal {
	t.Helper()
	animal, err := zoo.NewAnimal(app)
	if err != nil {
		t.Fatal(err)
	}
	animal.SetName(name)
	animal.SetCamURL("https://cam.zoo.example/" + name)
	return animal
}

func TestRecordKeepsEveryFieldType(t *testing.T) {
	t.Parallel()
	app := zooApp(t)

	keeper, err := zoo.NewKeeper(app)
	if err != nil {
		t.Fatal(err)
	}
	keeper.SetEmail("kim@zoo.example")
	keeper.SetRandomPassword()
	keeper.SetBadge("K7")
	friend := newAnimal(t, app, "pascal")
	superuser := core.NewRecord(mustCollection(t, app, core.CollectionNameSuperusers))
	superuser.SetEmail("root@zoo.example")
	superuser.SetRandomPassword()
	for _, m := range []core.Model{keeper, friend, superuser} {
		if err := app.Save(m); err != nil {
			t.Fatal(err)
		}
	}

	born, err := types.ParseDateTime("2021-03-04 05:06:07.089Z")
	if err != nil {
		t.Fatal(err)
	}
	animal := newAnimal(t, app, "linus")
	animal.SetStory("<p>Once</p>")
	animal.SetFanMail("linus@zoo.example")
	animal.SetWeight(12.5)
	animal.SetLegs(4)
	animal.SetTame(true)
	animal.SetBorn(born)
	animal.SetDiet(zoo.AnimalDietBothOfThem)
	animal.SetMoods([]string{zoo.AnimalMoodsCalm, zoo.AnimalMoodsVeryWild2, zoo.AnimalMoodsValue4})
	animal.SetPortrait(newFile(t, "portrait.txt"))
	animal.SetPictures([]*filesystem.File{newFile(t, "one.txt"), newFile(t, "two.txt")})
	animal.SetKeeper(keeper.Id)
	animal.SetFriends([]string{friend.Id})
	animal.SetInspector(superuser.Id)
	animal.SetInspectors([]string{superuser.Id})
	animal.SetFacts(map[string]any{"speed": 40})
	animal.SetCage(types.GeoPoint{Lon: 23.3, Lat: 42.7})
	animal.SetLock("secret1")
	if err := app.Save(animal); err != nil {
		t.Fatal(err)
	}

	found, err := zoo.FindAnimalById(app, animal.Id)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "name", found.Name(), "linus")
	equal(t, "story", found.Story(), "<p>Once</p>")
	equal(t, "fan_mail", found.FanMail(), "linus@zoo.example")
	equal(t, "camUrl", found.CamURL(), "https://cam.zoo.example/linus")
	equal(t, "weight", found.Weight(), 12.5)
	equal(t, "legs", found.Legs(), 4)
	equal(t, "tame", found.Tame(), true)
	equal(t, "born", found.Born(), born)
	equal(t, "diet", found.Diet(), "bothOfThem")
	equal(t, "moods", found.Moods(), []string{"calm", "very_wild", "喜"})
	equal(t, "keeper", found.Keeper(), keeper.Id)
	equal(t, "friends", found.Friends(), []string{friend.Id})
	equal(t, "inspector", found.Inspector(), superuser.Id)
	equal(t, "facts", found.Facts(), map[string]any{"speed": 40})
	equal(t, "cage", found.Cage(), types.GeoPoint{Lon: 23.3, Lat: 42.7})
	if found.Created().IsZero() || found.Updated().IsZero() {
		t.Errorf("got created %v and updated %v, want both set", found.Created(), found.Updated())
	}
	if !strings.HasPrefix(found.Portrait(), "portrait_") || len(found.Pictures()) != 2 {
		t.Errorf("got portrait %q and pictures %q, want a stored file and two", found.Portrait(), found.Pictures())
	}
	if hash, ok := found.GetRaw(zoo.AnimalFieldLock).(*core.PasswordFieldValue); !ok || !hash.Validate("secret1") {
		t.Errorf("got lock %v, want a hash of the password that was set", hash)
	}

	if found.ExpandedKeeper() != nil || found.ExpandedFriends() != nil ||
		found.ExpandedInspector() != nil || found.ExpandedInspectors() != nil {
		t.Error("got expanded records before expanding, want none")
	}
	if failed := app.ExpandRecord(found.Record, []string{"keeper", "friends", "inspector", "inspectors"}, nil); len(failed) > 0 {
		t.Fatal(failed)
	}
	equal(t, "expanded keeper", found.ExpandedKeeper().Badge(), "K7")
	equal(t, "expanded keeper's email", found.ExpandedKeeper().Email(), "kim@zoo.example")
	equal(t, "expanded friends", found.ExpandedFriends()[0].Name(), "pascal")
	equal(t, "expanded inspector", found.ExpandedInspector().Id, superuser.Id)
	equal(t, "expanded inspectors", found.ExpandedInspectors()[0].Id, superuser.Id)
}

func TestRecordIsAProxy(t *testing.T) {
	t.Parallel()
	app := zooApp(t)
	if err := app.Save(newAnimal(t, app, "ada")); err != nil {
		t.Fatal(err)
	}

	var list []*zoo.Animal
	if err := app.RecordQuery(zoo.Animals).All(&list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].Name() != "ada" {
		t.Errorf("got %v from a query into proxies, want the one animal", list)
	}
	if list[0].ProxyRecord() != list[0].Record {
		t.Error("got another record from ProxyRecord, want the embedded one")
	}

	view, err := zoo.FindAnimalNameById(app, list[0].Id)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "name in the view", view.Name(), "ada")
}

func TestFindRecordThatIsMissing(t *testing.T) {
	t.Parallel()
	if _, err := zoo.FindAnimalById(zooApp(t), "none"); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("got error %v, want sql.ErrNoRows", err)
	}
}

func TestNewRecordWithoutItsCollection(t *testing.T) {
	t.Parallel()
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	if _, err := zoo.NewAnimal(app); err == nil || !strings.Contains(err.Error(), "animals") {
		t.Errorf("got error %v, want one that names the collection", err)
	}
}

// Every field keeps a value of its own, and core.Record's own methods work on.
func TestRecordNamesThatCollide(t *testing.T) {
	t.Parallel()
	app := zooApp(t)
	oddity := zoo.OddityOf(core.NewRecord(mustCollection(t, app, zoo.Oddities)))
	accessors := map[string]struct {
		set func(string)
		get func() string
	}{
		"collection":      {oddity.SetCollectionValue, oddity.CollectionValue},
		"clone":           {oddity.SetCloneValue, oddity.CloneValue},
		"set":             {oddity.SetSetValue, oddity.SetValue},
		"raw":             {oddity.SetRawValue, oddity.RawValue},
		"proxyRecord":     {oddity.SetProxyRecordValue, oddity.ProxyRecordValue},
		"record":          {oddity.SetRecordValue, oddity.RecordValue},
		"baseRecordProxy": {oddity.SetBaseRecordProxyValue, oddity.BaseRecordProxyValue},
		"tableName":       {oddity.SetTableNameValue, oddity.TableNameValue},
		"email":           {oddity.SetEmailValue, oddity.EmailValue},
		"verified":        {oddity.SetVerifiedValue, oddity.VerifiedValue},
		"set_name":        {oddity.SetSetName, oddity.SetName},
		"name":            {oddity.SetNameValue, oddity.NameValue},
		"foo_bar":         {oddity.SetFooBar, oddity.FooBar},
		"fooBar":          {oddity.SetFooBar2, oddity.FooBar2},
		"foo__bar":        {oddity.SetFooBar3, oddity.FooBar3},
		"func":            {oddity.SetFunc, oddity.Func},
		"type":            {oddity.SetType, oddity.Type},
		"2fa":             {oddity.SetField2fa, oddity.Field2fa},
		"_":               {oddity.SetUnnamed, oddity.Unnamed},
		"ids":             {oddity.SetIDs, oddity.IDs},
		"xml_url_list":    {oddity.SetXMLURLList, oddity.XMLURLList},
		"one":             {oddity.SetOneValue, oddity.OneValue},
		"expandedTwo":     {oddity.SetExpandedTwo, oddity.ExpandedTwo},
		"two":             {oddity.SetTwoValue, oddity.TwoValue},
		"field":           {oddity.SetField, oddity.Field},
	}
	for field, accessor := range accessors {
		accessor.set("value of " + field)
	}
	for field, accessor := range accessors {
		equal(t, field, accessor.get(), "value of "+field)
		equal(t, "stored "+field, oddity.GetString(field), "value of "+field)
	}
	if got := len(oddity.Collection().Fields) - 1; got != len(accessors) {
		t.Errorf("got %d fields, want the %d of the table", got, len(accessors))
	}

	constants := map[string][2]string{
		"a system field":           {zoo.OddityFieldID, "id"},
		"an auth field":            {zoo.KeeperFieldTokenKey, "tokenKey"},
		"the second of two fields": {zoo.OddityFieldFooBar2, "fooBar"},
		"a leading digit":          {zoo.OddityField2fa, "2fa"},
		"a value named as a field": {zoo.OddityFieldName2, "name"},
		"a value":                  {zoo.OddityFieldOther, "other"},
		"a collection":             {zoo.Quotas, "quotas"},
		"its own singular":         {zoo.StaffCollection, "staff"},
		"a collection with digits": {zoo.Collection2ndFloorCollection, "2nd_floor"},
	}
	for name, c := range constants {
		equal(t, name, c[0], c[1])
	}
	_ = []core.RecordProxy{&zoo.Staff{}, &zoo.DailyQuota{}, &zoo.Collection2ndFloor{}}
}

func mustCollection(t *testing.T, app core.App, name string) *core.Collection {
	t.Helper()
	collection, err := app.FindCollectionByNameOrId(name)
	if err != nil {
		t.Fatal(err)
	}
	return collection
}

func newFile(t *testing.T, name string) *filesystem.File {
	t.Helper()
	file, err := filesystem.NewFileFromBytes([]byte("content"), name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}
