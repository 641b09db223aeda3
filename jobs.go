package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/jobs"
)

// businessQueue is where the jobs of the business logic wait. They run one at a
// time, as a report has whole photos in memory, and beside the other queues.
const businessQueue = "business"

// businessJobs are the jobs as package hooks wants them.
type businessJobs struct{ *jobs.Plugin }

// registerJobs adds jobs to the app, with the queue of the business logic.
func registerJobs(app core.App, config jobs.Config) (businessJobs, error) {
	queues := map[string]int{businessQueue: 1}
	maps.Copy(queues, config.Queues)
	config.Queues = queues
	plugin, err := jobs.Register(app, config)
	return businessJobs{plugin}, err
}

// Handle has run do the jobs of the kind.
func (b businessJobs) Handle(kind string, run func(ctx context.Context, args json.RawMessage) error) error {
	return jobs.Handle(b.Plugin, kind, func(ctx context.Context, job jobs.Job[json.RawMessage]) error {
		return run(ctx, job.Args)
	}, jobs.InQueue(businessQueue))
}

// Enqueue stores a job in the transaction.
func (b businessJobs) Enqueue(tx core.App, kind string, args any) error {
	encoded, err := json.Marshal(args)
	if err != nil {
		return fmt.Errorf("encode the arguments of %s: %w", kind, err)
	}
	_, err = b.Plugin.Enqueue(tx, kind, json.RawMessage(encoded))
	return err
}
