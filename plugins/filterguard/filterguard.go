// Package filterguard refuses the filters and sorts of record lists, and the
// filters of realtime subscriptions, that would tell clients of records and
// addresses which the rules keep from them.
//
//	filterguard.MustRegister(app, filterguard.Config{})
//
// PocketBase lets a list be filtered through relations and applies the list rule
// of each collection on the way, but only to the one related record that makes a
// match. An operator without a question mark speaks of all related records, and
// those it compares whether the client may list them or not:
//
//	memberships_via_user.organization.name !~ "Acme%"
//
// finds a colleague unless some organization of theirs, of which the client
// should know nothing, begins with Acme; letter by letter that tells its name.
// The plugin answers such a filter with 400 and says to use ?!~ instead, which
// PocketBase answers from visible records alone. It leaves alone what passes only
// through collections whose list rule admits everybody.
//
// Likewise a list that is sorted by email puts the addresses that their owners
// keep hidden in order, between addresses that a client knows, so that is refused
// as well.
//
// A subscription may have a filter too, in the options of its topic, which
// PocketBase applies to each record that changes. It is held to the same.
//
// Superusers see everything and may ask everything. Rules themselves are not
// concerned.
package filterguard

import (
	"errors"
	"strconv"
	"strings"

	"github.com/ganigeorgiev/fexpr"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// Config says what is guarded. The zero value guards every collection.
type Config struct {
	// Collections are the names of the collections whose records are guarded: a
	// path is looked at when it starts at one of them, passes through one, or
	// ends there, whichever collection is listed. What never comes near one is
	// answered as PocketBase does. Defaults to all.
	Collections []string
}

// Validate reports everything that is wrong with the config: nothing.
func (Config) Validate() error { return nil }

// Plugin is the registered guard.
type Plugin struct{}

// The codes of refusals: at the field "filter" or "sort" of the answer, or below
// "subscriptions" at the index of the topic.
const (
	CodeFilter = "validation_filter_not_allowed"
	CodeSort   = "validation_sort_not_allowed"
)

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// registered marks an app that has the plugin.
const registered = "holdallFilterguard"

// Register binds the guard to app. It fails on an app that has it already.
func Register(app core.App, config Config) (*Plugin, error) {
	if app.Store().Has(registered) {
		return nil, errors.New("filterguard: the app has it already")
	}
	app.Store().Set(registered, true)

	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallFilterguardServe",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "holdallFilterguard", Func: config.guardList})
			return e.Next()
		},
	})
	config.describe(app)
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id:       "holdallFilterguardSubscribe",
		Func:     config.guardSubscriptions,
		Priority: 999, // last, to see the topics as others have left them
	})
	return &Plugin{}, nil
}

// listPattern is the route of PocketBase that lists records, to which HEAD
// requests come too.
const listPattern = "GET /api/collections/{collection}/records"

// guardList refuses a list before PocketBase makes a query for it, so that not even
// the time that the query takes tells anything.
func (c Config) guardList(e *core.RequestEvent) error {
	if e.Request.Pattern != listPattern || e.HasSuperuserAuth() {
		return e.Next()
	}
	// as PocketBase reads them: of a repeated parameter the first
	query := e.Request.URL.Query()
	filter, sort := query.Get(search.FilterQueryParam), query.Get(search.SortQueryParam)
	if filter == "" && sort == "" {
		return e.Next()
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil {
		return e.Next() // which answers 404
	}

	problems := validation.Errors{}
	if path := c.leakingFilter(e.App, collection, filter); path != "" {
		problems[search.FilterQueryParam] = filterError(path)
	}
	if path := c.leakingSort(e.App, collection, sort); path != "" {
		problems[search.SortQueryParam] = validation.NewError(CodeSort,
			"The list cannot be sorted by "+path+", as some addresses in it are hidden.")
	}
	if len(problems) > 0 {
		return e.BadRequestError("The list cannot be asked for in this way.", problems)
	}
	return e.Next()
}

// guardSubscriptions refuses all subscriptions of a request when one of them
// has a filter that leaks, as PocketBase takes all of them or none.
func (c Config) guardSubscriptions(e *core.RealtimeSubscribeRequestEvent) error {
	if e.HasSuperuserAuth() {
		return e.Next()
	}
	problems := validation.Errors{}
	for i, topic := range e.Subscriptions {
		filter := filterOf(topic)
		if filter == "" {
			continue
		}
		// such as "notes/*", "notes/RECORD" and, of old, "notes"
		name, _, _ := strings.Cut(topic, "?")
		name, _, _ = strings.Cut(name, "/")
		collection, err := e.App.FindCachedCollectionByNameOrId(name)
		if err != nil {
			continue // a topic of the app's own
		}
		if path := c.leakingFilter(e.App, collection, filter); path != "" {
			problems[strconv.Itoa(i)] = filterError(path)
		}
	}
	if len(problems) > 0 {
		return e.BadRequestError("The changes cannot be asked for in this way.", validation.Errors{"subscriptions": problems})
	}
	return e.Next()
}

// filterOf is the filter in the options of a topic, as PocketBase reads it.
func filterOf(topic string) string {
	if !strings.Contains(topic, "?") {
		return "" // the usual case
	}
	reader := subscriptions.NewDefaultClient()
	reader.Subscribe(topic)
	return reader.Subscriptions()[topic].Query[search.FilterQueryParam]
}

func filterError(path string) error {
	return validation.NewError(CodeFilter,
		"Use an operator with a question mark, such as ?=, to compare "+path+". The others speak of all related records, also those that you may not see.")
}

// leakingFilter returns the first path in the filter that must not be compared
// as it is, "" if there is none. What does not parse leaks nothing.
func (c Config) leakingFilter(app core.App, collection *core.Collection, filter string) string {
	groups, err := fexpr.Parse(filter)
	if err != nil {
		return ""
	}
	return c.leakingGroup(app, collection, groups)
}

func (c Config) leakingGroup(app core.App, collection *core.Collection, groups []fexpr.ExprGroup) string {
	for _, group := range groups {
		path := ""
		switch item := group.Item.(type) {
		case fexpr.Expr:
			if !strings.HasPrefix(string(item.Op), "?") {
				path = c.leakingOperand(app, collection, item.Left, item.Right)
			}
		case fexpr.ExprGroup:
			path = c.leakingGroup(app, collection, []fexpr.ExprGroup{item})
		case []fexpr.ExprGroup:
			path = c.leakingGroup(app, collection, item)
		}
		if path != "" {
			return path
		}
	}
	return ""
}

// leakingOperand looks at names, and into the arguments of functions.
func (c Config) leakingOperand(app core.App, collection *core.Collection, operands ...fexpr.Token) string {
	for _, operand := range operands {
		switch operand.Type {
		case fexpr.TokenIdentifier:
			if c.follow(app, collection, operand.Literal).leaks {
				return operand.Literal
			}
		case fexpr.TokenFunction:
			arguments, _ := operand.Meta.([]fexpr.Token)
			if path := c.leakingOperand(app, collection, arguments...); path != "" {
				return path
			}
		}
	}
	return ""
}

// leakingSort returns the first path in the sort that ends at an address, "" if
// there is none.
func (c Config) leakingSort(app core.App, collection *core.Collection, sort string) string {
	if sort == "" {
		return ""
	}
	for _, field := range search.ParseSortFromString(sort) {
		end := c.follow(app, collection, field.Name)
		if end.guarded && end.collection != nil && end.collection.IsAuth() && end.field == core.FieldNameEmail {
			return field.Name
		}
	}
	return ""
}
