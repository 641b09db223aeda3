package observe

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/sqlite"
)

const (
	// slowKept is how many different slow queries are remembered.
	slowKept = 100
	// longestSlow is how much of a query is kept, in bytes.
	longestSlow = 8 << 10
	// slowAgain is how often the log tells of the same query.
	slowAgain = 10 * time.Minute
)

// SlowQuery is a statement that took long, without its values.
type SlowQuery struct {
	// Database is data or auxiliary.
	Database string `json:"database"`
	Query    string `json:"query"`
	// Plan is how SQLite goes about it, a line for each step. It is empty as long as
	// nobody has asked SQLite, and for what is no query of rows.
	Plan []string `json:"plan"`
	// Count is how often it took long since the start.
	Count int64 `json:"count"`
	// WorstSeconds is the longest that it took.
	WorstSeconds float64   `json:"worstSeconds"`
	Last         time.Time `json:"last"`
}

// slowQueries remembers which statements took long.
type slowQueries struct {
	app   core.App
	limit time.Duration
	wake  chan struct{}

	mu    sync.Mutex
	known map[string]*slowEntry // by database and query
}

type slowEntry struct {
	SlowQuery
	values int
	told   time.Time
}

func newSlowQueries(app core.App, limit time.Duration) *slowQueries {
	return &slowQueries{app: app, limit: limit, wake: make(chan struct{}, 1), known: map[string]*slowEntry{}}
}

// note remembers a statement if it took long.
func (q *slowQueries) note(db string, s sqlite.Statement) {
	if q.limit <= 0 || s.Took < q.limit || s.Query == "" || strings.HasPrefix(s.Query, explainWord) {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	text := shape(s.Query)
	key := db + " " + text
	entry := q.known[key]
	if entry == nil {
		q.forget()
		entry = &slowEntry{SlowQuery: SlowQuery{Database: db, Query: text, Plan: []string{}}, values: s.Values}
		q.known[key] = entry
	}
	entry.Count++
	entry.WorstSeconds = max(entry.WorstSeconds, s.Took.Seconds())
	entry.Last = time.Now()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// forget makes room for one more: the one that was slow the longest time ago goes.
func (q *slowQueries) forget() {
	if len(q.known) < slowKept {
		return
	}
	oldest := ""
	for key, e := range q.known {
		if oldest == "" || e.Last.Before(q.known[oldest].Last) {
			oldest = key
		}
	}
	delete(q.known, oldest)
}

// list returns what is remembered, the worst first.
func (q *slowQueries) list() []SlowQuery {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]SlowQuery, 0, len(q.known))
	for _, e := range q.known {
		list = append(list, e.SlowQuery)
	}
	slices.SortFunc(list, func(a, b SlowQuery) int {
		if a.WorstSeconds != b.WorstSeconds {
			return int((b.WorstSeconds - a.WorstSeconds) * 1e9)
		}
		return strings.Compare(a.Query, b.Query)
	})
	return list
}

// SlowQueries returns the statements that took long since the start, at most 100
// different ones, the worst first.
func (p *Plugin) SlowQueries() []SlowQuery { return p.slow.list() }

// explain asks SQLite for the plans of slow queries, and tells of them in the log.
func (q *slowQueries) explain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		for entry := q.next(); entry != nil && ctx.Err() == nil; entry = q.next() {
			q.tell(ctx, entry)
		}
	}
}

// next returns an entry of which there is something to tell, as it is now.
func (q *slowQueries) next() *slowEntry {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.known {
		if time.Since(e.told) > slowAgain {
			e.told = time.Now()
			copied := *e
			return &copied
		}
	}
	return nil
}

func (q *slowQueries) tell(ctx context.Context, e *slowEntry) {
	plan, err := q.plan(ctx, e)
	if err == nil {
		q.mu.Lock()
		if kept := q.known[e.Database+" "+e.Query]; kept != nil {
			kept.Plan = plan
		}
		q.mu.Unlock()
	}
	q.app.Logger().Warn("A query is slow.", slog.String("database", e.Database), slog.String("query", e.Query),
		slog.Float64("seconds", e.WorstSeconds), slog.Int64("count", e.Count), slog.Any("plan", plan))
}

const explainWord = "EXPLAIN QUERY PLAN "

// plan asks SQLite how it goes about a query. The values are not kept, so it does
// not see them; its plan seldom depends on them.
func (q *slowQueries) plan(ctx context.Context, e *slowEntry) ([]string, error) {
	if len(e.Query) >= longestSlow {
		return nil, fmt.Errorf("the query is too long to explain")
	}
	builder := q.app.ConcurrentDB()
	if e.Database == "auxiliary" {
		builder = q.app.AuxConcurrentDB()
	}
	db, ok := builder.(*dbx.DB)
	if !ok {
		return nil, fmt.Errorf("there is no database but in a transaction")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	rows, err := db.DB().QueryContext(ctx, explainWord+e.Query, make([]any, e.values)...)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	defer rows.Close()
	steps := []struct {
		id, parent int
		text       string
	}{}
	for rows.Next() {
		var step struct {
			id, parent int
			text       string
		}
		var unused int
		if err := rows.Scan(&step.id, &step.parent, &unused, &step.text); err != nil {
			return nil, fmt.Errorf("read a plan: %w", err)
		}
		steps = append(steps, step)
	}
	depth, plan := map[int]int{}, []string{}
	for _, s := range steps {
		depth[s.id] = depth[s.parent] + 1
		plan = append(plan, strings.Repeat("  ", depth[s.id]-1)+s.text)
	}
	return plan, rows.Err()
}

// texts are what a statement has written into it, which may be a secret, and what
// PocketBase makes up for each.
var texts = regexp.MustCompile(`'(?:[^']|'')*'`)

// shape is a query without the texts that are written into it.
func shape(query string) string {
	if len(query) > longestSlow {
		query = strings.ToValidUTF8(query[:longestSlow], "")
	}
	return texts.ReplaceAllString(query, "''")
}
