// Command changes is bench/stock with the change log, for the benchmark of what
// the log costs a write. BENCH_CHANGES says how much of it: off, compact, full,
// or consumed, which is full with a consumer that reads along.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/sqlite"
	_ "github.com/holdall-go/holdall/pb_migrations"
	"github.com/holdall-go/holdall/plugins/changes"
)

func main() {
	if err := run(os.Getenv("BENCH_CHANGES")); err != nil {
		fmt.Fprintln(os.Stderr, "changes:", err)
		os.Exit(1)
	}
}

func run(mode string) error {
	if mode == "off" {
		return pocketbase.New().Start()
	}
	config := changes.Config{Engine: sqlite.New()}
	if mode == "full" {
		for _, c := range collections.All() {
			config.History = append(config.History, c.Name)
		}
	}
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: config.Engine.Connect})
	log, err := changes.Register(app, config)
	if err != nil {
		return err
	}
	switch mode {
	case "compact", "full":
	case "consumed":
		err = log.Consume(changes.Consumer{
			Name: "bench", History: true,
			Handle: func(context.Context, changes.Change) error { return nil },
		})
	default:
		err = fmt.Errorf("BENCH_CHANGES is %q, want off, compact, full or consumed", mode)
	}
	if err != nil {
		return err
	}
	return app.Start()
}
