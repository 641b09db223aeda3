package idempotency

import (
	"context"
	"sync"
	"time"
)

// identity is whose key it is, and the key.
type identity struct{ caller, key string }

// locks let one request at a time work on a key. They spare the database the
// contention within a process; between processes, and in the end, the primary
// key of the table decides.
type locks struct {
	mu   sync.Mutex
	held map[identity]chan struct{} // closed when it is given back
}

// acquire returns the function that gives the key back, or false when somebody
// else still has it after the time wait, or when ctx is done.
func (l *locks) acquire(ctx context.Context, id identity, wait time.Duration) (release func(), ok bool) {
	timer := time.NewTimer(max(0, wait))
	defer timer.Stop()
	for {
		taken, release := l.try(id)
		if release != nil {
			return release, true
		}
		select {
		case <-taken:
		case <-timer.C:
			return nil, false
		case <-ctx.Done():
			return nil, false
		}
	}
}

// try takes the key, or returns what is closed when it may be free again.
func (l *locks) try(id identity) (taken <-chan struct{}, release func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, busy := l.held[id]; busy {
		return other, nil
	}
	mine := make(chan struct{})
	l.held[id] = mine
	return nil, sync.OnceFunc(func() {
		l.mu.Lock()
		delete(l.held, id)
		l.mu.Unlock()
		close(mine)
	})
}
