package changes_test

import (
	"context"
	"fmt"
	"log"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
)

// A program that prints each change as it happens, and goes on where it was when
// it is started again.
func Example() {
	engine := sqlite.New()
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
	changeLog := changes.MustRegister(app, changes.Config{Engine: engine})

	err := changeLog.Consume(changes.Consumer{
		Name: "printer",
		Handle: func(_ context.Context, c changes.Change) error {
			_, err := fmt.Println(c.Seq, c.Collection, c.Record, c.Deleted)
			return err
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
