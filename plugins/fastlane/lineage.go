package fastlane

import (
	"sync"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// mostStates is how many states are kept. Then they begin anew, and who asks by an old
// one reads the caller's row once more.
const mostStates = 1024

// lineage is the states of a database between which nobody but the lane has written. The
// lane writes to no collection of accounts, so whoever was signed in in one of them is
// in all. It ends with the first write that somebody else makes, in this process or
// another: that makes a state which no transaction of the lane has left.
type lineage struct {
	mu     sync.RWMutex
	last   sqlite.State
	states map[sqlite.State]struct{}
}

// grow adds the state that a transaction of the lane has left to the one that it found.
func (l *lineage) grow(found, left sqlite.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if unknown := (sqlite.State{}); found == unknown || left == unknown {
		l.states, l.last = nil, unknown
		return
	}
	if l.states == nil || found != l.last || len(l.states) >= mostStates {
		l.states = map[sqlite.State]struct{}{found: {}}
	}
	l.states[left], l.last = struct{}{}, left
}

// has tells whether both are states of it.
func (l *lineage) has(one, other sqlite.State) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if _, ok := l.states[one]; !ok {
		return false
	}
	_, ok := l.states[other]
	return ok
}
