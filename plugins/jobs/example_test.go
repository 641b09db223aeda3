package jobs_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/jobs"
)

// Invoice is what a job is given.
type Invoice struct {
	Order string `json:"order"`
}

// The whole program: each new order is invoiced by a job, which is stored with it,
// and every night a job looks for what is overdue.
func Example() {
	app := pocketbase.New()
	queue := jobs.MustRegister(app, jobs.Config{
		Queues:  map[string]int{"reports": 2},
		RootCmd: app.RootCmd,
	})
	err := jobs.Handle(queue, "invoice.send", func(ctx context.Context, job jobs.Job[Invoice]) error {
		job.Progress(0.5, "rendered")
		fmt.Println("invoice for", job.Args.Order, "with key", job.ID)
		return job.SetResult(map[string]int{"pages": 1})
	}, jobs.InQueue("reports"), jobs.Timeout(time.Minute), jobs.MaxAttempts(10))
	if err != nil {
		log.Fatal(err)
	}
	err = jobs.Handle(queue, "invoice.remind", func(context.Context, jobs.Job[struct{}]) error { return nil })
	if err != nil {
		log.Fatal(err)
	}
	err = queue.Schedule(jobs.Schedule{Name: "reminders", Cron: "0 3 * * *", Kind: "invoice.remind", Args: struct{}{}})
	if err != nil {
		log.Fatal(err)
	}
	app.OnRecordCreate("orders").BindFunc(func(e *core.RecordEvent) error {
		return jobs.WithRecord(e, func(tx core.App) error {
			_, err := jobs.Enqueue(tx, "invoice.send", Invoice{Order: e.Record.Id})
			return err
		})
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
