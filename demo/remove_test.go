package demo_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestRemoveTakesOnlyTheDemo(t *testing.T) {
	t.Parallel()

	app := seeded.New(t)
	demoRecords, demoFiles := exactDump(t, app), hashes(storedFiles(t, app))
	own := organization(t, app, "own")
	user, _ := pbtest.User(t, app, collections.Users, map[string]any{"name": "Own user"})
	pbtest.Superuser(t, app)
	membership(t, app, own.Id, user.Id)
	ownPhoto(t, app, own.Id, user.Id)
	wantRecords := without(exactDump(t, app), demoRecords)
	wantFiles := without(hashes(storedFiles(t, app)), demoFiles)
	if len(wantRecords) != 7 || len(wantFiles) != 1 {
		t.Fatalf("got %d records and %d files of our own, want 7 and 1", len(wantRecords), len(wantFiles))
	}

	deleted, err := demo.Remove(app)
	if err != nil {
		t.Fatal(err)
	}
	if deleted != len(demoRecords) {
		t.Errorf("got %d deleted, want all %d of the demo", deleted, len(demoRecords))
	}
	if diff := difference(wantRecords, exactDump(t, app)); diff != "" {
		t.Errorf("other records changed (-before +after):\n%s", diff)
	}
	if diff := difference(wantFiles, hashes(storedFiles(t, app))); diff != "" {
		t.Errorf("other files changed or are left (-before +after):\n%s", diff)
	}
}

// without returns the lines that are not among those to leave out.
func without(lines, leaveOut []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return slices.Contains(leaveOut, line) })
}

func TestRemoveTakesWhatPeopleAddedToTheDemo(t *testing.T) {
	t.Parallel()

	app := empty.New(t)
	before := exactDump(t, app)
	seed(t, app, demo.WithoutImages(demo.Config{Now: noon}))
	someone, _ := pbtest.User(t, app, collections.Users, nil)
	tenant := find(t, app, collections.Organizations)[0].Id
	membership(t, app, tenant, someone.Id)
	ownPhoto(t, app, tenant, someone.Id)
	signIn := core.NewAuthOrigin(app)
	person := find(t, app, collections.Users)[0]
	signIn.SetCollectionRef(person.Collection().Id)
	signIn.SetRecordRef(person.Id)
	signIn.SetFingerprint("known device")
	if err := app.Save(signIn); err != nil {
		t.Fatal(err)
	}

	if _, err := demo.Remove(app); err != nil {
		t.Fatal(err)
	}
	if err := app.Delete(someone); err != nil {
		t.Errorf("delete the person who joined the demo: %v", err)
	}
	if diff := difference(before, exactDump(t, app)); diff != "" {
		t.Errorf("records are left (-before +after):\n%s", diff)
	}
	if files := storedFiles(t, app); len(files) != 0 {
		t.Errorf("got %d files left, want none", len(files))
	}
	if origins, err := app.CountRecords(core.CollectionNameAuthOrigins); err != nil || origins != 0 {
		t.Errorf("got %d known devices left (%v), want none", origins, err)
	}
}

func TestSeedAfterRemove(t *testing.T) {
	t.Parallel()

	app := seeded.New(t)
	want := dump(t, app)
	if _, err := demo.Remove(app); err != nil {
		t.Fatal(err)
	}
	seed(t, app, demo.WithoutImages(demo.Config{Now: noon}))
	if diff := difference(want, dump(t, app)); diff != "" {
		t.Errorf("the second seeding differs (-first +second):\n%s", diff)
	}
}

func TestRemoveRefusals(t *testing.T) {
	t.Parallel()

	t.Run("nothing was seeded", func(t *testing.T) {
		t.Parallel()
		app := empty.New(t)
		organization(t, app, "own")
		if _, err := demo.Remove(app); !errors.Is(err, demo.ErrNotSeeded) {
			t.Errorf("got error %v, want %v", err, demo.ErrNotSeeded)
		}
	})

	inUse := map[string]func(t *testing.T, app core.App){
		"a demo person joined another organization": func(t *testing.T, app core.App) {
			membership(t, app, organization(t, app, "own").Id, find(t, app, collections.Users)[3].Id)
		},
		"another collection refers to an order": func(t *testing.T, app core.App) {
			refer(t, app, collections.WorkOrders, 1)
		},
		"another collection refers to several sites": func(t *testing.T, app core.App) {
			refer(t, app, collections.Sites, 5)
		},
	}
	for name, use := range inUse {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := seeded.New(t)
			use(t, app)
			before := exactDump(t, app)
			if _, err := demo.Remove(app); !errors.Is(err, demo.ErrInUse) {
				t.Errorf("got error %v, want %v", err, demo.ErrInUse)
			}
			if diff := difference(before, exactDump(t, app)); diff != "" {
				t.Errorf("the refused removal changed records (-before +after):\n%s", diff)
			}
		})
	}
}

// refer makes a collection with a relation of up to max to the first records of target.
func refer(t *testing.T, app core.App, target string, max int) {
	t.Helper()
	to, err := app.FindCollectionByNameOrId(target)
	if err != nil {
		t.Fatal(err)
	}
	c := core.NewBaseCollection("invoices")
	c.Fields.Add(&core.RelationField{Name: "about", CollectionId: to.Id, MaxSelect: max})
	if err := app.Save(c); err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(c)
	var ids []string
	for _, record := range find(t, app, target)[:max] {
		ids = append(ids, record.Id)
	}
	r.Set("about", ids)
	if err := app.Save(r); err != nil {
		t.Fatal(err)
	}
}

func membership(t *testing.T, app core.App, organization, user string) {
	t.Helper()
	m, err := collections.NewMembership(app)
	if err != nil {
		t.Fatal(err)
	}
	m.SetOrganization(organization)
	m.SetUser(user)
	m.SetRole(collections.MembershipRoleOwner)
	if err := app.Save(m); err != nil {
		t.Fatal(err)
	}
}

// ownPhoto saves a site, an order on it, and a photo with a file.
func ownPhoto(t *testing.T, app core.App, organization, author string) *core.Record {
	t.Helper()
	site, err := collections.NewSite(app)
	if err != nil {
		t.Fatal(err)
	}
	site.SetOrganization(organization)
	site.SetName("Own site")
	order, err := collections.NewWorkOrder(app)
	if err != nil {
		t.Fatal(err)
	}
	photo, err := collections.NewPhoto(app)
	if err != nil {
		t.Fatal(err)
	}
	file, err := filesystem.NewFileFromBytes([]byte(pixel), "own.png")
	if err != nil {
		t.Fatal(err)
	}

	if err := app.Save(site); err != nil {
		t.Fatal(err)
	}
	order.SetOrganization(organization)
	order.SetSite(site.Id)
	order.SetNumber(99999)
	order.SetTitle("Own order")
	order.SetStatus(collections.WorkOrderStatusDraft)
	order.SetPriority(collections.WorkOrderPriorityLow)
	if err := app.Save(order); err != nil {
		t.Fatal(err)
	}
	photo.SetWorkOrder(order.Id)
	photo.SetAuthor(author)
	photo.SetImage(file)
	if err := app.Save(photo); err != nil {
		t.Fatal(err)
	}
	return photo.Record
}

// pixel is the smallest PNG.
const pixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\rIDATx\xdac\xfc\xff\x9f\xa1\x1e\x00\x07\x82\x02\x7f\x3d\xc8H\xef\x00\x00\x00\x00IEND\xaeB`\x82"
