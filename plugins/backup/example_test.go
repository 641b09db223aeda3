package backup_test

import (
	"log"
	"os"
	"time"

	"github.com/pocketbase/pocketbase"

	"github.com/holdall-go/holdall/plugins/backup"
)

// A program that keeps its data on another disk and in a bucket, encrypted for
// somebody who is not on the server.
func Example() {
	engine := backup.NewEngine()
	app := pocketbase.NewWithConfig(pocketbase.Config{DBConnect: engine.Connect})
	backup.MustRegister(app, backup.Config{
		Engine:    engine,
		Directory: "/mnt/other-disk/backup",
		S3: backup.S3{
			Bucket: "backups", Endpoint: "https://s3.example.com",
			AccessKey: os.Getenv("BACKUP_KEY"), Secret: os.Getenv("BACKUP_SECRET"),
		},
		Recipients: []string{os.Getenv("BACKUP_RECIPIENT")},
		Retention:  90 * 24 * time.Hour,
		RootCmd:    app.RootCmd,
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
