package push_test

import (
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// The whole program: PocketBase that tells technicians of orders which are assigned
// to them, in browsers and on Android, and everybody of a new version.
func Example() {
	app := pocketbase.New()
	p := push.MustRegister(app, push.Config{
		WebPush: &webpush.Config{Subject: "mailto:ops@example.com"},
		FCM:     &fcm.Config{ServiceAccount: os.Getenv("FCM_SERVICE_ACCOUNT")},
		Log:     changes.MustRegister(app, changes.Config{}),
		Rules: []push.Rule{{
			Name: "assigned", Collection: "work_orders", Changed: []string{"assignee"}, To: "assignee", ExceptActor: true,
			Message: push.Message{
				Title:      `New order: {{.Value "title"}}`,
				Body:       `{{.Value "site.name"}}`,
				Link:       "/orders/{{.Record.Id}}",
				QuietHours: &push.QuietHours{From: "22:00", To: "06:00"},
			},
		}},
		RootCmd: app.RootCmd,
	})
	app.OnRecordCreate("versions").BindFunc(func(e *core.RecordEvent) error {
		outer := e.App
		defer func() { e.App = outer }()
		return outer.RunInTransaction(func(tx core.App) error {
			e.App = tx
			if err := e.Next(); err != nil {
				return err
			}
			_, err := p.Send(tx, push.Message{To: push.Topic("news"), Title: "Version " + e.Record.GetString("name")})
			return err
		})
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
