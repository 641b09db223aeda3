package apidoc

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
)

// nowhere is the address of the server that is never started: one that nobody else
// could reach, for handlers that refuse to serve to others.
const nowhere = "127.0.0.1:0"

// errBound ends OnServe before anything listens.
var errBound = errors.New("the routes are bound")

// Bind binds the routes of an app that does not serve, such as one whose command
// writes down what they are. It binds them on a router of which nothing comes:
// handlers of OnServe bind theirs, and the error at their end keeps those from
// starting that start with the server.
func Bind(app core.App) error {
	router, err := apis.NewRouter(app)
	if err != nil {
		return fmt.Errorf("make a router: %w", err)
	}
	event := &core.ServeEvent{App: app, Router: router, Server: &http.Server{Addr: nowhere, ReadHeaderTimeout: 1}}
	err = app.OnServe().Trigger(event, func(*core.ServeEvent) error { return errBound })
	app.Cron().Stop() // PocketBase starts it before the server
	if !errors.Is(err, errBound) {
		return fmt.Errorf("bind the routes: %w", err)
	}
	return nil
}
