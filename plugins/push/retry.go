package push

import (
	"math/rand/v2"
	"time"
)

const (
	firstPause, maxPause = 5 * time.Second, 30 * time.Minute
	firstProbe, maxProbe = time.Minute, time.Hour
)

// backoff is the default of [Config.Backoff]: 5 s, 10 s, 20 s … 30 min.
func backoff(attempts int) time.Duration {
	d := doubled(firstPause, maxPause, attempts)
	return d + rand.N(d/5) //nolint:gosec // spreads the retries, guards nothing
}

// probePause is the default of [Config.Probe]: 1 min, 2 min, 4 min … 1 h.
func probePause(times int) time.Duration { return doubled(firstProbe, maxProbe, times) }

// doubled is first for the first time, and twice as long each time up to most.
func doubled(first, most time.Duration, times int) time.Duration {
	return min(first<<min(max(times-1, 0), 20), most)
}
