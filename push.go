package main

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/push"
)

// registerPush adds push notifications. Without the change log devices can
// register, and be sent to, but nothing is sent by itself.
func registerPush(app core.App, cfg config, log *changes.Log) (*push.Plugin, error) {
	if cfg.pushOff {
		if root := cfg.push.RootCmd; root != nil {
			root.AddCommand(switchedOff("push", "Sends notifications, and tells how the push services are doing",
				"push notifications are switched off, so nobody is notified: set "+envPrefix+"PUSH=true to switch them on"))
		}
		return nil, nil
	}
	if log != nil {
		cfg.push.Log, cfg.push.Rules = log, pushRules()
	}
	return push.Register(app, cfg.push)
}

// pushRules are what people are notified of.
func pushRules() []push.Rule {
	return []push.Rule{{
		Name:        "assigned",
		Collection:  collections.WorkOrders,
		Changed:     []string{collections.WorkOrderFieldAssignee, collections.WorkOrderFieldStatus},
		When:        newlyAssigned,
		To:          collections.WorkOrderFieldAssignee,
		ExceptActor: true,
		Message: push.Message{
			Title:   `Order {{.Value "number"}} is yours`,
			Body:    `{{.Value "title"}}, {{.Value "site.name"}}`,
			Locales: map[string]push.Text{"de": {Title: `Auftrag {{.Value "number"}} ist für Sie`}},
			Link:    `#/o/{{.Value "organization.slug"}}/day/{{.Record.Id}}`,
			// one notification an order, however often it moves
			CollapseKey: `order-{{.Record.Id}}`,
		},
	}}
}

// newlyAssigned tells whether the change gives planned work to somebody. Of a draft
// they hear when it is scheduled.
func newlyAssigned(e push.Event) (bool, error) {
	order := collections.WorkOrderOf(e.Record)
	if order.Assignee() == "" || !planned(order) {
		return false, nil
	}
	if e.Old == nil {
		return true, nil
	}
	old := collections.WorkOrderOf(e.Old)
	return old.Assignee() != order.Assignee() || !planned(old), nil
}

// planned tells whether the order is to be worked on.
func planned(order *collections.WorkOrder) bool {
	switch order.Status() {
	case collections.WorkOrderStatusScheduled, collections.WorkOrderStatusEnRoute, collections.WorkOrderStatusOnSite:
		return true
	default:
		return false
	}
}
