package jobs

import (
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/tools/cron"
)

// horizon is how far ahead a schedule is looked for: February 29th comes at least
// every eight years.
const horizon = 9 * 366 * 24 * time.Hour

// errNever is returned for an expression such as February 30th.
var errNever = errors.New("the cron expression never comes due")

// times finds the times of a cron expression in a time zone.
type times struct {
	expression *cron.Schedule
	zone       *time.Location
}

func parseCron(s Schedule) (times, error) {
	expression, err := cron.NewSchedule(s.Cron)
	if err != nil {
		return times{}, fmt.Errorf("read Cron %q: %w", s.Cron, err)
	}
	return times{expression, s.Zone}, nil
}

// after returns the first time after t. It compares what clocks on the wall show:
// a time that daylight saving skips does not come that day, one that it repeats
// comes twice.
func (s times) after(t time.Time) (time.Time, error) {
	next := t.In(s.zone).Truncate(time.Minute).Add(time.Minute)
	for end := t.Add(horizon); next.Before(end); {
		m := cron.NewMoment(next)
		switch {
		case s.expression.IsDue(m):
			return next, nil
		case !s.onDay(m):
			y, month, day := next.Date()
			midnight := time.Date(y, month, day+1, 0, 0, 0, 0, s.zone)
			if !midnight.After(next) { // where daylight saving begins at midnight
				midnight = next.Add(time.Minute)
			}
			next = midnight
		default:
			next = next.Add(time.Minute)
		}
	}
	return time.Time{}, errNever
}

// onDay tells whether the expression has times on the day at all.
func (s times) onDay(m *cron.Moment) bool {
	_, day := s.expression.Days[m.Day]
	_, weekday := s.expression.DaysOfWeek[m.DayOfWeek]
	_, month := s.expression.Months[m.Month]
	return day && weekday && month
}
