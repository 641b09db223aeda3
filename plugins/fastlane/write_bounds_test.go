package fastlane_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

// TestSlowRules leaves writes to PocketBase whose rule takes long: it asks for that
// beside the one connection that writes.
func TestSlowRules(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{}, func(app core.App, notes *core.Collection) {
		slow := "author = @request.auth.id && geoDistance(@collection.numbers:a.n, @collection.numbers:b.n, @collection.numbers:c.n, @collection.numbers:d.n) < -1"
		notes.UpdateRule = &slow
		numbers := core.NewBaseCollection("numbers")
		numbers.Fields.Add(&core.NumberField{Name: "n"})
		if err := app.Save(numbers); err != nil {
			panic(err)
		}
		_, err := app.DB().NewQuery("INSERT INTO numbers (id, n) WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 24) SELECT 'number' || n, n FROM n").Execute()
		if err != nil {
			panic(err)
		}
	})
	ids := w.twoNotes(t, nil)
	for _, reason := range []fastlane.Reason{fastlane.ReasonRead, fastlane.ReasonLate} {
		if got := w.send(false, http.MethodPatch, notes+"/"+ids[0], `{"title":"y"}`, signedIn); got.status != http.StatusNotFound {
			t.Errorf("%s: %+v", reason, got)
		}
		if handedOn := w.plugin.Stats().HandedOn; handedOn[reason] != 1 {
			t.Errorf("handed on: %v, want one of %q", handedOn, reason)
		}
	}
}

// TestManyNames sends more names than the lane compares with each other.
func TestManyNames(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{})
	body := `{"title":"x","author":"author000000000","labels":["` + strings.Join(strings.Fields("a b c d e f g h i j k l m n o p q r s t u v"), `","`) + `"]}`
	got, want := w.send(false, http.MethodPost, notes, body, signedIn), w.send(true, http.MethodPost, notes, body, signedIn)
	if got != want || want.status != http.StatusBadRequest {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestDeleteWithBody sends what is no object with parts of a batch that need no body.
func TestDeleteWithBody(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{}, addDrafts)
	w.app.Settings().Batch.Enabled, w.app.Settings().Batch.MaxRequests = true, 9
	for body, status := range map[string]int{`5`: 400, `"x"`: 400, `[]`: 400, `true`: 400, `null`: 200, `{"a":1}`: 200} {
		for _, stock := range []bool{false, true} {
			w.fillDrafts(t)
			got := w.send(stock, http.MethodPost, "/api/batch", `{"requests":[`+part("DELETE", "drafts/records/abcdefghijklmno", body)+`]}`, signedIn)
			if got.status != status {
				t.Errorf("%s, by PocketBase: %v: %+v, want %d", body, stock, got, status)
			}
		}
	}
}

// TestLongQueries asks for a query that is too long to be kept.
func TestLongQueries(t *testing.T) {
	t.Parallel()
	w, signedIn := newNotes(t, fastlane.Config{}, func(app core.App, _ *core.Collection) {
		labels, err := app.FindCollectionByNameOrId("labels")
		if err != nil {
			panic(err)
		}
		labels.ListRule, labels.ViewRule = text(""), text("")
		if err := app.Save(labels); err != nil {
			panic(err)
		}
	})
	w.twoNotes(t, nil)
	const path = "labels.notes_via_labels.title~'0'"
	address := notes + "?filter=" + path + strings.Repeat("%26%26"+path, 21)
	got, want := w.send(false, http.MethodGet, address, "", signedIn), w.send(true, http.MethodGet, address, "", signedIn)
	if got != want || want.status != http.StatusOK {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if handedOn := w.plugin.Stats().HandedOn; handedOn[fastlane.ReasonLong] != 1 {
		t.Errorf("handed on: %v, want one of %q", handedOn, fastlane.ReasonLong)
	}
}
