package webhooks

import (
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// endpoint is a record of the collection, as its fields have it.
type endpoint struct {
	core.BaseRecordProxy
}

func endpointOf(record *core.Record) *endpoint {
	e := &endpoint{}
	e.SetProxyRecord(record)
	return e
}

func (e *endpoint) name() string    { return e.GetString(fieldName) }
func (e *endpoint) url() string     { return e.GetString(fieldURL) }
func (e *endpoint) filter() string  { return e.GetString(fieldFilter) }
func (e *endpoint) version() string { return e.GetString(fieldVersion) }
func (e *endpoint) enabled() bool   { return e.GetBool(fieldEnabled) }

func (e *endpoint) disabledAt() time.Time { return e.GetDateTime(fieldDisabledAt).Time() }

// collections are the names or ids that are asked for, none for all.
func (e *endpoint) collections() []string { return e.list(fieldCollections) }

// fields are the names of what is sent of a record, none for all that is not hidden.
func (e *endpoint) fields() []string { return e.list(fieldFields) }

func (e *endpoint) list(field string) []string {
	list := []string{}
	if err := e.UnmarshalJSONField(field, &list); err != nil {
		return nil // refused by validation
	}
	return list
}

// wants tells whether the endpoint asks for an action on a collection.
func (e *endpoint) wants(c *core.Collection, action string) bool {
	if actions := e.GetStringSlice(fieldActions); len(actions) > 0 && !slices.Contains(actions, action) {
		return false
	}
	return e.wantsCollection(c)
}

func (e *endpoint) wantsCollection(c *core.Collection) bool {
	if !deliverable(c) {
		return false
	}
	wanted := e.collections()
	return len(wanted) == 0 || slices.Contains(wanted, c.Name) || slices.Contains(wanted, c.Id)
}

// deliverable tells whether changes of a collection may leave the server at all:
// those of PocketBase and of plugins hold secrets.
func deliverable(c *core.Collection) bool {
	return !c.IsView() && !c.System && c.Name[0] != '_'
}

// isBlank tells whether a JSON field has no value.
func isBlank(raw string) bool {
	return raw == "" || raw == "null" || raw == `""`
}

// endpoints returns the enabled ones.
func endpoints(app core.App) ([]*endpoint, error) {
	records, err := app.FindAllRecords(Collection, dbx.HashExp{fieldEnabled: true})
	if err != nil {
		return nil, fmt.Errorf("webhooks: list endpoints: %w", err)
	}
	list := make([]*endpoint, len(records))
	for i, r := range records {
		list[i] = endpointOf(r)
	}
	return list, nil
}

func findEndpoint(app core.App, id string) (*endpoint, error) {
	record, err := app.FindRecordById(Collection, id)
	if err != nil {
		return nil, fmt.Errorf("webhooks: find endpoint %s: %w", id, err)
	}
	return endpointOf(record), nil
}
