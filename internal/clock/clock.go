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

// LongestLease is longer than any lease that plugins take. One that ends later was
// taken by a clock that has been set back since, and does not count: whoever took it
// may be gone, and the others would wait for years.
const LongestLease = 2 * time.Hour

// LongestPause is longer than any pause between two attempts at something. An attempt
// that is due later was put off by a clock that has been set back since.
const LongestPause = 31 * 24 * time.Hour

// System returns the clock of the machine.
func System() Clock {
	return system{}
}

type system struct{}

func (system) Now() time.Time { return time.Now() }
