package main

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push"
	"github.com/holdall-go/holdall/plugins/schema"
)

func TestWhoIsToldOfAnOrder(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, func(app core.App) error { return schema.Apply(app, collections.All()) })
	order := func(assignee, status string) *core.Record {
		o, err := collections.NewWorkOrder(app)
		if err != nil {
			t.Fatal(err)
		}
		o.SetAssignee(assignee)
		o.SetStatus(status)
		return o.ProxyRecord()
	}
	const (
		draft     = collections.WorkOrderStatusDraft
		scheduled = collections.WorkOrderStatusScheduled
		enRoute   = collections.WorkOrderStatusEnRoute
		completed = collections.WorkOrderStatusCompleted
		cancelled = collections.WorkOrderStatusCancelled
	)
	for _, c := range []struct {
		name     string
		old, now *core.Record
		want     bool
	}{
		{"made for somebody", nil, order("ann", scheduled), true},
		{"made for nobody", nil, order("", scheduled), false},
		{"made as a draft", nil, order("ann", draft), false},
		{"assigned", order("", scheduled), order("ann", scheduled), true},
		{"assigned to somebody else", order("ann", enRoute), order("ben", enRoute), true},
		{"assigned as a draft", order("", draft), order("ann", draft), false},
		{"a draft that is scheduled", order("ann", draft), order("ann", scheduled), true},
		{"taken away", order("ann", scheduled), order("", scheduled), false},
		{"moved on", order("ann", scheduled), order("ann", enRoute), false},
		{"completed", order("ann", enRoute), order("ann", completed), false},
		{"assigned when it is cancelled", order("ann", cancelled), order("ben", cancelled), false},
	} {
		got, err := newlyAssigned(push.Event{App: app, Record: c.now, Old: c.old})
		if err != nil || got != c.want {
			t.Errorf("%s: got %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}
