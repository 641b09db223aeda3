package fastlane_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

// writes is how many requests TestSameWrites makes.
var writes = flag.Int("fastlane.writes", 180, "how many requests TestSameWrites makes")

// differ sends random requests to both until limit of them differed, and returns how.
// After each turn of them something is changed. For an eighth of the time clients of
// realtime listen.
func (p *twins) differ(tb testing.TB, random *rand.Rand, requests, turn, limit int) (differences []string) {
	tb.Helper()
	g := &grammar{Rand: random, of: p}
	for n := range requests {
		switch n {
		case requests / 2:
			p.listen(tb)
		case requests * 5 / 8:
			differences = append(differences, p.leave()...)
		}
		if n%turn == turn-1 {
			p.edit(tb, random)
			differences = append(differences, p.compareLogs()...)
			p.match()
		}
		if n%(20*turn) == turn-1 {
			differences = append(differences, p.compareAll(tb)...)
		}
		if difference := p.send(g.one()); difference != "" {
			differences = append(differences, fmt.Sprintf("request %d: %s", n, difference))
		}
		if len(differences) >= limit {
			return differences
		}
	}
	return append(append(differences, p.compareAll(tb)...), p.leave()...)
}

// compactLog is how many handlers the change log binds that do nothing for a
// collection without a full log.
var compactLog = map[string]int{
	"OnRecordCreateRequest": 1, "OnRecordUpdateRequest": 1, "OnRecordDeleteRequest": 1,
	"OnRecordCreateExecute": 1, "OnRecordUpdateExecute": 1, "OnRecordDeleteExecute": 1,
}

// TestSameWrites sends requests that write to an app with a lane and to one without,
// which begin as copies of each other, while rules, fields, handlers, tokens and rows
// change. Status, headers and body have to be the same, and all rows, the change log,
// what handlers see, what clients of realtime are told and the files that are stored.
func TestSameWrites(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]writeWorld{
		"lane alone":          {stream: 11},
		"lane and change log": {stream: 12, logged: true, config: fastlane.Config{WriteHandlers: compactLog}},
		"neither has a lane":  {stream: 13, stock: true, logged: true, full: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(*seed, w.stream))
			p := newTwins(t, w)
			for _, difference := range p.differ(t, random, *writes/3, 12, 3) {
				t.Errorf("seed %d: %s", *seed, difference)
			}
			p.compareFiles(t)
			if lane := p.sides[1].plugin; lane != nil {
				t.Logf("%d of %d served, handed on: %v", lane.Stats().Served, *writes/3, lane.Stats().HandedOn)
			}
		})
	}
}

// TestMistakesInWritesAreNoticed is what TestSameWrites is worth: mistakes of the lane's
// own, and such that any lane could make, between two apps that have none.
func TestMistakesInWritesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, mistake := range []string{fastlane.StalePlans, fastlane.SkipHooks, fastlane.SkipRules} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			p := newTwins(t, writeWorld{})
			p.sides[1].plugin.Break(mistake)
			p.onlyHandlers = mistake == fastlane.SkipHooks
			p.mustDiffer(t, 5000)
		})
	}
	for name, mistake := range map[string]func(*twins) error{
		"edits go unnoticed":              func(p *twins) error { p.skipEdits = true; return nil },
		"updates are not logged":          mistakeInSQL("DROP TRIGGER {{%s}}", "update"),
		"inserts are not logged":          mistakeInSQL("DROP TRIGGER {{%s}}", "insert"),
		"deletes are not logged":          mistakeInSQL("DROP TRIGGER {{%s}}", "delete"),
		"an update keeps the time":        mistakeInSQL("CREATE TRIGGER mistake AFTER UPDATE OF updated ON hot BEGIN UPDATE hot SET updated = OLD.updated WHERE id = NEW.id; END", ""),
		"NULL becomes a text":             mistakeInSQL("CREATE TRIGGER mistake AFTER INSERT ON hot WHEN NEW.data IS NULL BEGIN UPDATE hot SET data = 'null' WHERE id = NEW.id; END", ""),
		"a number becomes a text":         mistakeInSQL("CREATE TRIGGER mistake AFTER INSERT ON hot BEGIN UPDATE hot SET place = NEW.place || ' ' WHERE id = NEW.id; END", ""),
		"what is refused leaves a row":    leaveRow,
		"nobody is told":                  func(p *twins) error { p.deaf, p.patience = true, time.Second; return nil },
		"a failure answers in other ways": func(p *twins) error { p.sides[1].handler = otherHeader(p.sides[1].handler); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTwins(t, writeWorld{stock: true})
			p.patience = 0
			if err := mistake(p); err != nil {
				t.Fatal(err)
			}
			p.mustDiffer(t, 80)
		})
	}
}

// mustDiffer sends requests until one shows that the apps are different.
func (p *twins) mustDiffer(t *testing.T, requests int) {
	t.Helper()
	differences := p.differ(t, rand.New(rand.NewPCG(1, 11)), requests, 12, 1)
	if len(differences) == 0 {
		t.Fatalf("%d requests do not show it", requests)
	}
	t.Logf("%.90s", differences[0])
}

// mistakeInSQL runs a statement in one app. The name of a trigger of the change log
// takes the place of %s.
func mistakeInSQL(statement, event string) func(*twins) error {
	return func(p *twins) error {
		db := p.sides[1].app.NonconcurrentDB()
		if event != "" {
			var trigger string
			err := db.NewQuery("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'hot' AND name LIKE {:name}").Bind(dbx.Params{"name": "%_" + event}).Row(&trigger)
			if err != nil {
				return err
			}
			statement = fmt.Sprintf(statement, trigger)
		}
		_, err := db.NewQuery(statement).Execute()
		return err
	}
}

// leaveRow writes something where PocketBase has refused a batch.
func leaveRow(p *twins) error {
	of := p.sides[1]
	before := of.handler
	of.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		before.ServeHTTP(rec, r)
		if rec.Code == http.StatusBadRequest && r.URL.Path == "/api/batch" {
			_, _ = of.app.NonconcurrentDB().NewQuery("INSERT INTO kids (note) VALUES ('half')").Execute()
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
	return nil
}

// otherHeader lacks a header that PocketBase has.
func otherHeader(before http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		before.ServeHTTP(rec, r)
		if rec.Code == http.StatusNotFound {
			rec.Header().Del("X-Frame-Options")
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})
}
