package filterguard

import (
	"regexp"
	"slices"
	"sync"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// listPath is the path of a list in the document.
var listPath = regexp.MustCompile(`^/api/collections/([^/{}]+)/records$`)

// The names of answers in the document.
const (
	listRefused      = "ListRefused"
	subscribeRefused = "SubscribeRefused"
)

// describe tells of the refusals, where there can be any.
func (c Config) describe(app core.App) {
	reach := &reach{config: c}
	apidoc.Of(app).AddRule(apidoc.Rule{
		ID: registered,
		Components: func(all *apidoc.Components) {
			general := all.Responses["BadRequest"]
			list, subscribe := general, general
			list.Description += "\n\n- `data.filter.code` is `" + CodeFilter + "` if an operator without a question mark compares a path through records that the caller may not see all of.\n" +
				"- `data.sort.code` is `" + CodeSort + "` if the list is sorted by addresses of which some are hidden.\n\nSuperusers are not refused."
			subscribe.Description += "\n\n- `data.subscriptions.N.code` is `" + CodeFilter + "` if the filter of the topic at this place, from 0, " +
				"compares a path through records that the caller may not see all of, by an operator without a question mark.\n\nSuperusers are not refused."
			all.Responses[listRefused], all.Responses[subscribeRefused] = list, subscribe
		},
		Apply: func(method, path string, op *apidoc.Operation) {
			if method == "POST" && path == "/api/realtime" {
				op.Responses["400"] = apidoc.Response{Ref: "#/components/responses/" + subscribeRefused}
				return
			}
			list := listPath.FindStringSubmatch(path)
			if list == nil || method != "GET" {
				return
			}
			collection, err := app.FindCachedCollectionByNameOrId(list[1])
			if err == nil && collection.ListRule != nil && reach.has(app, collection) {
				op.Responses["400"] = apidoc.Response{Ref: "#/components/responses/" + listRefused}
			}
		},
	})
}

// reach knows from which collections a path can come by a guarded one.
type reach struct {
	config Config

	mu  sync.Mutex
	of  []*core.Collection // as they were when near was found out
	all map[string]bool    // by id
}

func (r *reach) has(app core.App, collection *core.Collection) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	collections, _ := app.Store().Get(core.StoreKeyCachedCollections).([]*core.Collection)
	if !slices.Equal(r.of, collections) {
		r.of, r.all = collections, r.config.reachOf(collections)
	}
	return r.all[collection.Id]
}

// reachOf follows relations, which paths go along in both directions, from guarded
// collections that have some, or addresses.
func (c Config) reachOf(collections []*core.Collection) map[string]bool {
	beside := map[string][]string{}
	for _, from := range collections {
		for _, field := range from.Fields {
			if relation, ok := field.(*core.RelationField); ok {
				beside[from.Id] = append(beside[from.Id], relation.CollectionId)
				beside[relation.CollectionId] = append(beside[relation.CollectionId], from.Id)
			}
		}
	}
	reached := map[string]bool{}
	var next []string
	for _, from := range collections {
		if c.guards(from) && (from.IsAuth() || len(beside[from.Id]) > 0) {
			next = append(next, from.Id)
		}
	}
	for len(next) > 0 {
		id := next[0]
		next = next[1:]
		if !reached[id] {
			reached[id] = true
			next = append(next, beside[id]...)
		}
	}
	return reached
}
