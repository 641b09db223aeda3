package webhooks

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstPause = 5 * time.Second
	maxPause   = 4 * time.Hour
)

// backoff is the default of [Config.Backoff]: 5 s, 15 s, 45 s, 2 min, 7 min,
// 20 min, 1 h, 3 h, then 4 h.
func backoff(attempts int) time.Duration {
	d := firstPause
	for range attempts - 1 {
		d = min(d*3, maxPause)
		if d == maxPause {
			break
		}
	}
	return d + rand.N(d/5) //nolint:gosec // spreads the retries, guards nothing
}

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter returns how long the receiver asks to wait, 0 if it does not.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, min(time.Duration(seconds)*time.Second, maxRetryAfter))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter))
	}
	return 0
}
