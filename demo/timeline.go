package demo

import (
	"time"

	"github.com/holdall-go/holdall/collections"
)

// The working day, by the organization's clock.
const (
	dayStart = 7*time.Hour + 30*time.Minute
	dayEnd   = 18 * time.Hour
	// what a technician needs between two sites
	travelMin = 20 * time.Minute
	travelMax = 45 * time.Minute
	// how many of the visits that are over were called off
	cancelledShare = 0.08
)

// visit is a stay of a technician on a site, as planned.
type visit struct {
	technician int
	job        job
	start, end time.Time
	status     string
}

// timeline plans visits around a moment: days of finished work before it,
// technicians on the road and on site right now, and a week that thins out.
type timeline struct {
	dice
	now         time.Time
	zone        *time.Location
	technicians int
	jobs        []job
}

// visits plans n visits. They are in no particular order.
func (t timeline) visits(n int) []visit {
	var all []visit
	for technician := range t.technicians {
		all = append(all, t.today(technician)...)
	}
	for day := 1; day <= 6; day++ {
		all = append(all, t.day(day, 0.95-0.14*float64(day), collections.WorkOrderStatusScheduled)...)
	}
	for day := -1; len(all) < n; day-- {
		past := t.day(day, 0.92, collections.WorkOrderStatusCompleted)
		for i := range past {
			switch {
			case day >= -2 && i == 0: // nobody came, and nobody has noticed yet
				past[i].status = collections.WorkOrderStatusScheduled
			case t.chance(cancelledShare):
				past[i].status = collections.WorkOrderStatusCancelled
			}
		}
		all = append(all, past...)
	}
	return all[:n]
}

// day plans one day, counted from today, of which the technicians fill a share.
func (t timeline) day(offset int, share float64, status string) []visit {
	opening := t.clock(offset, dayStart)
	if weekday := opening.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
		share *= 0.22 // the emergency service
	}

	var planned []visit
	for technician := range t.technicians {
		for _, v := range t.forward(technician, opening, t.clock(offset, dayEnd), status) {
			if t.chance(share) {
				planned = append(planned, v)
			}
		}
	}
	return planned
}

// today is the day of one technician: what is done, what happens now, what
// comes. Something happens at any hour, so that the board lives at night too.
func (t timeline) today(technician int) []visit {
	current := visit{technician: technician, job: oneOf(t.dice, t.jobs), status: collections.WorkOrderStatusOnSite}
	switch technician % 5 {
	case 1, 4:
		current.status = collections.WorkOrderStatusEnRoute
		current.start = t.now.Add(t.span(6*time.Minute, 35*time.Minute))
	case 3:
		current.status = collections.WorkOrderStatusScheduled
		current.start = t.now.Add(t.span(45*time.Minute, 2*time.Hour))
	default:
		current.start = t.now.Add(-t.span(20*time.Minute, 50*time.Minute))
	}
	current.start = current.start.Truncate(5 * time.Minute)
	current.end = current.start.Add(t.length(current.job))

	day := []visit{current}
	if current.status != collections.WorkOrderStatusScheduled {
		next := current.end.Add(t.span(travelMin, travelMax))
		if opening := t.clock(0, dayStart); next.Before(opening) {
			next = opening
		}
		day = append(day, t.forward(technician, next, t.clock(0, dayEnd), collections.WorkOrderStatusScheduled)...)
	}
	return append(day, t.backward(technician, current.start)...)
}

// forward fills the time from..until with visits, one after the other.
func (t timeline) forward(technician int, from, until time.Time, status string) []visit {
	var planned []visit
	start := from.Add(t.span(0, 30*time.Minute)).Truncate(5 * time.Minute)
	for {
		v := visit{technician: technician, job: oneOf(t.dice, t.jobs), start: start, status: status}
		v.end = start.Add(t.length(v.job))
		if v.end.After(until) {
			return planned
		}
		planned = append(planned, v)
		start = v.end.Add(t.span(travelMin, travelMax)).Truncate(5 * time.Minute).Add(5 * time.Minute)
	}
}

// backward fills today's hours before a visit with finished ones.
func (t timeline) backward(technician int, before time.Time) []visit {
	var done []visit
	if latest := t.now.Add(-10 * time.Minute); before.After(latest) {
		before = latest
	}
	if closing := t.clock(0, dayEnd); before.After(closing) {
		before = closing
	}
	for {
		v := visit{technician: technician, job: oneOf(t.dice, t.jobs), status: collections.WorkOrderStatusCompleted}
		v.end = before.Add(-t.span(travelMin, travelMax))
		v.start = v.end.Add(-t.length(v.job)).Truncate(5 * time.Minute)
		v.end = v.start.Add(v.end.Sub(v.start).Truncate(5 * time.Minute))
		if v.start.Before(t.clock(0, dayStart)) {
			return done
		}
		if t.chance(cancelledShare) {
			v.status = collections.WorkOrderStatusCancelled
		}
		done = append(done, v)
		before = v.start
	}
}

// clock is a time of day, as many days from today, where the organization is.
func (t timeline) clock(days int, at time.Duration) time.Time {
	local := t.now.In(t.zone)
	return time.Date(local.Year(), local.Month(), local.Day()+days, int(at.Hours()), int(at.Minutes())%60, 0, 0, t.zone)
}

// length is how long a visit for the job is planned, in steps of five minutes.
func (t timeline) length(j job) time.Duration {
	minutes := j.shortest + t.IntN(j.longest-j.shortest+1)
	return (time.Duration(minutes) * time.Minute).Truncate(5 * time.Minute)
}
