package push

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// newEvent reads the rows of a change, and the names of the fields that differ.
func newEvent(app core.App, c *core.Collection, change changes.Change) (Event, []string, error) {
	e := Event{App: app, Action: ActionUpdate, At: change.At, Actor: User{Collection: change.ActorCollection, ID: change.Actor}}
	before, old, err := newRecord(c, change.Before)
	if err != nil {
		return e, nil, err
	}
	after, record, err := newRecord(c, change.After)
	if err != nil {
		return e, nil, err
	}
	switch {
	case old == nil && record == nil:
		return e, nil, fmt.Errorf("change %d of %s has no rows", change.Seq, c.Name)
	case old == nil:
		e.Action, e.Record = ActionCreate, record
	case record == nil:
		e.Action, e.Record = ActionDelete, old
	default:
		e.Record, e.Old = record, old
	}
	var changed []string
	for _, f := range c.Fields {
		if !bytes.Equal(before[f.GetName()], after[f.GetName()]) {
			changed = append(changed, f.GetName())
		}
	}
	return e, changed, nil
}

// newRecord returns a row of the log as a record, as if it had been read from its
// table, and its columns. Both are nil for a row that was not there.
func newRecord(c *core.Collection, raw json.RawMessage) (map[string]json.RawMessage, *core.Record, error) {
	if raw == nil {
		return nil, nil, nil
	}
	columns := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &columns); err != nil {
		return nil, nil, fmt.Errorf("decode a row of %s: %w", c.Name, err)
	}
	record := core.NewRecord(c)
	for _, f := range c.Fields {
		name := f.GetName()
		stored, err := scalar(columns[name])
		if err != nil {
			return nil, nil, fmt.Errorf("decode column %s.%s: %w", c.Name, name, err)
		}
		value, err := f.PrepareValue(record, stored)
		if err != nil {
			return nil, nil, fmt.Errorf("read column %s.%s: %w", c.Name, name, err)
		}
		record.SetRaw(name, value)
		if name == core.FieldNameId {
			record.Id, _ = value.(string)
		}
	}
	if err := record.PostScan(); err != nil {
		return nil, nil, fmt.Errorf("load a record of %s: %w", c.Name, err)
	}
	return columns, record, nil
}

// scalar returns a column's value as fields take it: a text or nil.
func scalar(raw json.RawMessage) (any, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil //nolint:nilnil // NULL
	}
	if raw[0] != '"' {
		return string(raw), nil // a number
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err
}
