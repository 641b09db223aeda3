package jobs

import (
	"context"
	"time"

	"github.com/pocketbase/dbx"
)

// installSchedule stores a schedule. One that is there keeps its next time unless
// it has other times now.
func (store) installSchedule(ctx context.Context, db dbx.Builder, s *schedule, next time.Time) error {
	_, err := db.NewQuery(`INSERT INTO _jobsSchedules (name, cron, zone, kind, next) VALUES ({:name}, {:cron}, {:zone}, {:kind}, {:next})
		ON CONFLICT (name) DO UPDATE SET kind = {:kind}, cron = {:cron}, zone = {:zone},
			next = CASE WHEN cron = {:cron} AND zone = {:zone} THEN next ELSE {:next} END
		WHERE kind <> {:kind} OR cron <> {:cron} OR zone <> {:zone}`).
		WithContext(ctx).Bind(s.params(next)).Execute()
	return err
}

func (store) dueSchedules(ctx context.Context, db dbx.Builder, now time.Time) ([]scheduleRow, error) {
	var rows []scheduleRow
	err := db.NewQuery(`SELECT * FROM _jobsSchedules WHERE next <= {:now} ORDER BY next`).
		WithContext(ctx).Bind(dbx.Params{"now": now.UnixMilli()}).All(&rows)
	return rows, err
}

// moveSchedule moves a schedule on, if nobody else has.
func (store) moveSchedule(db dbx.Builder, name string, due, next time.Time) (bool, error) {
	result, err := db.NewQuery(`UPDATE _jobsSchedules SET next = {:next} WHERE name = {:name} AND next = {:due}`).
		Bind(dbx.Params{"name": name, "due": due.UnixMilli(), "next": next.UnixMilli()}).Execute()
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

func (store) addTick(db dbx.Builder, t Tick, due, at time.Time) error {
	_, err := db.NewQuery(`INSERT INTO _jobsTicks (schedule, due, at, outcome, job, error)
		VALUES ({:schedule}, {:due}, {:at}, {:outcome}, {:job}, {:error})`).
		Bind(dbx.Params{
			"schedule": t.Schedule, "due": due.UnixMilli(), "at": at.UnixMilli(),
			"outcome": t.Outcome, "job": t.Job, "error": t.Error,
		}).Execute()
	return err
}

func (store) schedules(ctx context.Context, db dbx.Builder) ([]scheduleRow, error) {
	var rows []scheduleRow
	err := db.NewQuery(`SELECT * FROM _jobsSchedules ORDER BY name`).WithContext(ctx).All(&rows)
	return rows, err
}

// ticks returns the latest entries of a schedule's history, newest first.
func (store) ticks(ctx context.Context, db dbx.Builder, schedule string, limit int) ([]Tick, error) {
	var rows []struct {
		Tick
		DueMS int64 `db:"due"`
		AtMS  int64 `db:"at"`
	}
	err := db.NewQuery(`SELECT schedule, due, at, outcome, job, error FROM _jobsTicks WHERE schedule = {:schedule} ORDER BY id DESC LIMIT {:limit}`).
		WithContext(ctx).Bind(dbx.Params{"schedule": schedule, "limit": limit}).All(&rows)
	ticks := make([]Tick, 0, len(rows))
	for _, r := range rows {
		r.Due, r.At = time.UnixMilli(r.DueMS).UTC(), time.UnixMilli(r.AtMS).UTC()
		ticks = append(ticks, r.Tick)
	}
	return ticks, err
}

// deleteTicks forgets what schedules did before the time.
func (store) deleteTicks(ctx context.Context, db dbx.Builder, before time.Time) error {
	_, err := db.NewQuery(`DELETE FROM _jobsTicks WHERE at < {:before}`).
		WithContext(ctx).Bind(dbx.Params{"before": before.UnixMilli()}).Execute()
	return err
}
