package hooks

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const (
	// invitationsPerHour bounds how many mails one person has sent to addresses
	// of their choice.
	invitationsPerHour = 30

	// Each export holds a connection of the database for as long as its client
	// takes to read it.
	exportsAtOnce                = 4
	exportsAtOnceForOrganization = 1
)

// quota counts uses by key within the current hour of the clock.
type quota struct {
	limit int

	mutex sync.Mutex
	hour  time.Time
	used  map[string]int
}

// take counts a use at the time now. Once the key has used up its limit it
// returns false and how long it is until the next hour.
func (q *quota) take(key string, now time.Time) (wait time.Duration, ok bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if hour := now.Truncate(time.Hour); !hour.Equal(q.hour) {
		q.hour, q.used = hour, map[string]int{}
	}
	if q.used[key] >= q.limit {
		return q.hour.Add(time.Hour).Sub(now), false
	}
	q.used[key]++
	return 0, true
}

// slots bounds how much runs at once, in all and by key.
type slots struct {
	total, each int

	mutex   sync.Mutex
	taken   int
	byOwner map[string]int
}

// take takes a slot for the key, to be given back once by release.
func (s *slots) take(key string) (release func(), ok bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.taken >= s.total || s.byOwner[key] >= s.each {
		return nil, false
	}
	if s.byOwner == nil {
		s.byOwner = map[string]int{}
	}
	s.taken++
	s.byOwner[key]++
	return func() {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.taken--
		if s.byOwner[key]--; s.byOwner[key] == 0 {
			delete(s.byOwner, key)
		}
	}, true
}

// tooMany refuses what can be tried again after the time.
func tooMany(e *core.RequestEvent, code, message string, wait time.Duration) error {
	e.Response.Header().Set("Retry-After", strconv.Itoa(max(1, int(wait.Seconds()+0.999))))
	return refusal(http.StatusTooManyRequests, code, message)
}
