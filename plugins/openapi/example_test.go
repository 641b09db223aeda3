package openapi_test

import (
	"log"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/openapi"
)

// The whole program: PocketBase with a document of its API, a page to read it,
// and a route of its own that is in it.
func Example() {
	app := pocketbase.New()
	openapi.MustRegister(app, openapi.Config{RootCmd: app.RootCmd})

	type greet struct {
		Name string `path:"name"`
		Loud bool   `query:"loud" doc:"Whether to shout."`
	}
	type greeting struct {
		Text string `json:"text"`
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		openapi.Route(openapi.On(e), openapi.Op{Method: "GET", Path: "/api/greet/{name}", Summary: "Greet somebody"},
			func(_ *core.RequestEvent, in *greet) (*greeting, error) {
				text := "Hello, " + in.Name
				if in.Loud {
					text += "!"
				}
				return &greeting{Text: text}, nil
			})
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
