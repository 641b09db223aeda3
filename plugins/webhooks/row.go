package webhooks

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// row is a row of a collection at a moment of the past.
type row struct {
	collection *core.Collection
	raw        json.RawMessage
	columns    map[string]json.RawMessage
}

// newRow returns nil for a row that was not there.
func newRow(collection *core.Collection, raw json.RawMessage) (*row, error) {
	if raw == nil {
		return nil, nil //nolint:nilnil // documented
	}
	r := &row{collection: collection, raw: raw}
	if err := json.Unmarshal(raw, &r.columns); err != nil {
		return nil, fmt.Errorf("decode a row of %s: %w", collection.Name, err)
	}
	return r, nil
}

// record returns the row as a record, as if it had been read from its table.
func (r *row) record() (*core.Record, error) {
	record := core.NewRecord(r.collection)
	for _, f := range r.collection.Fields {
		name := f.GetName()
		stored, err := scalar(r.columns[name])
		if err != nil {
			return nil, fmt.Errorf("decode column %s.%s: %w", r.collection.Name, name, err)
		}
		value, err := f.PrepareValue(record, stored)
		if err != nil {
			return nil, fmt.Errorf("read column %s.%s: %w", r.collection.Name, name, err)
		}
		record.SetRaw(name, value)
		if name == core.FieldNameId {
			record.Id, _ = value.(string)
		}
	}
	if err := record.PostScan(); err != nil {
		return nil, fmt.Errorf("load a record of %s: %w", r.collection.Name, err)
	}
	return record, nil
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

// changed returns the names of the collection's fields in which two rows differ,
// in the order of the collection. Of a row that was not there all fields differ.
func changed(c *core.Collection, before, after *row) []string {
	names := []string{}
	for _, f := range c.Fields {
		name := f.GetName()
		if before == nil || after == nil || !bytes.Equal(before.columns[name], after.columns[name]) {
			names = append(names, name)
		}
	}
	return names
}
