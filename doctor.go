package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/disk"
	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/backup"
	"github.com/holdall-go/holdall/plugins/doctor"
	"github.com/holdall-go/holdall/plugins/schema"
	"github.com/holdall-go/holdall/plugins/upgrade"
)

// readDoctor says what the doctor is not to tell of.
func (cfg *config) readDoctor(r *env.Reader) {
	r.Group("Doctor")
	cfg.doctor.Ignore = env.Get(r, env.List, "DOCTOR_IGNORE", nil,
		"Findings of `holdall doctor` that are as they should be: a code such as rules.public-create, or one place of it such as rules.public-create@messages.createRule.")
}

// registerDoctor adds the doctor, with what only the whole program knows.
func registerDoctor(app core.App, root *cobra.Command, cfg config, copies *backup.Plugin) error {
	c := cfg.doctor
	c.Version, c.RootCmd, c.SignUps, c.Settings = version, root, signUps(), cfg.settings.Preview
	c.Sorts = map[string][]string{
		"work_orders": {"-created", "scheduledStart"}, "notes": {"created", "-created"}, "photos": {"created", "-created"}, "sites": {"name"},
	}
	c.Options = map[string]string{}
	for where, option := range map[string]string{
		"settings": "ENCRYPTION_KEY", "settings.meta.appURL": "APP_URL", "settings.meta.senderAddress": "SENDER_ADDRESS",
		"settings.smtp": "SMTP_HOST", "settings.rateLimits": "RATE_LIMITS", "settings.trustedProxy": "TRUSTED_PROXY_HEADERS",
		"settings.trustedProxy.useLeftmostIP": "TRUSTED_PROXY_LEFTMOST",
	} {
		c.Options[where] = envPrefix + option
	}
	c.Checks = []doctor.Check{
		{Code: "config", Title: "Configuration", Run: cfg.configFindings},
		{Code: "backups", Title: "Backups", Run: func(ctx context.Context, app core.App) ([]doctor.Finding, error) {
			return backupFindings(ctx, app, cfg, copies)
		}},
		{Code: "protect", Title: "Room to write", Run: cfg.roomFindings},
		{Code: "schema", Title: "Schema", Run: schemaFindings},
		{Code: "upgrade", Title: "Upgrades", Run: cfg.upgradeFindings},
		{Code: "work", Title: "Jobs, webhooks and notifications", Run: workFindings},
	}
	_, err := doctor.Register(app, c)
	return err
}

// demoAddresses is what the addresses of the demo's accounts end with.
const demoAddresses = "@demo.example"

// configFindings are options, and data, that are not for production.
func (cfg config) configFindings(ctx context.Context, app core.App) ([]doctor.Finding, error) {
	list := cfg.findings()
	var n int64
	err := app.ConcurrentDB().Select("count(*)").From(collections.Users).Where(dbx.Like("email", demoAddresses).Match(true, false)).WithContext(ctx).Row(&n)
	if err == nil && n > 0 && !cfg.demo {
		list = append(list, doctor.Finding{
			Code: "config.demo-accounts", Severity: doctor.Warning, Where: collections.Users,
			Problem: fmt.Sprintf("There are %d accounts of the demo data, whose password everybody knows.", n),
			Remedy:  "Begin production with an empty data directory, or delete the organizations and the accounts of the demo in the dashboard.",
		})
	}
	return list, err
}

// findings are options that are not for production.
func (cfg config) findings() []doctor.Finding {
	var list []doctor.Finding
	add := func(when bool, code string, severity doctor.Severity, option, problem, remedy string) {
		if when {
			list = append(list, doctor.Finding{Code: "config." + code, Severity: severity, Where: envPrefix + option, Problem: problem, Remedy: remedy})
		}
	}
	add(cfg.demo && cfg.demoPublic, "public-demo", doctor.Error, "DEMO_PUBLIC", "Accounts whose passwords everybody knows are served to other machines.", "Unset it, unless there is nothing but demo data.")
	add(cfg.demo && !cfg.demoPublic, "demo", doctor.Note, "DEMO", "An empty database is filled with demo data, whose passwords everybody knows.", "Unset it in production.")
	add(cfg.dev, "debug", doctor.Warning, "DEV", "Every SQL statement is printed with its values, personal data included.", "Unset it in production.")
	add(len(cfg.guard.Origins) == 0, "any-origin", doctor.Note, "CORS_ORIGINS", "Pages of every origin may call the API. They have no user's token, but can load the server from visitors' browsers.", "Name the origins of your own apps, or just the app's own address if there are no others.")
	add(cfg.settings.Superuser.ResetPassword, "reset-password", doctor.Warning, "SUPERUSER_RESET_PASSWORD", "The superuser's password is set back at each start, whoever has changed it.", "Unset it now that the account can sign in again.")
	add(cfg.limits.Lockout.Off, "no-lockout", doctor.Warning, "LOCKOUT", "Whoever guesses passwords may go on as fast as the server can hash.", "Unset it.")
	add(cfg.webhooks.AllowHTTP && !cfg.webhooksOff, "plain-webhooks", doctor.Note, "WEBHOOKS_ALLOW_HTTP", "Webhooks may go to endpoints without TLS, and everybody on the way reads them.", "Unset it once all endpoints have HTTPS.")
	add(cfg.observe.Addr != "" && cfg.observe.Token == "" && !isPrivate(cfg.observe.Addr), "open-metrics", doctor.Warning, "METRICS_ADDR", "Whoever reaches this address reads the metrics.", "Set "+envPrefix+"METRICS_TOKEN, or listen on 127.0.0.1.")
	add(cfg.httpsAddr != "" && len(cfg.settings.TrustedProxyHeaders) > 0, "forgeable-address", doctor.Warning, "TRUSTED_PROXY_HEADERS", "The server serves HTTPS itself, so clients that reach it without a proxy can write the header, and with it their address.", "Unset it, unless only the proxy reaches the server.")
	add(cfg.upgrade.NoSnapshots, "no-snapshots", doctor.Note, "UPGRADE_SNAPSHOT", "There is no way back from the next upgrade, other than a backup.", "Unset it when the disk has room for a copy of the databases.")
	add(cfg.upgrade.AllowDowngrade, "downgrade", doctor.Warning, "UPGRADE_DOWNGRADE", "An older program may use data that it does not understand.", "Unset it now that the older program runs, or go back to the newer one.")
	return list
}

// isPrivate tells whether only this machine, or a private network, reaches an address.
func isPrivate(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && (ip.IsLoopback() || ip.IsPrivate())
}

const (
	// targetTimeout is how long a target of the backup may take to answer.
	targetTimeout = 10 * time.Second
	// silence is how old the last word of a running server's backup is at most.
	silence = time.Minute
)

// backupFindings looks at whether the data can be lost.
func backupFindings(ctx context.Context, app core.App, cfg config, copies *backup.Plugin) ([]doctor.Finding, error) {
	finding := func(code string, severity doctor.Severity, where, problem, remedy string) doctor.Finding {
		return doctor.Finding{Code: "backups." + code, Severity: severity, Where: where, Problem: problem, Remedy: remedy}
	}
	if !cfg.backup.Enabled() {
		s, err := app.Settings().Clone()
		if err != nil {
			return nil, err
		}
		cfg.settings.Preview(s)
		switch {
		case s.Backups.Cron == "":
			return []doctor.Finding{finding("none", doctor.Error, "", "There is no backup: a broken disk takes all data with it.", cfg.backup.Setup)}, nil
		case !s.Backups.S3.Enabled:
			return []doctor.Finding{finding("same-disk", doctor.Warning, envPrefix+"BACKUPS_CRON", "The only backups are zip files in the data directory, which are lost with its disk.", cfg.backup.Setup)}, nil
		}
		return []doctor.Finding{finding("now-and-then", doctor.Note, envPrefix+"BACKUPS_CRON", "A restore loses everything since the last zip file.", cfg.backup.Setup)}, nil
	}
	var list []doctor.Finding
	if dir := cfg.backup.Directory; dir != "" && cfg.backup.S3.Bucket == "" && disk.Same(dir, app.DataDir()) {
		list = append(list, finding("same-disk", doctor.Warning, envPrefix+"BACKUP_DIR", "The backup is on the disk of the data, and is lost with it.", "Choose a directory on another disk, or a bucket."))
	}
	reach, cancel := context.WithTimeout(ctx, targetTimeout)
	defer cancel()
	if _, err := copies.Ranges(reach); err != nil {
		list = append(list, finding("unreachable", doctor.Error, "", fmt.Sprintf("The place of the backup does not answer: %v.", oneLine(err)), "Check the directory or the bucket, its address and its keys; \"backup list\" tries again."))
	}
	status, problem, err := copies.Saved()
	switch {
	case err != nil:
		return append(list, finding("never", doctor.Warning, "", "No server has made a backup of this data yet.", "Start the server, and look at \"backup status\".")), nil
	case problem != nil:
		list = append(list, finding("behind", doctor.Error, "", fmt.Sprintf("The backup is not as it should be: %s.", oneLine(problem)), "See \"backup status\" and the server's log, and repair what keeps it from going on."))
	case time.Since(status.At) > silence:
		list = append(list, finding("stopped", doctor.Note, "", fmt.Sprintf("The last word of the backup is of %s.", status.At.UTC().Format("2006-01-02 15:04Z")), "That is as it should be while the server does not run. If it does, restart it."))
	}
	if cfg.backup.DrillInterval < 0 {
		return append(list, finding("no-drill", doctor.Note, envPrefix+"BACKUP_DRILL_INTERVAL", "Nobody tries whether the backup can be restored.", "Unset it, or run \"backup drill\" from time to time.")), nil
	}
	switch drill := status.Drill; {
	case drill == nil && !status.Locked:
		list = append(list, finding("no-drill", doctor.Note, "", "No restore has been tried yet.", "Run \"backup drill\" once; the server does it by itself later."))
	case drill != nil && time.Since(drill.At) > 2*max(cfg.backup.DrillInterval, 24*time.Hour):
		list = append(list, finding("old-drill", doctor.Warning, "", fmt.Sprintf("The last restore that was tried is of %s.", drill.At.UTC().Format("2006-01-02")), "Run \"backup drill\", and see in the log why the server does not."))
	}
	return list, nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// roomFindings looks at whether the disk has what the server wants free to take changes.
func (cfg config) roomFindings(_ context.Context, app core.App) ([]doctor.Finding, error) {
	space, err := disk.Space(app.DataDir())
	if err != nil {
		return nil, fmt.Errorf("ask for the free space: %w", err)
	}
	wanted := max(float64(cfg.protect.MinFree), cfg.protect.MinFreePercent/100*float64(space.Total))
	if float64(space.Free) >= wanted {
		return nil, nil
	}
	const mebibyte = 1 << 20
	return []doctor.Finding{{
		Code: "protect.read-only", Severity: doctor.Error, Where: envPrefix + "PROTECT_MIN_FREE",
		Problem: fmt.Sprintf("Changes are refused: %d MiB are free, and the server wants %.0f MiB.", space.Free/mebibyte, wanted/mebibyte),
		Remedy:  "Make room as docs/protect.md says, or ask for less.",
	}}, nil
}

// schemaFindings compares the database with the definitions in Go.
func schemaFindings(_ context.Context, app core.App) ([]doctor.Finding, error) {
	plan, err := schema.Diff(app, collections.All()) //nolint:contextcheck // fields of PocketBase are tried without one
	if err != nil {
		return nil, err
	}
	if plan.Empty() {
		return nil, nil
	}
	var names []string
	for _, c := range plan.Collections {
		names = append(names, c.Name)
	}
	return []doctor.Finding{{
		Code: "schema.drift", Severity: doctor.Warning, Where: strings.Join(names, ", "),
		Problem: "The database differs from the definitions in Go: the next migration may undo what somebody has changed in the dashboard.",
		Remedy:  "See \"collections plan\". If the database is right, \"collections pull\" takes it over; if migrations wait, start the server.",
	}}, nil
}

// upgradeFindings looks at which program has used the data.
func (cfg config) upgradeFindings(ctx context.Context, app core.App) ([]doctor.Finding, error) {
	used, ok, err := upgrade.Used(ctx, filepath.Join(app.DataDir(), "data.db"))
	if err != nil || !ok || used.Program == version {
		return nil, err
	}
	return []doctor.Finding{{
		Code: "upgrade.other-program", Severity: doctor.Note, Where: "data.db",
		Problem: fmt.Sprintf("The data was last used by %s, and this program is version %s.", used, version),
		Remedy:  "The next start upgrades the data, and keeps a copy. If this is the older program, see docs/upgrade.md.",
	}}, nil
}
