package sqlite

import (
	"runtime"
	"time"
)

// turns bound how many queries run at the same time by [Rows]. More of them than there
// are processors are not done sooner, but each wants a connection: PocketBase keeps 15
// that nobody uses and closes the others, so that with more requests at a time most
// queries open a connection, with an empty cache and without any statement, and close it
// again. With 64 requests at a time that was two thirds to four fifths of their time.
type turns chan struct{}

// reading are the turns of this process, whatever database is read.
var reading = make(turns, min(max(6, 3*runtime.GOMAXPROCS(0)), 12))

// longestTurn is how long one waits at most: longer than for many queries of the usual
// length, so that they do not open connections all the same, and not for a long one.
const longestTurn = 100 * time.Millisecond

// take waits for a turn, and tells whether there is one to be given back: who has waited
// for long goes on without.
func (t turns) take() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
	}
	enough := time.NewTimer(longestTurn)
	defer enough.Stop()
	select {
	case t <- struct{}{}:
		return true
	case <-enough.C:
		return false
	}
}

// end gives back what take has returned.
func (t turns) end(taken bool) {
	if taken {
		<-t
	}
}
