package realtime_test

import (
	"log"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

func Example() {
	engine := sqlite.New()
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
	changeLog := changes.MustRegister(app, changes.Config{Engine: engine})
	realtime.MustRegister(app, realtime.Config{Log: changeLog})

	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
