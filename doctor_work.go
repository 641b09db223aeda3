package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/doctor"
)

// The questions that workFindings asks. The parts of the program that have these
// tables answer the same for their own app only, and the doctor may have another one,
// beside a server.
const (
	deadJobs = `SELECT queue AS name, count(*) AS count FROM _jobs WHERE state = 'dead' GROUP BY queue`
	lostJobs = `SELECT queue AS name, count(*) AS count FROM _jobs WHERE state = 'running' AND leaseUntil < {:lost} GROUP BY queue`
	lateJobs = `SELECT j.queue AS name, count(*) AS count FROM _jobs j LEFT JOIN _jobsQueues q ON q.name = j.queue
		WHERE j.state = 'pending' AND j.runAt < {:late} AND coalesce(q.paused, 0) = 0 GROUP BY j.queue`
	pausedQueues   = `SELECT name, 1 AS count FROM _jobsQueues WHERE paused = 1 AND at < {:paused}`
	disabledHooks  = `SELECT name, 1 AS count FROM _webhooks WHERE enabled = 0 AND disabledReason <> ''`
	failingHooks   = `SELECT e.name AS name, 1 AS count FROM _webhooks e JOIN _webhooksHealth h ON h.endpoint = e.id WHERE e.enabled = 1 AND h.failingSince > 0 AND h.failingSince < {:failing}`
	pausedServices = `SELECT name, 1 AS count FROM _pushServices WHERE pausedUntil > {:now}`
)

// work is one question, and what to say to each answer.
type work struct {
	table, query string
	code         string
	severity     doctor.Severity
	where        string
	said, remedy string
	counts       bool // said has a %d for the number
}

var questions = []work{
	{table: "_jobs", query: deadJobs, code: "dead-jobs", severity: doctor.Warning, where: "queue %s", said: "Jobs that failed as often as they may, and are tried no more: %d.", remedy: "See why with \"jobs list --state dead\", and run them again with \"jobs retry\".", counts: true},
	{table: "_jobs", query: lostJobs, code: "lost-jobs", severity: doctor.Warning, where: "queue %s", said: "Jobs of a process that has not been heard of for ten minutes: %d.", remedy: "Start a server that works the queue: it takes them over.", counts: true},
	{table: "_jobsQueues", query: lateJobs, code: "late-jobs", severity: doctor.Warning, where: "queue %s", said: "Jobs that have been due for more than fifteen minutes: %d.", remedy: "See whether a server works the queue, and raise HOLDALL_JOBS_CONCURRENCY if it cannot keep up.", counts: true},
	{table: "_jobsQueues", query: pausedQueues, code: "paused-queue", severity: doctor.Note, where: "queue %s", said: "The queue has been paused for more than a day.", remedy: "Let it go on with \"jobs resume\"."},
	{table: "_webhooks", query: disabledHooks, code: "disabled-webhook", severity: doctor.Warning, where: "webhook %s", said: "The endpoint was disabled because it failed for too long: it misses all events.", remedy: "Repair it, enable it under _webhooks in the dashboard, and send it what it missed with \"webhooks replay\"."},
	{table: "_webhooksHealth", query: failingHooks, code: "failing-webhook", severity: doctor.Warning, where: "webhook %s", said: "All deliveries to the endpoint have failed for more than an hour.", remedy: "See what it answers with \"webhooks list\", and repair it: it is disabled if it goes on."},
	{table: "_pushServices", query: pausedServices, code: "paused-push", severity: doctor.Warning, where: "push service %s", said: "The service does not accept the server's credentials, so its notifications wait.", remedy: "Renew the key in the configuration, and let it go on with \"push resume\"."},
}

// workFindings looks at what waits to be done outside of requests.
func workFindings(ctx context.Context, app core.App) ([]doctor.Finding, error) {
	now := time.Now()
	params := dbx.Params{
		"now": now.UnixMilli(), "lost": now.Add(-10 * time.Minute).UnixMilli(), "late": now.Add(-15 * time.Minute).UnixMilli(),
		"paused": now.Add(-24 * time.Hour).UnixMilli(), "failing": now.Add(-time.Hour).UnixMilli(),
	}
	var list []doctor.Finding
	var problems []error
	for _, q := range questions {
		if !app.HasTable(q.table) {
			continue // switched off, and never was on
		}
		var rows []struct {
			Name  string `db:"name"`
			Count int64  `db:"count"`
		}
		if err := app.ConcurrentDB().NewQuery(q.query).Bind(params).WithContext(ctx).All(&rows); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", q.code, err))
			continue
		}
		for _, r := range rows {
			said := q.said
			if q.counts {
				said = fmt.Sprintf(said, r.Count)
			}
			list = append(list, doctor.Finding{Code: "work." + q.code, Severity: q.severity, Where: fmt.Sprintf(q.where, r.Name), Problem: said, Remedy: q.remedy})
		}
	}
	return list, errors.Join(problems...)
}
