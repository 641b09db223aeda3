package fastlane

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// query runs a query of a write within its transaction.
func (t *transaction) query(w *write, s *statement, v *values, timeout time.Duration, use func(columns []string, row []sqlite.Value) error) Reason {
	var ok bool
	if w.asked, ok = s.with(w.asked[:0], v); !ok {
		return ReasonPattern
	}
	started := time.Now()
	q := sqlite.Query{Text: s.text, Steady: true, Arguments: w.asked, Timeout: timeout} // a row, or whether there is one
	if sqlite.RowsOn(t.raw, q, use) != nil {
		if timeout > 0 && time.Since(started) >= timeout {
			w.plan.slowUntil.Store(time.Now().Add(slowFor).UnixNano())
		}
		return ReasonRead
	}
	return ""
}

const (
	// longestHeld is how long a query of a write takes. PocketBase asks rules by other
	// connections; here all who write wait meanwhile.
	longestHeld = 50 * time.Millisecond

	// slowFor is how long writes of a kind are left to PocketBase after one of them
	// has taken longer.
	slowFor = 10 * time.Second
)

// slow tells whether a query took too long a moment ago.
func (p *plan) slow() bool {
	until := p.slowUntil.Load()
	return until != 0 && time.Now().UnixNano() < until
}

// found tells whether a query has a row.
func (t *transaction) found(w *write, s *statement, v *values, timeout time.Duration) (found bool, reason Reason) {
	reason = t.query(w, s, v, timeout, func([]string, []sqlite.Value) error {
		found = true
		return nil
	})
	return found, reason
}

// passed tells whether a new record may be, by the rule. One that speaks of nothing but
// the caller is asked once in a transaction.
func (t *transaction) passed(w *write, v *values) (passed bool, reason Reason) {
	of := w.plan.writing
	who := caller{of.check, v.callerID}
	if passed, known := t.callers[who]; known && of.fixed {
		return passed, ""
	}
	passed, reason = t.found(w, of.check, v, w.timeout())
	if of.fixed && reason == "" {
		if t.callers == nil {
			t.callers = map[caller]bool{}
		}
		t.callers[who] = passed
	}
	return passed, reason
}

// caller is one of whom a rule speaks.
type caller struct {
	rule *statement
	id   string
}

// read keeps the row of a query, in the order of the columns.
func (t *transaction) read(w *write, s *statement, v *values) (found bool, reason Reason) {
	names := w.plan.writing.names
	reason = t.query(w, s, v, w.timeout(), func(columns []string, row []sqlite.Value) error {
		found = true
		w.old = make([]driver.Value, len(names))
		for i, name := range names {
			at := indexFrom(columns, name, i)
			if at < 0 {
				return fmt.Errorf("fastlane: there is no column %s", name)
			}
			w.old[i] = kept(&row[at])
		}
		return nil
	})
	return found, reason
}

// kept is a value that outlives its row.
func kept(v *sqlite.Value) driver.Value {
	switch v.Type {
	case sqlite.Integer:
		return v.Integer
	case sqlite.Float:
		return v.Float
	case sqlite.Text:
		return strings.Clone(v.Text)
	case sqlite.Blob:
		return []byte(v.Text)
	}
	return nil
}

// indexFrom finds a name that is probably at a certain place.
func indexFrom(names []string, name string, at int) int {
	if at < len(names) && names[at] == name {
		return at
	}
	return slices.Index(names, name)
}

// change runs the statement of a write.
func (t *transaction) change(w *write, s *statement, v *values) Reason {
	var ok bool
	if w.asked, ok = s.with(w.asked[:0], v); !ok {
		return ReasonPattern
	}
	t.changed = true
	if sqlite.ExecOn(t.raw, s.text, w.asked) != nil {
		return ReasonConstraint
	}
	return ""
}
