package changes_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
)

func TestKeptHistoryEnds(t *testing.T) {
	t.Parallel()
	app, log := newApp(t, t.TempDir())
	projects, err := app.FindCollectionByNameOrId("projects")
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(200 * time.Millisecond)
	if err := log.KeepHistory(t.Context(), projects.Id, until); err != nil {
		t.Fatal(err)
	}
	fullLog := func() error {
		var triggers int
		err := app.DB().NewQuery(`SELECT COUNT(*) FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%_changesHistory%'`).Row(&triggers)
		if err == nil && triggers > 0 {
			err = fmt.Errorf("%d triggers of the full log are left", triggers)
		}
		return err
	}
	if err := fullLog(); err == nil {
		t.Fatal("there is no full log to begin with")
	}
	pbtest.Eventually(t, time.Minute, func() error {
		if err := log.Forget(t.Context(), time.Now()); err != nil {
			return err
		}
		return fullLog()
	})
	if time.Now().Before(until) {
		t.Error("the history ended before its time")
	}

	again := time.Now().Add(time.Hour)
	if err := log.KeepHistory(t.Context(), projects.Id, again); err != nil {
		t.Fatal(err)
	}
	if err := log.Forget(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := fullLog(); err == nil {
		t.Error("a history that is asked for again is not kept")
	}
}

func TestHistoryHasALimit(t *testing.T) {
	t.Parallel()
	engine := sqlite.New()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir(), DBConnect: engine.Connect})
	log, err := changes.Register(app, changes.Config{Engine: engine, HistoryRows: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pbtest.Terminate(t, app) })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}
	if err := makeCollections(app); err != nil {
		t.Fatal(err)
	}
	projects, err := app.FindCollectionByNameOrId("projects")
	if err != nil {
		t.Fatal(err)
	}
	if err := log.KeepHistory(t.Context(), projects.Id, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	start, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		if err := exec(app, fmt.Sprintf("INSERT INTO projects (id) VALUES ('%d')", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Forget(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	page, err := log.History(t.Context(), 0, 100)
	if err != nil || len(page.Changes) != 10 || page.Changes[0].Record != "15" {
		t.Fatalf("got %d rows, error %v, want the last 10", len(page.Changes), err)
	}
	for position, want := range map[int64]bool{start: false, page.Changes[0].Seq: true} {
		reaches, err := log.HistoryReaches(t.Context(), projects.Id, position)
		if err != nil || reaches != want {
			t.Errorf("from %d: got %v, %v, want %v", position, reaches, err, want)
		}
	}
}

func TestAttributionIsShownToNobody(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, func(app core.App) error {
		if _, err := changes.Register(app, changes.Config{History: []string{"open"}}); err != nil {
			return err
		}
		open := core.NewBaseCollection("open")
		open.CreateRule = types.Pointer("")
		return app.Save(open)
	})
	app.OnRecordEnrich("open").BindFunc(func(e *core.RecordEnrichEvent) error {
		e.Record.WithCustomData(true)
		e.Record.Set("shown", "yes")
		return e.Next()
	})
	response, err := http.Post(pbtest.Serve(t, app)+"/api/collections/open/records", "application/json", strings.NewReader(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := string(body)
	if !strings.Contains(answer, `"shown":"yes"`) || strings.Contains(strings.ToLower(answer), "attribution") {
		t.Errorf("got %s, want custom data and no attribution", answer)
	}
}
