package main

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// readFastLane says whether records are read past PocketBase.
func (cfg *config) readFastLane(r *env.Reader) {
	r.Group("Fast lane")
	cfg.fastLane = env.Get(r, env.Bool, "FAST_LANE", false,
		"Answers views and lists of records from queries that are kept, byte for byte as PocketBase does, which is left what the lane does not understand. `holdall fastlane explain` tells.")
}

// ownViewHandlers is how many handlers of OnRecordViewRequest the plugins bind:
// package idempotency's, which does nothing for requests without a query.
const ownViewHandlers = 1

// registerFastLane adds the lane if it is wanted.
func registerFastLane(app core.App, root *cobra.Command, cfg config) error {
	if !cfg.fastLane {
		return nil
	}
	_, err := fastlane.Register(app, fastlane.Config{RootCmd: root, ViewHandlers: ownViewHandlers})
	return err
}
