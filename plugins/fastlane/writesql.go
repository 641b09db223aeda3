package fastlane

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
)

// query runs a query of a write within its transaction.
func (t *transaction) query(w *write, s *statement, v *values, use func(columns []string) error) Reason {
	var ok bool
	if w.buffer.arguments, ok = s.bind(w.buffer.arguments[:0], v); !ok {
		return ReasonPattern
	}
	ctx := context.Background()
	if !w.plan.bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.plugin.config.QueryTimeout)
		defer cancel()
	}
	if queryOn(ctx, t.queryer, s.text, &w.buffer, use) != nil {
		return ReasonRead
	}
	return ""
}

// found tells whether a query has a row.
func (t *transaction) found(w *write, s *statement, v *values) (found bool, reason Reason) {
	reason = t.query(w, s, v, func([]string) error {
		found = true
		return nil
	})
	return found, reason
}

// read keeps the row of a query, in the order of the columns.
func (t *transaction) read(w *write, s *statement, v *values) (found bool, reason Reason) {
	names := w.plan.writing.names
	reason = t.query(w, s, v, func(columns []string) error {
		found = true
		w.old = make([]driver.Value, len(names))
		for i, name := range names {
			at := indexFrom(columns, name, i)
			if at < 0 {
				return fmt.Errorf("fastlane: there is no column %s", name)
			}
			w.old[i] = w.buffer.row[at]
		}
		return nil
	})
	return found, reason
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
	if w.buffer.arguments, ok = s.bind(w.buffer.arguments[:0], v); !ok {
		return ReasonPattern
	}
	if _, err := t.execer.ExecContext(context.Background(), s.text, w.buffer.arguments); err != nil {
		return ReasonConstraint
	}
	return ""
}
