package fastlane_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/tools/logger"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// newRandomPair is a world of everything, which two servers serve.
func newRandomPair(tb testing.TB, random *rand.Rand) *pair {
	tb.Helper()
	p := newPair(tb, newIdleRandomWorld(tb, random, rules))
	logs := &p.app.Settings().Logs
	logs.MaxDays, logs.LogIP, logs.LogAuthId = 5, true, true
	return p
}

// differ sends random requests to both servers, until limit of them are answered or
// logged otherwise.
func (p *pair) differ(tb testing.TB, random *rand.Rand, requests, turn, limit int) (differences []string) {
	tb.Helper()
	for n := range requests {
		if n%turn == turn-1 {
			p.edit(tb, random)
		}
		if difference := p.compare(tb, p.randomSending(random)); difference != "" {
			differences = append(differences, fmt.Sprintf("request %d: %s", n, difference))
		}
		if len(differences) < limit && (n%p.rowsAfter == p.rowsAfter-1 || n == requests-1) {
			differences = append(differences, p.compareRows(tb)...)
			p.renewTokens(tb)
		}
		if len(differences) >= limit {
			return differences[:limit]
		}
	}
	return differences
}

// logRow is one of the log.
type logRow struct {
	ID      string         `db:"id"`
	Level   int            `db:"level"`
	Message string         `db:"message"`
	Data    string         `db:"data"`
	Created string         `db:"created"`
	data    map[string]any // Data
}

var browserIn = regexp.MustCompile(`"browser \\u003c\d+\\u003e"`)

var logID = regexp.MustCompile(`^[a-z0-9]{15}$`)

// raced is what PocketBase fails with on values that are broken. It asks for the rows and
// for their number at the same time, and tells of what has failed first.
var raced = regexp.MustCompile(`JSON cannot hold BLOB values|unable to scan value`)

// normalize takes out what differs from row to row, and checks it.
func (r *logRow) normalize() error {
	if err := json.Unmarshal([]byte(r.Data), &r.data); err != nil {
		return err
	}
	sorted, err := json.Marshal(r.data) // which is how PocketBase writes it
	if err != nil || string(sorted) != r.Data {
		return fmt.Errorf("the data is %s, want it written as %s", r.Data, sorted)
	}
	created, err := types.ParseDateTime(r.Created)
	if err != nil || created.String() != r.Created || time.Since(created.Time()) > time.Hour {
		return fmt.Errorf("created is %q", r.Created)
	}
	if took, ok := r.data["execTime"].(float64); !ok || took <= 0 || took > 60_000 {
		return fmt.Errorf("execTime is %v", r.data["execTime"])
	}
	if !logID.MatchString(r.ID) {
		return fmt.Errorf("id is %q", r.ID)
	}
	delete(r.data, "execTime")
	if details, ok := r.data["details"].(string); ok {
		details, _, _ = strings.Cut(details, "failed query") // which has random names in it
		if raced.MatchString(details) {
			details = "the rows or their number"
		}
		r.data["details"] = details
	}
	r.ID, r.Created, r.Data = "", "", ""
	return nil
}

// compareRows compares the rows that both servers have written, and deletes them.
func (p *pair) compareRows(tb testing.TB) (differences []string) {
	tb.Helper()
	byBrowser := map[string][]logRow{}
	p.eachRow(tb, func(r logRow) {
		if !strings.Contains(r.Data, `"type":"request"`) {
			return // other things are logged, too
		}
		if err := r.normalize(); err != nil {
			differences = append(differences, "a row: "+err.Error())
		} else {
			browser := fmt.Sprint(r.data["userAgent"])
			byBrowser[browser] = append(byBrowser[browser], r)
		}
	})
	if len(byBrowser) == 0 {
		differences = append(differences, "there are no rows")
	}
	for browser, rows := range byBrowser {
		if len(rows) != 2 || !reflect.DeepEqual(rows[0], rows[1]) {
			differences = append(differences, fmt.Sprintf("%s is logged as\n%+v\n%+v", browser, rows[:1], rows[1:]))
		}
	}
	return differences
}

// eachRow reads the log once both servers have written all of it.
func (p *pair) eachRow(tb testing.TB, use func(logRow)) {
	tb.Helper()
	if difference := p.compare(tb, sending{method: http.MethodGet, target: "/api/health"}); difference != "" {
		tb.Error(difference)
	}
	last := fmt.Sprintf(`"browser \u003c%d\u003e"`, p.sent)
	var rows []logRow
	pbtest.Eventually(tb, time.Minute, func() error {
		p.plugin.FlushLog()
		if err := p.app.Logger().Handler().(*logger.BatchHandler).WriteAll(tb.Context()); err != nil {
			return err
		}
		rows = nil
		if err := p.app.AuxDB().NewQuery("SELECT id, level, message, data, created FROM _logs").All(&rows); err != nil {
			return err
		}
		// PocketBase hands each row to the background by itself, in no order
		byBrowser := map[string]int{last: 0}
		for _, r := range rows {
			if p.isNew(r) {
				byBrowser[browserIn.FindString(r.Data)]++
			}
		}
		delete(byBrowser, "")
		for browser, n := range byBrowser {
			if n < 2 {
				return fmt.Errorf("%d of 2 rows of %s are there", n, browser)
			}
		}
		return nil
	})
	for _, r := range rows {
		if p.isNew(r) {
			use(r)
		}
	}
	p.clearRows(tb)
}

// isNew tells whether a row is of a request since the last time that rows were
// compared: some come late.
func (p *pair) isNew(r logRow) bool {
	n := 0
	_, err := fmt.Sscanf(browserIn.FindString(r.Data), `"browser \u003c%d`, &n)
	return err != nil || n > p.since
}

func (p *pair) clearRows(tb testing.TB) {
	tb.Helper()
	if _, err := p.app.AuxDB().Delete("_logs", dbx.NewExp("1=1")).Execute(); err != nil {
		tb.Fatal(err)
	}
	p.since = p.sent
}

// TestSameAnswersInFront sends requests to the lane in front of the router and to a
// PocketBase without it, and compares all of the answers, and the rows of the log.
func TestSameAnswersInFront(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 9))
	p := newRandomPair(t, random)
	for _, difference := range p.differ(t, random, *requests/2, 100, 5) {
		t.Errorf("seed %d: %s", *seed, difference)
	}
	p.active.wait()
	stats := p.plugin.Stats()
	t.Logf("%d of %d served, handed on: %v", stats.Served, *requests/2, stats.HandedOn)
	if stats.Served < uint64(*requests)/16 {
		t.Errorf("only %d of %d requests were served by the lane", stats.Served, *requests/2)
	}
}

// TestFrontMistakesAreNoticed is what TestSameAnswersInFront is worth.
func TestFrontMistakesAreNoticed(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 9))
	p := newRandomPair(t, random)
	p.rowsAfter = 50
	for _, mistake := range fastlane.FrontMistakes {
		p.active.wait()
		mend := p.plugin.BreakFront(mistake)
		differences := p.differ(t, random, 5000, 1000, 1)
		p.active.wait()
		mend()
		p.clearRows(t)
		if len(differences) == 0 {
			t.Fatalf("%s: 5000 requests do not show it", mistake)
		}
		t.Logf("%s: %.60s", mistake, differences[0])
	}
}
