package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/hooks"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/jobs"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// originERP is what the change log names as the origin of what an ERP asked for,
// so that the ERP knows its own orders when it is told of them.
const originERP = "erp"

// registerWebhooks adds webhooks. They go out from the change log, and what comes
// in is handled as jobs.
func registerWebhooks(app core.App, cfg config, log *changes.Log, queue *jobs.Plugin) (*webhooks.Plugin, error) {
	if cfg.webhooksOff {
		if root := cfg.webhooks.RootCmd; root != nil {
			root.AddCommand(switchedOff("webhooks", "Lists endpoints and sends again",
				"webhooks are switched off, so nothing is sent: set "+envPrefix+"WEBHOOKS=true to switch them on, which needs the change log"))
		}
		return nil, nil
	}
	cfg.webhooks.Log, cfg.webhooks.Queue = log, inboundQueue{queue}
	plugin, err := webhooks.Register(app, cfg.webhooks)
	if err != nil {
		return nil, err
	}
	err = jobs.Handle(queue, webhooks.JobKind, func(ctx context.Context, job jobs.Job[json.RawMessage]) error {
		return plugin.Process(ctx, job.Args)
	})
	if err != nil {
		return nil, fmt.Errorf("handle received webhooks: %w", err)
	}
	receiveERP(app, plugin, log)
	return plugin, nil
}

// inboundQueue are the jobs as package webhooks wants them.
type inboundQueue struct{ jobs *jobs.Plugin }

// Enqueue adds a job in the transaction.
func (q inboundQueue) Enqueue(tx core.App, kind string, payload []byte) error {
	_, err := q.jobs.Enqueue(tx, kind, json.RawMessage(payload))
	return err
}

// receiveERP takes the messages of the organizations' ERP systems. What is wrong
// with one stands in the inbox, and is not tried again by itself.
func receiveERP(app core.App, plugin *webhooks.Plugin, log *changes.Log) {
	verifier := webhooks.StandardOf(func(in webhooks.Incoming) ([]string, error) {
		return hooks.ERPSecrets(app, in.PathValues[hooks.ERPOrganization], in.Now)
	})
	plugin.Receive(hooks.ERPPath, verifier, func(ctx context.Context, tx core.App, m webhooks.Message) error {
		err := log.Attribute(tx, nil, originERP, func(tx core.App) error { //nolint:contextcheck // the trace is that of the goroutine
			return hooks.TakeERPMessage(ctx, tx, m.PathValues[hooks.ERPOrganization], m.ID, m.Body)
		})
		if wrong := (validation.Errors{}); errors.As(err, &wrong) {
			return webhooks.Reject(err)
		}
		return err
	})
}
