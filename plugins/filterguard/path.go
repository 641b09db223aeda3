package filterguard

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// destination is where a path such as "site.work_orders_via_site.title" leads.
type destination struct {
	// collection and field are nil and "" when the path leads nowhere.
	collection *core.Collection
	field      string
	// guarded is set when the path comes by a collection of [Config.Collections].
	guarded bool
	// leaks is set when a guarded path leads to several records, some of which
	// a client may not be able to list.
	leaks bool
}

// follow goes along the path as PocketBase does. It stops where PocketBase would
// refuse the path.
func (c Config) follow(app core.App, from *core.Collection, path string) destination {
	names := strings.Split(path, ".")
	at, guarded := from, c.guards(from)
	several, hidden := false, false
	for _, name := range names[:len(names)-1] {
		next, many := step(app, at, name)
		if next == nil {
			return destination{guarded: guarded, leaks: guarded && hidden}
		}
		several = several || many
		hidden = hidden || several && !listedByAll(next)
		guarded = guarded || c.guards(next)
		at = next
	}
	field, _, _ := strings.Cut(names[len(names)-1], ":") // without a modifier
	return destination{collection: at, field: field, guarded: guarded, leaks: guarded && hidden}
}

func (c Config) guards(collection *core.Collection) bool {
	return len(c.Collections) == 0 || slices.Contains(c.Collections, collection.Name)
}

// backRelation is the name of a relation that is followed from its target.
var backRelation = regexp.MustCompile(`^(\w+)_via_(\w+)$`)

// step follows one relation. next is nil when name is none.
func step(app core.App, at *core.Collection, name string) (next *core.Collection, many bool) {
	if relation, ok := at.Fields.GetByName(name).(*core.RelationField); ok {
		next, err := app.FindCachedCollectionByNameOrId(relation.CollectionId)
		if err != nil {
			return nil, false
		}
		return next, relation.IsMultiple()
	}
	parts := backRelation.FindStringSubmatch(name)
	if parts == nil {
		return nil, false
	}
	next, err := app.FindCachedCollectionByNameOrId(parts[1])
	if err != nil {
		return nil, false
	}
	relation, ok := next.Fields.GetByName(parts[2]).(*core.RelationField)
	if !ok {
		return nil, false
	}
	_, single := dbutils.FindSingleColumnUniqueIndex(next.Indexes, relation.Name)
	return next, relation.IsMultiple() || !single
}

// listedByAll reports whether everybody may list all records.
func listedByAll(c *core.Collection) bool {
	return c.ListRule != nil && *c.ListRule == ""
}
