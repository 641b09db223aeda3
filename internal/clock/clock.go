// Package clock lets code that depends on the time of day be tested without
// waiting: it takes a [Clock], the program passes [System], a test passes the
// fake of package clocktest.
package clock

import "time"

// Clock tells the time.
type Clock interface {
	// Now returns the current time, in any location.
	Now() time.Time
}

// System returns the clock of the machine.
func System() Clock {
	return system{}
}

type system struct{}

func (system) Now() time.Time { return time.Now() }
