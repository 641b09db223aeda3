// Command lane is a PocketBase with the fast lane and nothing else of this project,
// for the benchmark of what the lane is worth. BENCH_LANE takes something away or
// adds to it: engine is without the lane, only with the connections that keep their
// statements; lane is with it; changes is with the change log, too.
package main

import (
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

func main() {
	if err := run(os.Getenv("BENCH_LANE")); err != nil {
		fmt.Fprintln(os.Stderr, "lane:", err)
		os.Exit(1)
	}
}

func run(mode string) error {
	engine := sqlite.New()
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
	switch mode {
	case "engine", "lane":
	case "changes":
		if _, err := changes.Register(app, changes.Config{Engine: engine}); err != nil {
			return err
		}
	default:
		return fmt.Errorf("BENCH_LANE is %q, want engine, lane or changes", mode)
	}
	if mode != "engine" {
		if _, err := fastlane.Register(app, fastlane.Config{}); err != nil {
			return err
		}
	}
	return app.Start()
}
