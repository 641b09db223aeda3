package limits

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/bg"
)

const (
	// flushEvery is how often counted requests are written: what is lost by a crash.
	flushEvery = 10 * time.Second
	// daysKept is for how long days are kept, for whoever makes bills of them.
	daysKept = 62
	// maxOwners bounds the owners in memory.
	maxOwners = 100_000
	// stopWithin is how long the end of the program waits for the last ones.
	stopWithin = 5 * time.Second
)

// dailyTable is in auxiliary.db: counting must not wait for the writer of data.db.
const dailyTable = `CREATE TABLE IF NOT EXISTS _limits_requests (
	day TEXT NOT NULL, owner TEXT NOT NULL, requests INTEGER NOT NULL, PRIMARY KEY (day, owner)) WITHOUT ROWID`

// daily counts requests by owner and day, in UTC: in memory, and written in batches.
type daily struct {
	app core.App
	now func() time.Time

	writing sync.Mutex // held while counts are written
	mu      sync.Mutex
	day     string
	owners  map[string]*tally
}

// tally is what an owner has asked for today.
type tally struct{ written, pending int64 }

func newDaily(app core.App, now func() time.Time) *daily {
	return &daily{app: app, now: now, owners: map[string]*tally{}}
}

// dayOf is the name of a day.
func dayOf(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// add counts requests, unless there would be more than most, and returns how many
// there are. 0 is any number.
func (d *daily) add(owner string, n, most int64) (total int64, ok bool) {
	d.know(owner)
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.owners[owner]
	if t == nil { // a new day has just begun
		t = &tally{}
		d.owners[owner] = t
	}
	total = t.written + t.pending
	if most > 0 && n > 0 && total+n > most {
		return total, false
	}
	t.pending += n
	return total + n, true
}

// today is how many requests an owner has had today.
func (d *daily) today(owner string) int64 {
	d.know(owner)
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.owners[owner]; t != nil {
		return t.written + t.pending
	}
	return 0
}

// know reads what an earlier process has counted of an owner today, once. What
// cannot be read is none: nobody is refused for that.
func (d *daily) know(owner string) {
	day := dayOf(d.now())
	d.mu.Lock()
	known := d.day == day && d.owners[owner] != nil
	d.mu.Unlock()
	if known {
		return
	}
	d.turn(day)
	var written int64
	err := d.app.AuxConcurrentDB().Select("requests").From("_limits_requests").
		Where(dbx.HashExp{"day": day, "owner": owner}).Row(&written)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		d.app.Logger().Warn("Requests of today cannot be read.", slog.String("plugin", "limits"), slog.Any("error", err))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.day == day && d.owners[owner] == nil {
		d.owners[owner] = &tally{written: written}
	}
}

// turn begins a day, if it is another one, and bounds what is in memory.
func (d *daily) turn(day string) {
	d.mu.Lock()
	same := d.day == day && len(d.owners) < maxOwners
	d.mu.Unlock()
	if same {
		return
	}
	d.flush()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.day == day && len(d.owners) < maxOwners {
		return // somebody else did
	}
	d.day = day
	clear(d.owners) // at midnight those of the moment between are lost
}

// flush writes what was counted since the last time.
func (d *daily) flush() {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	day, counted := d.day, map[string]int64{}
	for owner, t := range d.owners {
		if t.pending != 0 {
			counted[owner] = t.pending
			t.written, t.pending = t.written+t.pending, 0
		}
	}
	d.mu.Unlock()
	if len(counted) == 0 {
		return
	}
	err := d.app.AuxRunInTransaction(func(tx core.App) error {
		for owner, n := range counted {
			_, err := tx.AuxDB().NewQuery(`INSERT INTO _limits_requests (day, owner, requests) VALUES ({:day}, {:owner}, {:n})
				ON CONFLICT (day, owner) DO UPDATE SET requests = requests + excluded.requests`).
				Bind(dbx.Params{"day": day, "owner": owner, "n": n}).Execute()
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	d.app.Logger().Warn("Counted requests cannot be written.", slog.String("plugin", "limits"), slog.Any("error", err))
	d.mu.Lock()
	defer d.mu.Unlock()
	for owner, n := range counted { // the next time
		if t := d.owners[owner]; t != nil && d.day == day {
			t.written, t.pending = t.written-n, t.pending+n
		}
	}
}

// run flushes until ctx is done.
func (d *daily) run(ctx context.Context) {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			d.flush()
			return
		case <-ticker.C:
			d.flush()
		}
	}
}

// prune removes days that nobody asks for.
func (d *daily) prune() {
	_, err := d.app.AuxNonconcurrentDB().Delete("_limits_requests",
		dbx.NewExp("day < {:day}", dbx.Params{"day": dayOf(d.now().AddDate(0, 0, -daysKept))})).Execute()
	if err != nil {
		d.app.Logger().Warn("Old counts of requests cannot be removed.", slog.String("plugin", "limits"), slog.Any("error", err))
	}
}

// Requests returns how many requests the owner has had on each of the last days
// that are kept, 62, by their names such as "2026-03-01". Days are in UTC.
func (p *Plugin) Requests(owner string) (map[string]int64, error) {
	if p.daily == nil {
		return map[string]int64{}, nil
	}
	p.daily.flush()
	var rows []struct {
		Day      string `db:"day"`
		Requests int64  `db:"requests"`
	}
	err := p.app.AuxConcurrentDB().Select("day", "requests").From("_limits_requests").Where(dbx.HashExp{"owner": owner}).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read the requests of %s: %w", owner, err)
	}
	days := make(map[string]int64, len(rows))
	for _, r := range rows {
		days[r.Day] = r.Requests
	}
	return days, nil
}

func installDaily(app core.App) error {
	if _, err := app.AuxNonconcurrentDB().NewQuery(dailyTable).Execute(); err != nil {
		return fmt.Errorf("limits: create the table of requests: %w", err)
	}
	return nil
}

func (p *Plugin) bindDaily(app core.App) error {
	if p.config.Quota.OfRequest == nil {
		return nil
	}
	p.daily = newDaily(app, p.config.Now)
	if app.IsBootstrapped() {
		if err := installDaily(app); err != nil {
			return err
		}
	}
	app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "holdallLimitsDailyTable",
		Func: func(e *core.BootstrapEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			return installDaily(e.App)
		},
	})
	workers := bg.New(app, "limits requests", stopWithin)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallLimitsDaily",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "holdallLimitsDaily", Func: p.countRequest,
				Priority: apis.DefaultRateLimitMiddlewarePriority - 1, // after what refuses by rate
			})
			if err := e.Next(); err != nil {
				return err
			}
			workers.Go("write counts", p.daily.run)
			return nil
		},
	})
	app.OnBatchRequest().Bind(&hook.Handler[*core.BatchRequestEvent]{
		Id: "holdallLimitsDailyBatch", Priority: outermost,
		Func: func(e *core.BatchRequestEvent) error {
			// the batch itself was counted as one
			if err := p.chargeDay(e.RequestEvent, int64(len(e.Batch))-1); err != nil {
				return err
			}
			return e.Next()
		},
	})
	return app.Cron().Add("holdallLimitsDailyPrune", "43 3 * * *", p.daily.prune)
}

// countRequest counts a request of the API to its owner.
func (p *Plugin) countRequest(e *core.RequestEvent) error {
	if !strings.HasPrefix(e.Request.URL.Path, "/api/") {
		return e.Next()
	}
	cost := int64(1)
	if own, ok := p.config.Costs[e.Request.Pattern]; ok {
		cost = int64(own)
	}
	if err := p.chargeDay(e, cost); err != nil {
		return err
	}
	return e.Next()
}

// chargeDay counts n requests, and refuses them if they are too many.
func (p *Plugin) chargeDay(e *core.RequestEvent, n int64) error {
	if n <= 0 || e.HasSuperuserAuth() {
		return nil
	}
	owner := p.config.Quota.OfRequest(e)
	if owner == "" {
		return nil
	}
	var most int64
	if p.config.Quota.Max != nil {
		most = p.config.Quota.Max(e.App, owner).Requests
	}
	if _, ok := p.daily.add(owner, n, most); ok {
		return nil
	}
	now := p.config.Now().UTC()
	midnight := now.Truncate(24 * time.Hour).Add(24 * time.Hour)
	refused := tooMany(e, midnight.Sub(now), CodeQuotaRequests, "")
	refused.Message = fmt.Sprintf("There can be no more than %d requests a day. A new day begins at midnight, UTC.", most)
	return refused
}
