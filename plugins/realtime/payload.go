package realtime

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/picker"
)

// The options of a subscription that decide what its events look like.
const (
	expandOption = "expand"
	fieldsOption = "fields"
	filterOption = "filter"
)

// payloadKey is all that the data of an event depends on.
type payloadKey struct {
	action         string
	fields, expand string
	visibility     visibility
	// caller and spec are set only where more than the visibility depends on who
	// listens how: for expanded records, whose rules may look at the options of the
	// subscription, and if a hook may do anything.
	caller *caller
	spec   *spec
}

// visibility is how much of a record somebody gets to see.
type visibility int

const (
	plain      visibility = iota
	withEmail             // also the email address
	everything            // also hidden fields
)

// eventData is the data of an event, in PocketBase's order.
type eventData struct {
	Record any    `json:"record"`
	Action string `json:"action"`
}

// payload returns the data of an event for a caller.
func (p *Plugin) payload(ctx context.Context, ev *event, action string, who *caller, s *spec) ([]byte, error) {
	key := payloadKey{action: action, fields: s.options.Query[fieldsOption], expand: s.options.Query[expandOption]}
	if action == actionLeave {
		return p.leavePayload(ev, payloadKey{action: action})
	}
	key.visibility = p.visibility(ctx, ev, who, s)
	if key.expand != "" || p.isEnriched(ev.collection) {
		key.caller, key.spec = who, s
	}
	if data, ok := ev.payloads[key]; ok {
		return data, nil
	}
	data, err := p.serialise(ev, key, who, s)
	if err != nil {
		return nil, err
	}
	ev.payloads[key] = data
	return data, nil
}

// isEnriched tells whether a hook may change records of the collection for each
// caller in another way. A hook does not tell which collections it is bound to.
func (p *Plugin) isEnriched(collection *core.Collection) bool {
	if p.config.Enriched == nil {
		return p.app.OnRecordEnrich().Length() > 0
	}
	return slices.Contains(p.config.Enriched, collection.Name) || slices.Contains(p.config.Enriched, collection.Id)
}

// leavePayload is the data of the event for a record that somebody may no longer
// see: nothing but what it is.
func (p *Plugin) leavePayload(ev *event, key payloadKey) ([]byte, error) {
	if data, ok := ev.payloads[key]; ok {
		return data, nil
	}
	data, err := json.Marshal(eventData{Action: actionLeave, Record: map[string]any{
		core.FieldNameId: ev.change.Record, core.FieldNameCollectionId: ev.collection.Id, core.FieldNameCollectionName: ev.collection.Name,
	}})
	ev.payloads[key] = data
	return data, err
}

// subject is the row that the event shows.
func (ev *event) subject() *image {
	if ev.after != nil {
		return ev.after
	}
	return ev.before
}

// visibility tells how much of the record of an event the caller gets to see.
func (p *Plugin) visibility(ctx context.Context, ev *event, who *caller, s *spec) visibility {
	if who.superuser() {
		return everything
	}
	if !ev.collection.IsAuth() {
		return plain
	}
	if who.collection == ev.collection.Id && who.id == ev.change.Record {
		return withEmail
	}
	if ev.collection.ManageRule == nil {
		return plain
	}
	gate := p.access(ev.collection, ev.collection.ManageRule, s)
	if p.allowed(ctx, gate, ev, ev.subject(), []*caller{who})[who] {
		return withEmail
	}
	return plain
}

// serialise makes the data of an event, as PocketBase does.
func (p *Plugin) serialise(ev *event, key payloadKey, who *caller, s *spec) ([]byte, error) {
	p.stats.serialisations.Add(1)
	loaded, err := ev.subject().load()
	if err != nil {
		return nil, err
	}
	record := loaded.Fresh()
	if key.visibility == everything {
		record.Unhide(ev.collection.Fields.FieldNames()...)
	}
	info := requestInfo(s.options, who.record.Load())
	err = p.enrich(info, []*core.Record{record}, func() {
		if key.expand != "" {
			failed := p.app.ExpandRecord(record, strings.Split(key.expand, ","), p.expandFetch(info))
			if len(failed) > 0 {
				p.app.Logger().Debug("A realtime event could not be expanded.", slog.String("subscription", s.raw), slog.Any("errors", failed))
			}
		}
		if key.visibility != plain && ev.collection.IsAuth() {
			record.IgnoreEmailVisibility(true)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("enrich: %w", err)
	}
	data := eventData{Action: key.action, Record: record}
	if key.fields != "" {
		if picked, err := picker.Pick(record, key.fields); err == nil {
			data.Record = picked
		}
	}
	return json.Marshal(data)
}
