package protect_test

import (
	"log"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/protect"
)

func Example() {
	engine := sqlite.New()
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
	protect.MustRegister(app, protect.Config{Statements: engine})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
