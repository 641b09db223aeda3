package main

import (
	"context"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/env"
	"github.com/holdall-go/holdall/plugins/fastlane"
	"github.com/holdall-go/holdall/plugins/observe"
)

// readFastLane says whether records are answered past PocketBase.
func (cfg *config) readFastLane(r *env.Reader) {
	r.Group("Fast lane")
	cfg.fastLane = env.Get(r, env.Bool, "FAST_LANE", false,
		"Answers requests for records and files from queries that are kept, byte for byte as PocketBase does, which is left what the lane does not understand. `holdall fastlane explain` tells.")
	cfg.laneCache = env.Get(r, env.Size, "FAST_LANE_CACHE", 0,
		"How many bytes of the fast lane's answers are kept. A view or a list that is asked for again is answered from memory as long as nothing was committed to the database since. 0 keeps none.")
	cfg.laneTags = env.Get(r, env.Bool, "FAST_LANE_ETAGS", false,
		"Gives the fast lane's views and lists an `ETag`, and 304 without a body to those who send it back as `If-None-Match` and have the very answer.")
}

// registerFastLane adds the lane if it is wanted, or returns nil.
func registerFastLane(app core.App, root *cobra.Command, cfg config) (*fastlane.Plugin, error) {
	if !cfg.fastLane {
		root.AddCommand(switchedOff("fastlane", "Tells which requests are answered without PocketBase",
			"the fast lane is switched off, so PocketBase answers all requests: set "+envPrefix+"FAST_LANE=true to switch it on"))
		return nil, nil //nolint:nilnil // switched off is not a failure
	}
	return fastlane.Register(app, fastlane.Config{RootCmd: root, ViewHandlers: cfg.quietViews, CacheBytes: cfg.laneCache, ETags: cfg.laneTags})
}

// laneFigures are as many at most as there are actions and reasons, which are the
// plugin's own.
func laneFigures(lane *fastlane.Plugin) observe.Source {
	return observe.Source{Name: "fastlane", Collect: func(_ context.Context, emit func(observe.Figure)) error {
		keeps := lane.CacheStats() != nil
		for _, a := range lane.Stats().Actions {
			emit(observe.Figure{
				Name: "served_total", Help: "Requests that the fast lane has answered, by what was asked for.", Counter: true,
				Value: float64(a.Served), Labels: []string{"action", a.Action},
			})
			if keeps {
				emit(observe.Figure{
					Name: "kept_total", Help: "Requests among them whose answer was kept from before.", Counter: true,
					Value: float64(a.Kept), Labels: []string{"action", a.Action},
				})
			}
			for _, r := range a.HandedOn {
				emit(observe.Figure{
					Name: "handed_on_total", Help: "Requests that the fast lane has left to PocketBase, and why.", Counter: true,
					Value: float64(r.Requests), Labels: []string{"action", a.Action, "reason", r.Code},
				})
			}
		}
		return nil
	}}
}
