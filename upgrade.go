package main

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/upgrade"
)

// readUpgrade says what happens before a new version touches the data.
func (cfg *config) readUpgrade(r *env.Reader) {
	r.Group("Upgrades")
	c := &cfg.upgrade
	c.NoSnapshots = !env.Get(r, env.Bool, "UPGRADE_SNAPSHOT", true,
		"Copies the databases to `upgrades` in the data directory before a new version of the program or of PocketBase touches them, and before migrations. Without, there is no way back.")
	c.Keep = orNone(env.Get(r, env.Int, "UPGRADE_KEEP", 3, "How many upgrades there is a way back from, 1 to 100. Each takes as much room as the databases."))
	c.AllowDowngrade = env.Get(r, env.Bool, "UPGRADE_DOWNGRADE", false,
		"Lets a program start that is older than the one that used the data last. It may not know what that has made of the data.")
	c.SetNoSnapshots = "set " + envPrefix + "UPGRADE_SNAPSHOT=false"
	c.SetDowngrade = "set " + envPrefix + "UPGRADE_DOWNGRADE=true"
}

// registerUpgrade keeps a way back from upgrades.
func registerUpgrade(app core.App, root *cobra.Command, cfg config) error {
	c := cfg.upgrade
	c.Version, c.RootCmd = version, root
	c.MinFree = max(cfg.protect.MinFree, 0) // else the server would only read after an upgrade
	c.Beside = []string{".backup"}          // what the backup knows of the databases' logs
	_, err := upgrade.Register(app, c)
	return err
}
