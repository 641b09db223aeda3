package realtime

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// event is a change on its way to the clients, with what was found out about it.
type event struct {
	change     changes.Change
	collection *core.Collection
	// before and after are nil where there was no row
	before, after *image
	payloads      map[payloadKey][]byte
	verdicts      map[verdictKey]map[*caller]bool
	deletion      *deletion // what was found out before the deletion
	troubles      map[*gate]*trouble
}

// image is a row at a moment of the past.
type image struct {
	collection *core.Collection
	raw        json.RawMessage
	columns    map[string]any // strings, json.Numbers and nil
	record     *core.Record   // made when it is needed
}

// newEvent reads the rows of a change. It returns nil if there is nothing left to
// tell: the collection is gone, or was changed in a way that the row cannot be
// read any more.
func (p *Plugin) newEvent(ctx context.Context, change changes.Change) (*event, error) {
	collection := p.collectionOf(change)
	if collection == nil {
		return nil, nil //nolint:nilnil // documented
	}
	ev := &event{change: change, collection: collection, payloads: map[payloadKey][]byte{}}
	var err error
	if ev.before, err = newImage(collection, change.Before); err != nil {
		return nil, err
	}
	if ev.after, err = newImage(collection, change.After); err != nil {
		return nil, err
	}
	if ev.after == nil {
		return ev, nil
	}
	if p.ablate.before && ev.before != nil {
		ev.before = ev.after
	}
	// Columns may have been renamed since. Then the row as it is now says more
	// than the row as it was.
	if missing := ev.after.missing(); missing {
		if ev.after, err = p.currentImage(ctx, collection, change.Record); err != nil || ev.after == nil {
			return nil, err
		}
	}
	return ev, nil
}

func newImage(collection *core.Collection, raw json.RawMessage) (*image, error) {
	if raw == nil {
		return nil, nil //nolint:nilnil // there was no row
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	img := &image{collection: collection, raw: raw}
	if err := decoder.Decode(&img.columns); err != nil {
		return nil, fmt.Errorf("decode a row of %s: %w", collection.Name, err)
	}
	return img, nil
}

// missing tells whether the row lacks a column that the collection has.
func (i *image) missing() bool {
	for _, f := range i.collection.Fields {
		if _, ok := i.columns[f.GetName()]; !ok && isLogged(f) {
			return true
		}
	}
	return false
}

// isLogged tells whether the log has the column.
func isLogged(f core.Field) bool {
	return f.Type() != core.FieldTypePassword && f.GetName() != core.FieldNameTokenKey
}

// currentImage is the row as it is now, nil if there is none.
func (p *Plugin) currentImage(ctx context.Context, collection *core.Collection, id string) (*image, error) {
	rows := []dbx.NullStringMap{}
	err := p.app.ConcurrentDB().Select().From(collection.Name).Where(dbx.HashExp{"id": id}).WithContext(ctx).All(&rows)
	if err != nil {
		return nil, fmt.Errorf("read a row of %s: %w", collection.Name, err)
	}
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // documented
	}
	columns := map[string]any{}
	for _, f := range collection.Fields {
		value := rows[0][f.GetName()]
		switch {
		case !isLogged(f):
		case !value.Valid:
			columns[f.GetName()] = nil
		case f.Type() == core.FieldTypeNumber:
			columns[f.GetName()] = json.Number(value.String)
		case f.Type() == core.FieldTypeBool:
			columns[f.GetName()] = json.Number("0")
			if value.String == "true" || value.String == "1" {
				columns[f.GetName()] = json.Number("1")
			}
		default:
			columns[f.GetName()] = value.String
		}
	}
	raw, err := json.Marshal(columns)
	if err != nil {
		return nil, fmt.Errorf("encode a row of %s: %w", collection.Name, err)
	}
	return &image{collection: collection, raw: raw, columns: columns}, nil
}

// load returns the row as a record, as if it had been read from its table.
func (i *image) load() (*core.Record, error) {
	if i.record != nil {
		return i.record, nil
	}
	record := core.NewRecord(i.collection)
	for _, f := range i.collection.Fields {
		name := f.GetName()
		var stored any
		switch v := i.columns[name].(type) {
		case string:
			stored = v
		case json.Number:
			stored = v.String()
		case nil:
		default:
			return nil, fmt.Errorf("column %s.%s holds a %T", i.collection.Name, name, v)
		}
		value, err := f.PrepareValue(record, stored)
		if err != nil {
			return nil, fmt.Errorf("read column %s.%s: %w", i.collection.Name, name, err)
		}
		record.SetRaw(name, value)
		if name == core.FieldNameId {
			record.Id, _ = value.(string)
		}
	}
	if err := record.PostScan(); err != nil {
		return nil, fmt.Errorf("load a record of %s: %w", i.collection.Name, err)
	}
	i.record = record
	return record, nil
}
