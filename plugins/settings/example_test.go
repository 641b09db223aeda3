package settings_test

import (
	"log"
	"os"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/settings"
)

// The whole program: PocketBase that sends its mails by a server that the code
// names, and has a superuser from the first start on.
func Example() {
	app := pocketbase.New()
	settings.MustRegister(app, settings.Config{
		AppName: new("Example"),
		AppURL:  new("https://app.example.com"),
		SMTP:    settings.SMTP{Host: new("mail.example.com"), Port: new(587)},
		Superuser: settings.Superuser{
			Email:    "root@example.com",
			Password: os.Getenv("SUPERUSER_PASSWORD"),
		},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
