package webhooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// event is a change on its way to the endpoints.
type event struct {
	change        changes.Change
	collection    *core.Collection
	action        string
	before, after *row // nil where there was none
}

// newEvent reads the rows of a change.
func newEvent(c *core.Collection, change changes.Change) (*event, error) {
	ev := &event{change: change, collection: c, action: actionUpdate}
	var err error
	if ev.before, err = newRow(c, change.Before); err != nil {
		return nil, err
	}
	if ev.after, err = newRow(c, change.After); err != nil {
		return nil, err
	}
	switch {
	case ev.before == nil && ev.after == nil:
		return nil, fmt.Errorf("change %d of %s has no rows", change.Seq, c.Name)
	case ev.before == nil:
		ev.action = actionCreate
	case ev.after == nil:
		ev.action = actionDelete
	}
	return ev, nil
}

// id names the event for receivers, who see it again when it is sent again.
func (ev *event) id() string { return "evt_" + strconv.FormatInt(ev.change.Seq, 10) }

// subject is what the order of deliveries is kept of.
func (ev *event) subject() string { return ev.collection.Id + "/" + ev.change.Record }

// kind is the event's type in the payload.
func (ev *event) kind() string { return ev.collection.Name + "." + ev.action }

// Payload is what an endpoint is sent, in version 2026-11-01.
type Payload struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"` // such as "work_orders.update"
	Version   string    `json:"version"`
	Timestamp time.Time `json:"timestamp"` // of the change
	Data      Data      `json:"data"`
}

// Data is what happened to a record.
type Data struct {
	Collection string `json:"collection,omitempty"`
	Record     string `json:"record,omitempty"`
	Action     string `json:"action"` // create, update, delete or ping
	// Changed are the names of the fields that the change changed.
	Changed []string `json:"changed,omitempty"`
	// Before and After are the record, null where there was none.
	Before map[string]any `json:"before"`
	After  map[string]any `json:"after"`
	// Truncated tells that Before and After are left out for their size.
	Truncated bool `json:"truncated,omitempty"`
	// Actor made the change, if it was made by a request of somebody signed in.
	Actor *Actor `json:"actor,omitempty"`
	// Request is the id of the request that the change came from.
	Request string `json:"request,omitempty"`
	// Origin is "api", or what the program named, or empty for raw SQL.
	Origin string `json:"origin,omitempty"`
}

// Actor is an auth record.
type Actor struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
}

// payload returns what the endpoint is sent of the event, "" if nothing of it
// concerns the endpoint.
func (ev *event) payload(app core.App, e *endpoint, maxSize int) (string, error) {
	visible := ev.visible(e.fields())
	isVisible := func(name string) bool { return slices.Contains(visible, name) }
	names := slices.DeleteFunc(changed(ev.collection, ev.before, ev.after), func(name string) bool { return !isVisible(name) })
	if ev.action == actionUpdate && len(names) == 0 {
		return "", nil
	}
	before, err := export(ev.before, visible)
	if err != nil {
		return "", err
	}
	after, err := export(ev.after, visible)
	if err != nil {
		return "", err
	}
	content := Payload{
		ID: ev.id(), Type: ev.kind(), Version: e.version(), Timestamp: ev.change.At,
		Data: Data{
			Collection: ev.collection.Name, Record: ev.change.Record, Action: ev.action, Changed: names,
			Before: before, After: after, Actor: ev.actor(app), Request: ev.change.Request, Origin: ev.change.Origin,
		},
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encode: %w", err)
	}
	if len(encoded) <= maxSize {
		return string(encoded), nil
	}
	content.Data.Before, content.Data.After, content.Data.Truncated = nil, nil, true
	encoded, err = json.Marshal(content)
	return string(encoded), err
}

// visible are the names of the fields that are sent: those that are asked for, or
// all that are not hidden. The log has no passwords and token keys.
func (ev *event) visible(asked []string) []string {
	var names []string
	for _, f := range ev.collection.Fields {
		name := f.GetName()
		secret := f.Type() == core.FieldTypePassword || name == core.FieldNameTokenKey
		// email is hidden only from those who may not see it
		open := !f.GetHidden() || ev.collection.IsAuth() && name == core.FieldNameEmail
		if !secret && (len(asked) == 0 && open || slices.Contains(asked, name)) {
			names = append(names, name)
		}
	}
	return names
}

// export returns the fields of a row as the API shows them.
func export(r *row, names []string) (map[string]any, error) {
	if r == nil {
		return nil, nil //nolint:nilnil // null in the payload
	}
	record, err := r.record()
	if err != nil {
		return nil, err
	}
	fields := make(map[string]any, len(names))
	for _, name := range names {
		if _, logged := r.columns[name]; logged {
			fields[name] = record.Get(name)
		}
	}
	return fields, nil
}

func (ev *event) actor(app core.App) *Actor {
	if ev.change.Actor == "" {
		return nil
	}
	a := &Actor{Collection: ev.change.ActorCollection, ID: ev.change.Actor}
	if c, err := app.FindCachedCollectionByNameOrId(a.Collection); err == nil {
		a.Collection = c.Name
	}
	return a
}
