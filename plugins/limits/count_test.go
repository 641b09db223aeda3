package limits_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/plugins/limits"
)

// withFiles gives things a file.
func withFiles(app core.App) error {
	things, err := app.FindCollectionByNameOrId("things")
	if err != nil {
		return err
	}
	things.Fields.Add(&core.FileField{Name: "file", MaxSize: 1 << 20})
	return app.Save(things)
}

// thing is one of an owner, with a file of some size.
func thing(t *testing.T, app core.App, owner string, size int) *core.Record {
	t.Helper()
	things, err := app.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	r := core.NewRecord(things)
	r.Set("title", owner)
	if size > 0 {
		r.Set("file", file(t, size))
	}
	return r
}

// TestCountWhatWasThere counts records that are older than the quota, while others
// are written, changed and deleted.
func TestCountWhatWasThere(t *testing.T) {
	t.Parallel()
	app := template.New(t, withFiles)
	var old []*core.Record
	for n := range 450 { // some pages
		r := thing(t, app, fmt.Sprint("owner", n%3), n%2*10)
		save(t, app, r, "")
		old = append(old, r)
	}
	plugin, err := limits.Register(app, limits.Config{Quota: limits.Quota{
		Of: func(_ core.App, record *core.Record) string { return record.GetString("title") },
	}})
	if err != nil {
		t.Fatal(err)
	}

	var writing sync.WaitGroup
	begun := make(chan struct{})
	writing.Go(func() {
		for n, r := range old {
			if n == 20 {
				close(begun)
			}
			var err error
			switch n % 5 {
			case 0:
				err = app.Delete(r)
			case 1:
				r, err = app.FindRecordById("things", r.Id)
				if err == nil {
					r.Set("title", "owner9")
					err = app.Save(r)
				}
			case 2:
				err = app.Save(thing(t, app, "owner1", 7))
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	<-begun
	pages := 0
	if _, err := plugin.Count(t.Context(), false, func(limits.Counting) { pages++ }); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	if pages < 2 {
		t.Errorf("told of %d pages", pages)
	}
	wantUsage(t, app, plugin)

	for name, again := range map[string]bool{"of what is left": false, "of all": true} {
		if sum, err := plugin.Count(t.Context(), again, nil); err != nil || sum.Changed != 0 {
			t.Errorf("a second count %s: got %+v, %v, want that nothing changes", name, sum, err)
		}
	}

	// what SQL did is found by counting again
	for _, statement := range []string{
		"DELETE FROM things WHERE id IN (SELECT id FROM things WHERE title = 'owner2' LIMIT 30)",
		"UPDATE things SET title = 'owner8' WHERE id IN (SELECT id FROM things WHERE title = 'owner1' LIMIT 30)",
	} {
		if _, err := app.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	if sum, err := plugin.Count(t.Context(), true, nil); err != nil || sum.Changed != 60 {
		t.Errorf("got %+v, %v, want that 60 change", sum, err)
	}
	wantUsage(t, app, plugin)
}

// wantUsage compares what is counted with what is there.
func wantUsage(t *testing.T, app *tests.TestApp, plugin *limits.Plugin) {
	t.Helper()
	files, err := app.NewFilesystem()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	records, err := app.FindAllRecords("things")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]limits.Usage{"owner2": {}}
	for _, r := range records {
		u := want[r.GetString("title")]
		u.Rows++
		if name := r.GetString("file"); name != "" {
			attributes, err := files.Attributes(r.BaseFilesPath() + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			u.Bytes += attributes.Size
		}
		want[r.GetString("title")] = u
	}
	for owner, usage := range want {
		if got, err := plugin.Usage(app, owner); err != nil || got != usage {
			t.Errorf("%s: got %+v, %v, want %+v", owner, got, err, usage)
		}
	}
	var rows int
	if err := app.DB().Select("count(*)").From("_limits_records").Where(dbx.NewExp("owner <> ''")).Row(&rows); err != nil || rows != len(records) {
		t.Errorf("%d records are counted, %v, want %d", rows, err, len(records))
	}
}
