package main

import (
	"context"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/backup"
	"github.com/holdall-go/holdall/plugins/health"
	"github.com/holdall-go/holdall/plugins/observe"
)

// readBackup says where databases and files are copied to.
func (cfg *config) readBackup(r *env.Reader) {
	r.Group("Continuous backup")
	c := &cfg.backup
	c.Directory = env.Get(r, env.Text, "BACKUP_DIR", "",
		"Copies databases and uploaded files to this directory all the time. It has to exist, and should be on another disk.")
	c.S3.Bucket = env.Get(r, env.Text, "BACKUP_S3_BUCKET", "",
		"Copies databases and uploaded files to this bucket all the time. Both may be set.")
	c.S3.Path = env.Get(r, env.Text, "BACKUP_S3_PATH", "", "A folder in the bucket.")
	c.S3.Region = env.Get(r, env.Text, "BACKUP_S3_REGION", "us-east-1", "The bucket's region.")
	c.S3.Endpoint = env.Get(r, env.Text, "BACKUP_S3_ENDPOINT", "", "The server's address, such as https://s3.example.com.")
	c.S3.AccessKey = env.Get(r, env.Text, "BACKUP_S3_ACCESS_KEY", "", "The access key.")
	c.S3.Secret = env.Get(r, env.Text, "BACKUP_S3_SECRET", "", "The access key's secret.", env.Secret())
	c.S3.ForcePathStyle = env.Get(r, env.Bool, "BACKUP_S3_FORCE_PATH_STYLE", false,
		"Puts the bucket into the path instead of the host name, as most servers other than Amazon's want.")
	c.Interval = notDefault(env.Get(r, env.Duration, "BACKUP_INTERVAL", time.Second,
		"How often changes are copied, 10ms or more. Each time is a file or a request."))
	c.Sync = env.Get(r, env.Bool, "BACKUP_SYNC", false,
		"Lets requests that write wait until their change is in the directory and the bucket, so that nothing acknowledged is lost with the machine.")
	c.SyncTimeout = notDefault(env.Get(r, env.Duration, "BACKUP_SYNC_TIMEOUT", 5*time.Second,
		"How long such a request waits, 100ms to 1m. Then it is answered all the same, and none waits until the backup has caught up."))
	c.Retention = notDefault(env.Get(r, env.Duration, "BACKUP_RETENTION", 30*24*time.Hour,
		"How far back the data can be restored."))
	c.Precise = notDefault(env.Get(r, env.Duration, "BACKUP_PRECISE", 24*time.Hour,
		"How far back to each BACKUP_INTERVAL. Before that it is to each minute."))
	c.FilesInterval = orOff(env.Get(r, env.Duration, "BACKUP_FILES_INTERVAL", 10*time.Minute,
		"How often all uploaded files are compared with the backup. New ones are copied at once. 0 leaves files out."))
	c.Recipients = env.Get(r, env.List, "BACKUP_RECIPIENTS", nil,
		"Public keys of age, such as age1…. What is copied is encrypted for them. Who loses the secret keys loses the backup.")
	c.Identity = env.Get(r, env.Text, "BACKUP_IDENTITY", "",
		"A secret key of age, for `restore` and for drills of what is encrypted. A server without it copies but does not drill.", env.Secret())
	c.DrillInterval = orOff(env.Get(r, env.Duration, "BACKUP_DRILL_INTERVAL", 7*24*time.Hour,
		"How often the backup is restored to a scratch directory and checked. 0 never does it."))
	c.MaxPending = orOff(env.Get(r, env.Size, "BACKUP_MAX_PENDING", 10<<30,
		"How much may wait on the disk for a place that cannot be reached. What is more is dropped, and the backup begins anew, with a gap. 0 never drops anything."))
	c.Engine = backup.NewEngine() // of the whole program
	c.Setup = "Set " + envPrefix + "BACKUP_DIR to a directory on another disk, or " + envPrefix + "BACKUP_S3_BUCKET and what goes with it, " +
		"and start the program again. All options are in docs/backup.md."
}

// registerBackup adds the backup, and tells the health check and the metrics of it.
func registerBackup(app core.App, root *cobra.Command, cfg *config) (*backup.Plugin, error) {
	cfg.backup.RootCmd = root
	plugin, err := backup.Register(app, cfg.backup)
	if err != nil || !cfg.backup.Enabled() {
		return plugin, err
	}
	cfg.health.Checks = append(cfg.health.Checks, health.Check{
		Name: "backup", Run: plugin.Health, Passed: "It is reported.", Failed: "It is not reported.",
	})
	cfg.observe.Sources = append(cfg.observe.Sources, backupFigures(plugin))
	return plugin, nil
}

// backupFigures are how the backup is, for the metrics.
func backupFigures(plugin *backup.Plugin) observe.Source {
	return observe.Source{Name: "backup", Collect: func(_ context.Context, emit func(observe.Figure)) error {
		plugin.Figures(func(name, help string, value float64, labels ...string) {
			emit(observe.Figure{Name: name, Help: help, Value: value, Labels: labels})
		})
		return nil
	}}
}
