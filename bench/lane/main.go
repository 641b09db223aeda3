// Command lane is a PocketBase with the fast lane and nothing else of this project,
// for the benchmark of what the lane is worth. BENCH_LANE takes something away or
// adds to it: engine is without the lane, only with the connections that keep their
// statements; lane is with it; changes is with the change log, too. BENCH_MMAP is how many
// bytes of a database its connections map into memory instead of reading them.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	modernc "modernc.org/sqlite"

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

// ofChanges are the handlers of the change log, by their hooks. They do nothing unless
// a full log is kept, which this program does not.
var ofChanges = map[string]int{
	"OnRecordCreateRequest": 1, "OnRecordUpdateRequest": 1, "OnRecordDeleteRequest": 1,
	"OnRecordCreateExecute": 1, "OnRecordUpdateExecute": 1, "OnRecordDeleteExecute": 1,
}

func run(mode string) error {
	if bytes := os.Getenv("BENCH_MMAP"); bytes != "" {
		mapFiles(bytes)
	}
	engine := sqlite.New()
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
	if _, err := equip(app, engine, mode); err != nil {
		return err
	}
	return app.Start()
}

// equip adds to an app what the mode says, and returns the lane, nil if it has none.
func equip(app core.App, engine *sqlite.Engine, mode string) (*fastlane.Plugin, error) {
	switch mode {
	case "engine":
		return nil, nil
	case "lane":
		return fastlane.Register(app, fastlane.Config{})
	case "changes":
		if _, err := changes.Register(app, changes.Config{Engine: engine}); err != nil {
			return nil, err
		}
		return fastlane.Register(app, fastlane.Config{WriteHandlers: ofChanges})
	}
	return nil, fmt.Errorf("BENCH_LANE is %q, want engine, lane or changes", mode)
}

// mapFiles has all connections map so many bytes of their file.
func mapFiles(bytes string) {
	modernc.RegisterConnectionHook(func(c modernc.ExecQuerierContext, _ string) error {
		_, err := c.ExecContext(context.Background(), "PRAGMA mmap_size = "+bytes, nil)
		return err
	})
}
