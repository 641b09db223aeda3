// Package clocktest has a clock that stands still until a test moves it.
package clocktest

import (
	"sync"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
)

// Clock is a [clock.Clock] that only moves by [Clock.Advance] and [Clock.Set].
// It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

var _ clock.Clock = (*Clock)(nil)

// New returns a clock that stands at now.
func New(now time.Time) *Clock {
	return &Clock{now: now}
}

// Now returns the time at which the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d, back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set moves the clock to now.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}
