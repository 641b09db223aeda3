package limits_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/plugins/limits"
)

func TestQuotas(t *testing.T) {
	t.Parallel()
	var plugin *limits.Plugin
	app := template.New(t, func(app core.App) (err error) {
		plugin, err = limits.Register(app, limits.Config{Quota: limits.Quota{
			Of:  func(_ core.App, record *core.Record) string { return record.GetString("title") },
			Max: func(core.App, string) limits.Usage { return limits.Usage{Rows: 2, Bytes: 100} },
		}})
		return err
	})
	things, err := app.FindCollectionByNameOrId("things")
	if err != nil {
		t.Fatal(err)
	}
	things.Fields.Add(&core.FileField{Name: "file", MaxSize: 1 << 20})
	if err := app.Save(things); err != nil {
		t.Fatal(err)
	}
	record := func(owner string, size int) *core.Record {
		r := core.NewRecord(things)
		r.Set("title", owner)
		if size > 0 {
			r.Set("file", file(t, size))
		}
		return r
	}
	want := func(owner string, usage limits.Usage) {
		t.Helper()
		if got, err := plugin.Usage(app, owner); err != nil || got != usage {
			t.Errorf("%s: got %v, %v, want %v", owner, got, err, usage)
		}
	}
	first := record("acme", 60)
	save(t, app, first, "")
	want("acme", limits.Usage{Rows: 1, Bytes: 60})
	save(t, app, record("acme", 41), limits.CodeQuotaBytes)
	want("acme", limits.Usage{Rows: 1, Bytes: 60})
	second := record("acme", 40)
	save(t, app, second, "")
	save(t, app, record("acme", 0), limits.CodeQuotaRows)
	save(t, app, record("other", 0), "")
	save(t, app, record("", 1000), "") // nobody's
	want("acme", limits.Usage{Rows: 2, Bytes: 100})
	if n, err := app.CountRecords("things"); err != nil || n != 4 {
		t.Errorf("got %d records, %v, want 4: what was refused is not there", n, err)
	}

	first, err = app.FindRecordById("things", first.Id)
	if err != nil {
		t.Fatal(err)
	}
	first.Set("file", file(t, 10))
	save(t, app, first, "")
	want("acme", limits.Usage{Rows: 2, Bytes: 50})
	first.Set("title", "other")
	save(t, app, first, "")
	want("acme", limits.Usage{Rows: 1, Bytes: 40})
	want("other", limits.Usage{Rows: 2, Bytes: 10})
	if err := app.Delete(second); err != nil {
		t.Fatal(err)
	}
	want("acme", limits.Usage{})

	// what is rolled back is not counted
	failed := errors.New("failed")
	err = app.RunInTransaction(func(tx core.App) error {
		if err := tx.Save(record("acme", 5)); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	want("acme", limits.Usage{})
}

func file(t *testing.T, size int) *filesystem.File {
	t.Helper()
	f, err := filesystem.NewFileFromBytes([]byte(strings.Repeat("x", size)), "text.txt")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// save saves the record, or is refused with the code.
func save(t *testing.T, app *tests.TestApp, record *core.Record, code string) {
	t.Helper()
	err := app.Save(record)
	var refused *router.ApiError
	switch {
	case code == "" && err != nil:
		t.Fatalf("got %v, want it saved", err)
	case code != "" && (!errors.As(err, &refused) || refused.Data["code"] != code):
		t.Fatalf("got %v, want a refusal with %s", err, code)
	}
}
