package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdall-go/holdall/collections"
)

// order is an order for a job, as yet without times, assignee and status.
func (b *builder) order(j job) order {
	place := b.firstSite + b.IntN(len(b.company.sites))
	return order{
		id: b.id(), organization: b.organization, site: b.set.sites[place].id, siteIndex: place, job: j,
		title: oneOf(b.dice, j.titles), description: j.description,
		priority: b.priority(),
	}
}

func (b *builder) priority() string {
	switch n := b.IntN(100); {
	case n < 22:
		return collections.WorkOrderPriorityLow
	case n < 72:
		return collections.WorkOrderPriorityNormal
	case n < 93:
		return collections.WorkOrderPriorityHigh
	default:
		return collections.WorkOrderPriorityUrgent
	}
}

// sla is the time that the organization allows itself for an order.
func (b *builder) sla(priority string) time.Duration {
	return time.Duration(b.company.slaHours[priority]) * time.Hour
}

// draft is an order that came in and has not been planned.
func (b *builder) draft() order {
	o := b.order(oneOf(b.dice, b.company.jobs))
	o.status = collections.WorkOrderStatusDraft
	age := b.span(5*time.Minute, min(b.sla(o.priority)*8/10, 60*time.Hour))
	if b.chance(0.1) { // overlooked
		age = b.span(b.sla(o.priority), b.sla(o.priority)*12/10)
	}
	o.created = b.now.Add(-age)
	o.updated = o.created
	o.checklist = b.checklist(o)
	b.promise(&o)
	return o
}

// planned is the order of a visit.
func (b *builder) planned(v visit) order {
	o := b.order(v.job)
	o.status = v.status
	o.assignee = b.technicians[v.technician]
	o.scheduledStart, o.scheduledEnd = v.start.UTC(), v.end.UTC()
	b.receive(&o)

	switch o.status {
	case collections.WorkOrderStatusScheduled:
		o.updated = b.after(o.created, time.Hour)
	case collections.WorkOrderStatusEnRoute:
		o.updated = b.now.Add(-b.span(time.Minute, 15*time.Minute))
	case collections.WorkOrderStatusOnSite:
		o.startedAt = o.scheduledStart.Add(b.span(-4*time.Minute, 12*time.Minute))
		o.updated = o.startedAt
	case collections.WorkOrderStatusCompleted:
		o.startedAt = o.scheduledStart.Add(b.span(-6*time.Minute, 10*time.Minute))
		length := o.scheduledEnd.Sub(o.scheduledStart)
		o.completedAt = o.startedAt.Add(b.span(length*8/10, length))
		o.updated = o.completedAt
	case collections.WorkOrderStatusCancelled:
		o.updated = o.created.Add(b.span(0, min(o.scheduledStart.Sub(o.created), b.sla(o.priority))*9/10))
	}
	if o.updated.Before(o.created) {
		o.updated = o.created
	}
	o.checklist = b.checklist(o)
	b.promise(&o)
	return o
}

// receive decides when an order came in: some time before its visit, and
// mostly so that the visit keeps the promise.
func (b *builder) receive(o *order) {
	ahead := o.scheduledStart.Sub(b.now)
	if ahead > b.sla(o.priority) { // nobody plans an urgent order for next week
		o.priority = collections.WorkOrderPriorityLow
		if ahead < b.sla(collections.WorkOrderPriorityNormal) {
			o.priority = collections.WorkOrderPriorityNormal
		}
	}
	allowed := b.sla(o.priority)
	if ahead > 0 {
		o.created = b.now.Add(-b.span(10*time.Minute, allowed*6/10))
		return
	}
	lead := b.span(allowed/12, allowed*6/10)
	if b.chance(0.06) {
		lead = b.span(allowed*9/10, allowed*12/10)
	}
	o.created = o.scheduledStart.Add(-lead)
}

// promise sets when the order is due, and when the app noticed that this had
// passed: at the next full minute, if the order was still open then.
func (b *builder) promise(o *order) {
	o.slaDueAt = o.created.Add(b.sla(o.priority))
	ended := b.now
	switch o.status {
	case collections.WorkOrderStatusCompleted:
		ended = o.completedAt
	case collections.WorkOrderStatusCancelled:
		ended = o.updated
	}
	noticed := o.slaDueAt.Add(time.Minute - 1).Truncate(time.Minute)
	if !ended.Before(noticed) {
		o.slaBreachedAt = noticed
	}
}

// checklist is the job's, ticked as far as the work is.
func (b *builder) checklist(o order) []checkpoint {
	done := 0
	switch o.status {
	case collections.WorkOrderStatusCompleted:
		done = len(o.job.checklist)
	case collections.WorkOrderStatusOnSite:
		done = b.IntN(len(o.job.checklist))
	}
	points := make([]checkpoint, len(o.job.checklist))
	for i, label := range o.job.checklist {
		label, optional := strings.CutPrefix(label, "?")
		points[i] = checkpoint{ID: fmt.Sprintf("c%d", i+1), Label: label, Required: !optional, Done: i < done && (!optional || b.chance(0.7))}
	}
	return points
}

// after is a time within d of t that has already come.
func (b *builder) after(t time.Time, d time.Duration) time.Time {
	return t.Add(b.span(0, min(d, b.now.Sub(t))))
}
