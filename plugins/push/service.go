package push

import (
	"context"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// pausedUntil returns until when a service is paused, the zero time if it is not.
func pausedUntil(ctx context.Context, app core.App, service string) (time.Time, error) {
	var until int64
	err := app.ConcurrentDB().NewQuery(`SELECT COALESCE(MAX(pausedUntil), 0) FROM _pushServices WHERE name = {:name}`).
		WithContext(ctx).Bind(dbx.Params{"name": service}).Row(&until)
	if err != nil {
		return time.Time{}, fmt.Errorf("push: read how a service is doing: %w", err)
	}
	if until == 0 {
		return time.Time{}, nil
	}
	return time.UnixMilli(until), nil
}

// saveReport notes how a service is doing, and tells whether it was paused by this
// report and not before.
func (p *Plugin) saveReport(tx core.App, r report, now time.Time) (pausedNow bool, err error) {
	var s struct {
		PausedSince int64 `db:"pausedSince"`
		Probes      int   `db:"probes"`
	}
	params := dbx.Params{"name": r.service, "now": now.UnixMilli(), "error": r.failure}
	statements := []string{`INSERT OR IGNORE INTO _pushServices (name) VALUES ({:name})`}
	if r.failure != "" {
		statements = append(statements, `UPDATE _pushServices SET lastFailure = {:now}, lastError = {:error},
			failingSince = CASE failingSince WHEN 0 THEN {:now} ELSE failingSince END WHERE name = {:name}`)
	}
	if r.sent {
		statements = append(statements, `UPDATE _pushServices SET lastSuccess = {:now} WHERE name = {:name}`)
	}
	if r.answered {
		statements = append(statements, `UPDATE _pushServices SET failingSince = 0 WHERE name = {:name}`)
	}
	if r.answered && r.refusal == "" {
		statements = append(statements, `UPDATE _pushServices SET pausedSince = 0, pausedUntil = 0, probes = 0 WHERE name = {:name} AND pausedSince > 0`)
	}
	for _, statement := range statements {
		if _, err := tx.DB().NewQuery(statement).Bind(params).Execute(); err != nil {
			return false, fmt.Errorf("push: save how a service is doing: %w", err)
		}
	}
	if r.refusal == "" {
		return false, nil
	}
	err = tx.DB().NewQuery(`SELECT pausedSince, probes FROM _pushServices WHERE name = {:name}`).Bind(params).One(&s)
	if err != nil {
		return false, fmt.Errorf("push: read how a service is doing: %w", err)
	}
	_, err = tx.DB().NewQuery(`UPDATE _pushServices SET pausedSince = CASE pausedSince WHEN 0 THEN {:now} ELSE pausedSince END,
			pausedUntil = {:until}, probes = probes + 1, lastError = {:error} WHERE name = {:name}`).
		Bind(dbx.Params{"name": r.service, "now": now.UnixMilli(), "until": now.Add(p.config.Probe(s.Probes + 1)).UnixMilli(), "error": r.refusal}).Execute()
	if err != nil {
		return false, fmt.Errorf("push: pause a service: %w", err)
	}
	return s.PausedSince == 0, nil
}
