// Command push-server is PocketBase with push, the push services it sends by, and
// routes by which tests ask these for devices and for what the devices got.
package main

import (
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

func main() {
	if err := run(); err != nil {
		slog.Error("serve", slog.Any("error", err))
		os.Exit(1)
	}
}

func run() error {
	services, err := pushtest.Start(pushtest.Options{})
	if err != nil {
		return err
	}
	defer services.Close()
	web, firebase, apple := services.WebPush(), services.FCM(), services.APNs()
	web.PrivateKey = "" // the plugin makes one

	app := pocketbase.New()
	log, err := changes.Register(app, changes.Config{Lease: time.Second})
	if err != nil {
		return err
	}
	_, err = push.Register(app, push.Config{
		WebPush: &web, FCM: &firebase, APNs: &apple, Log: log, RootCmd: app.RootCmd,
		Allow:   []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // where the services are
		Backoff: func(int) time.Duration { return 50 * time.Millisecond },
		Lease:   time.Second,
		Rules: []push.Rule{{
			Name: "assigned", Collection: "orders", Changed: []string{"assignee"}, To: "assignee", ExceptActor: true,
			Message: push.Message{Title: `Order {{.Value "title"}}`, Link: "/orders/{{.Record.Id}}"},
		}},
	})
	if err != nil {
		return err
	}
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.GET("/services/{service}/device", func(e *core.RequestEvent) error {
			return e.JSON(http.StatusOK, services.Device(e.Request.PathValue("service")))
		})
		e.Router.GET("/services/received", func(e *core.RequestEvent) error {
			received := []map[string]any{}
			for _, m := range services.Received(e.Request.URL.Query().Get("token")) {
				received = append(received, map[string]any{"title": m.Title(), "body": m.Text(), "payload": string(m.Body)})
			}
			return e.JSON(http.StatusOK, map[string]any{"items": received, "problems": services.Problems()})
		})
		e.Router.DELETE("/services/device", func(e *core.RequestEvent) error {
			services.Uninstall(e.Request.URL.Query().Get("token"))
			return e.NoContent(http.StatusNoContent)
		})
		return e.Next()
	})
	return app.Start()
}
