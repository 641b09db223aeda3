package fastlane

import (
	"bytes"
	"sync"
)

// mostOfRelatives is how many bytes of related records are kept.
const mostOfRelatives = 8 << 20

// relatives are related records as answers have them, of one state of the database. Many
// records are related to few, like posts to their authors: while nobody writes, these are
// read once. With the first commit of anybody, in this process or another, they are
// read again.
type relatives struct {
	mu    sync.RWMutex
	at    moment              // as of which they were read
	next  moment              // as of which somebody has asked for some since
	rows  map[relative][]byte // nil for one that is not there or not for the caller
	bytes int

	limit    int  // of bytes
	anyState bool // an ablation: the state is not looked at
}

// of tells whether they are those of a moment.
func (r *relatives) of(now moment) bool { return r.at == now || r.anyState && r.rows != nil }

// relative is a related record as one caller sees it.
type relative struct {
	plan   *plan  // of one such record
	caller string // "" if it is the same for all
	id     string
}

// relativeOf is all of it but the id.
func relativeOf(p *plan, callerID string) relative {
	if !p.personal {
		callerID = ""
	}
	return relative{plan: p, caller: callerID}
}

// are tells whether they may be used and added to in a state. In a new one they are only
// when it is asked for again: while there are many writes, keeping them is for nothing.
func (r *relatives) are(now moment) bool {
	if !now.state.Known() {
		return false
	}
	r.mu.RLock()
	same := r.of(now)
	r.mu.RUnlock()
	if same {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next != now {
		r.next = now
		return r.of(now)
	}
	r.at, r.rows, r.bytes = now, map[relative][]byte{}, 0
	return true
}

// find fills in those of the wanted records that are known in the state, and returns the
// ids of the others.
func (r *relatives) find(now moment, of relative, into *wanted) (others []string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.of(now) {
		return into.ids
	}
	for at, id := range into.ids {
		of.id = id
		if row, known := r.rows[of]; known {
			into.found[at] = row
		} else {
			others = append(others, id)
		}
	}
	return others
}

// keep adds records that were read while the database was in that state, and such that
// are not there or not for the caller.
func (r *relatives) keep(now moment, of relative, ids []string, from *wanted) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.of(now) {
		return
	}
	for _, id := range ids {
		of.id = id
		if _, known := r.rows[of]; known {
			continue
		}
		row := bytes.Clone(from.found[from.place[id]])
		r.rows[of] = row
		r.bytes += sizeOfRelative(of, row)
	}
	for of, row := range r.rows { // whichever comes
		if r.bytes <= r.limit {
			return
		}
		delete(r.rows, of)
		r.bytes -= sizeOfRelative(of, row)
	}
}

// sizeOfRelative is about how many bytes keeping a record takes.
func sizeOfRelative(of relative, row []byte) int {
	const entry = 128 // of the map
	return entry + len(of.id) + len(of.caller) + len(row)
}
