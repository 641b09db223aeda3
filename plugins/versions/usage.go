package versions

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// The table of use, a row for each day, version and build. It is in the database of
// logs: its writes hold up no other, and if it is lost nobody is served otherwise.
const (
	usageTable = `CREATE TABLE IF NOT EXISTS _versions_usage (
		day TEXT NOT NULL, version TEXT NOT NULL, build TEXT NOT NULL,
		requests INTEGER NOT NULL, last INTEGER NOT NULL,
		PRIMARY KEY (day, version, build))`
	usageKept = 400 * 24 * time.Hour
)

// install makes the table. It runs at every bootstrap.
func install(app core.App) error {
	if _, err := app.AuxNonconcurrentDB().NewQuery(usageTable).Execute(); err != nil {
		return fmt.Errorf("versions: create the table: %w", err)
	}
	return nil
}

// usage counts requests until they are written down.
type usage struct {
	mu     sync.Mutex
	counts map[use]*count
	known  map[use]bool // what was counted apart on the day, written down or not
	number int64        // of the day since 1970
	day    string

	// what was added last is likely to be added again
	last      *count
	lastAsked use
}

type use struct{ day, version, build string }

type count struct {
	requests int64
	last     int64 // in Unix milliseconds
}

// maxUses bounds what is counted apart in a day: who makes builds up fills neither
// memory nor the table.
const maxUses = 512

// otherBuilds is what builds beyond that are counted as.
const otherBuilds = "other"

func (u *usage) add(now time.Time, version, build string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if number := now.Unix() / (24 * 60 * 60); number != u.number || u.day == "" {
		u.number, u.day, u.known = number, now.UTC().Format(time.DateOnly), map[use]bool{}
		u.last = nil
	}
	if u.last == nil || u.lastAsked.version != version || u.lastAsked.build != build {
		u.lastAsked = use{u.day, version, build}
		u.last = u.counted(u.lastAsked)
	}
	u.last.requests++
	u.last.last = max(u.last.last, now.UnixMilli())
}

// counted is the count of a use, which there may be too many of.
func (u *usage) counted(key use) *count {
	if key.build != "" && !u.known[key] {
		if len(u.known) >= maxUses {
			key.build = otherBuilds
		} else {
			u.known[key] = true
		}
	}
	c := u.counts[key]
	if c == nil {
		c = &count{}
		u.counts[key] = c
	}
	return c
}

// take returns what was counted, and starts anew.
func (u *usage) take() map[use]*count {
	u.mu.Lock()
	defer u.mu.Unlock()
	counts := u.counts
	u.counts, u.last = map[use]*count{}, nil
	return counts
}

// putBack counts again what could not be written.
func (u *usage) putBack(counts map[use]*count) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, c := range counts {
		if now := u.counts[key]; now != nil {
			now.requests += c.requests
			now.last = max(now.last, c.last)
			continue
		}
		u.counts[key] = c
	}
}

// keepUsage writes the counts down now and then, and at the end.
func (p *Plugin) keepUsage(ctx context.Context) {
	ticks := time.NewTicker(p.config.FlushInterval)
	defer ticks.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticks.C:
		}
		if err := p.flush(p.app); err != nil {
			p.app.Logger().Error("The use of versions could not be written down.", slog.String("plugin", "versions"), slog.Any("error", err))
		}
	}
}

// flush writes the counts down.
func (p *Plugin) flush(app core.App) error {
	counts := p.usage.take()
	if len(counts) == 0 {
		return nil
	}
	oldest := p.config.Now().Add(-usageKept).UTC().Format(time.DateOnly)
	err := app.AuxRunInTransaction(func(tx core.App) error {
		for key, c := range counts {
			_, err := tx.AuxNonconcurrentDB().NewQuery(`INSERT INTO _versions_usage (day, version, build, requests, last)
				VALUES ({:day}, {:version}, {:build}, {:requests}, {:last})
				ON CONFLICT (day, version, build) DO UPDATE
				SET requests = requests + excluded.requests, last = MAX(last, excluded.last)`).
				Bind(dbx.Params{"day": key.day, "version": key.version, "build": key.build, "requests": c.requests, "last": c.last}).Execute()
			if err != nil {
				return err
			}
		}
		_, err := tx.AuxNonconcurrentDB().NewQuery("DELETE FROM _versions_usage WHERE day < {:oldest}").
			Bind(dbx.Params{"oldest": oldest}).Execute()
		return err
	})
	if err != nil {
		p.usage.putBack(counts)
		return fmt.Errorf("versions: write the use down: %w", err)
	}
	return nil
}

// Usage is how much a version is used.
type Usage struct {
	Requests int64   `json:"requests" doc:"In the last 400 days."`
	Month    int64   `json:"month" doc:"Requests in the last 30 days."`
	Last     string  `json:"last" doc:"When the last request came, empty if there was none."`
	Builds   []Build `json:"builds" doc:"The builds of the app that sent them, if they are told apart."`
}

// Build is how much one build of an app uses a version.
type Build struct {
	Build    string `json:"build"`
	Requests int64  `json:"requests" doc:"In the last 400 days."`
	Month    int64  `json:"month" doc:"Requests in the last 30 days."`
	Last     string `json:"last" doc:"When the last request came."`
}

// row is one of the table's, or of what is not written yet.
type row struct {
	Day      string `db:"day"`
	Version  string `db:"version"`
	Build    string `db:"build"`
	Requests int64  `db:"requests"`
	Last     int64  `db:"last"`
}

// Usage returns how much each version is used, by its date. It has the requests of
// this process up to now, and those of others up to a few minutes ago.
func (p *Plugin) Usage(ctx context.Context, app core.App) (map[string]Usage, error) {
	var rows []row
	err := app.AuxConcurrentDB().NewQuery("SELECT day, version, build, requests, last FROM _versions_usage").WithContext(ctx).All(&rows)
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !strings.Contains(err.Error(), "no such table") {
		return nil, fmt.Errorf("versions: read the use: %w", err)
	}
	p.usage.mu.Lock()
	for key, c := range p.usage.counts {
		rows = append(rows, row{key.day, key.version, key.build, c.requests, c.last})
	}
	p.usage.mu.Unlock()
	return sum(rows, p.config.Now().Add(-30*24*time.Hour).UTC().Format(time.DateOnly)), nil
}

// sum adds rows up. month is the first day of the last thirty.
func sum(rows []row, month string) map[string]Usage {
	type total struct{ requests, month, last int64 }
	versions, builds := map[string]*total{}, map[[2]string]*total{}
	at := func(t *total, r row) *total {
		if t == nil {
			t = &total{}
		}
		t.requests += r.Requests
		if r.Day >= month {
			t.month += r.Requests
		}
		t.last = max(t.last, r.Last)
		return t
	}
	for _, r := range rows {
		versions[r.Version] = at(versions[r.Version], r)
		if r.Build != "" {
			key := [2]string{r.Version, r.Build}
			builds[key] = at(builds[key], r)
		}
	}
	moment := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05.000Z") }
	usages := make(map[string]Usage, len(versions))
	for version, t := range versions {
		usages[version] = Usage{Requests: t.requests, Month: t.month, Last: moment(t.last), Builds: []Build{}}
	}
	for key, t := range builds {
		u := usages[key[0]]
		u.Builds = append(u.Builds, Build{Build: key[1], Requests: t.requests, Month: t.month, Last: moment(t.last)})
		usages[key[0]] = u
	}
	for _, u := range usages {
		slices.SortFunc(u.Builds, func(a, b Build) int {
			return cmp.Or(cmp.Compare(b.Month, a.Month), cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Build, b.Build))
		})
	}
	return usages
}
