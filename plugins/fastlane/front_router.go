package fastlane

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// ownPackage is what the functions of PocketBase's middlewares are named by.
const ownPackage = "github.com/pocketbase/pocketbase/apis"

// ownMiddleware is one of PocketBase's that runs before the records are read.
type ownMiddleware struct {
	id       string
	priority int
	function string // that makes it
	optional bool
}

// ownMiddlewares are all of them, in their order. The front placement does what they do.
var ownMiddlewares = []ownMiddleware{
	{apis.DefaultWWWRedirectMiddlewareId, apis.DefaultWWWRedirectMiddlewarePriority, "wwwRedirect", true},
	{apis.DefaultCorsMiddlewareId, apis.DefaultCorsMiddlewarePriority, "CORS", true},
	{apis.DefaultActivityLoggerMiddlewareId, apis.DefaultActivityLoggerMiddlewarePriority, "activityLogger", false},
	{apis.DefaultPanicRecoverMiddlewareId, apis.DefaultPanicRecoverMiddlewarePriority, "panicRecover", false},
	{apis.DefaultLoadAuthTokenMiddlewareId, apis.DefaultLoadAuthTokenMiddlewarePriority, "loadAuthToken", false},
	{apis.DefaultSuperuserIPsWhitelistMiddlewareId, apis.DefaultSuperuserIPsWhitelistMiddlewarePriority, "superuserIPsWhitelist", false},
	{apis.DefaultSecurityHeadersMiddlewareId, apis.DefaultSecurityHeadersMiddlewarePriority, "securityHeaders", false},
	{apis.DefaultBodyLimitMiddlewareId, apis.DefaultBodyLimitMiddlewarePriority, "BodyLimit", false},
}

// boundRoute is a route as the router's mux has it.
type boundRoute struct {
	pattern     string
	middlewares []boundMiddleware
}

type boundMiddleware struct {
	id       string
	priority int
	function string  // its name
	handler  uintptr // where it is, to know one's own
}

// checkRouter returns the middlewares of the records' routes, or why the router is not
// as PocketBase makes it there. Handlers in replaced are known to do what PocketBase's do.
func checkRouter(r *router.Router[*core.RequestEvent], replaced ...*hook.Handler[*core.RequestEvent]) (bound []boundMiddleware, problem string) {
	defer func() {
		if failed := recover(); failed != nil { // another version of PocketBase
			problem = fmt.Sprintf("The router cannot be read: %v.", failed)
		}
	}()
	whole := reflect.ValueOf(r).Elem()
	if made := functionName(whole.FieldByName("eventFactory")); !strings.HasPrefix(made, ownPackage+".") {
		return nil, fmt.Sprintf("Requests are made by %s.", made)
	}
	routes := readRoutes(nil, whole.FieldByName("RouterGroup").Elem(), nil)
	for _, pattern := range []string{viewPattern, listPattern} {
		if bound, problem = checkRoute(routes, pattern, replaced); problem != "" {
			return nil, problem
		}
	}
	return bound, "" // the same for both, as all are of the router or of the group
}

func checkRoute(routes []boundRoute, pattern string, replaced []*hook.Handler[*core.RequestEvent]) (bound []boundMiddleware, problem string) {
	for _, route := range routes {
		if route.pattern == pattern {
			bound = route.middlewares
			problem = checkMiddlewares(bound, replaced)
		} else if outranks(route.pattern, pattern) {
			problem = fmt.Sprintf("The route %q takes some of the requests.", route.pattern)
		}
		if problem != "" {
			return nil, problem
		}
	}
	if bound == nil {
		return nil, fmt.Sprintf("There is no route %q.", pattern)
	}
	return bound, ""
}

// checkMiddlewares compares those of a route with PocketBase's.
func checkMiddlewares(bound []boundMiddleware, replaced []*hook.Handler[*core.RequestEvent]) string {
	seen := map[string]bool{}
	for _, m := range bound {
		if m.id == callerMiddleware || m.id == laneMiddleware {
			continue
		}
		at := slices.IndexFunc(ownMiddlewares, func(own ownMiddleware) bool { return own.id == m.id })
		known := at >= 0 && !seen[m.id] && m.priority == ownMiddlewares[at].priority &&
			(madeBy(m.function, ownMiddlewares[at].function) || slices.ContainsFunc(replaced, func(h *hook.Handler[*core.RequestEvent]) bool {
				return reflect.ValueOf(h).Pointer() == m.handler
			}))
		if !known {
			return fmt.Sprintf("There is a middleware %q that is not PocketBase's, or is there twice: %s.", m.id, m.function)
		}
		seen[m.id] = true
	}
	for _, own := range ownMiddlewares {
		if !own.optional && !seen[own.id] {
			return fmt.Sprintf("PocketBase's middleware %q is not there.", own.id)
		}
	}
	return ""
}

// readRoutes reads the routes of a group with the middlewares that they have in the
// end, as PocketBase's loadMux finds them. Parents are from the outermost on.
func readRoutes(routes []boundRoute, group reflect.Value, parents []reflect.Value) []boundRoute {
	children := group.FieldByName("children")
	for i := range children.Len() {
		child := children.Index(i).Elem()
		if child.Type() == reflect.TypeFor[*router.RouterGroup[*core.RequestEvent]]() {
			routes = readRoutes(routes, child.Elem(), append(slices.Clone(parents), group))
			continue
		}
		routes = append(routes, readRoute(child.Elem(), group, parents))
	}
	return routes
}

func readRoute(route, group reflect.Value, parents []reflect.Value) (bound boundRoute) {
	if method := route.FieldByName("Method").String(); method != "" {
		bound.pattern = method + " "
	}
	for _, parent := range parents {
		bound.pattern += parent.FieldByName("Prefix").String()
		bound.add(parent, parent, group, route)
	}
	bound.pattern += group.FieldByName("Prefix").String()
	bound.add(group, group, route)
	bound.pattern += route.FieldByName("Path").String()
	bound.add(route, route)
	return bound
}

// add adds the middlewares of one place but those that others exclude.
func (b *boundRoute) add(place reflect.Value, excluding ...reflect.Value) {
	middlewares := place.FieldByName("Middlewares")
	for i := range middlewares.Len() {
		h := middlewares.Index(i)
		id := h.Elem().FieldByName("Id")
		excluded := slices.ContainsFunc(excluding, func(by reflect.Value) bool {
			return by.FieldByName("excludedMiddlewares").MapIndex(id).IsValid()
		})
		if !excluded {
			b.middlewares = append(b.middlewares, boundMiddleware{
				id: id.String(), priority: int(h.Elem().FieldByName("Priority").Int()),
				function: functionName(h.Elem().FieldByName("Func")), handler: h.Pointer(),
			})
		}
	}
}

func functionName(f reflect.Value) string {
	if f := runtime.FuncForPC(f.Pointer()); f != nil {
		return f.Name()
	}
	return "a function without a name"
}

// madeBy tells whether a function is within one of PocketBase's, wherever that was
// inlined.
func madeBy(name, function string) bool {
	path, ok := strings.CutPrefix(name, ownPackage+".")
	return ok && strings.Contains("."+path, "."+function+".")
}

// outranks tells whether a pattern takes requests from that of records, which has
// no literal where a record's collection and id are. It may say so for one that does not.
func outranks(pattern, record string) bool {
	method, path, hasMethod := strings.Cut(pattern, " ")
	if !hasMethod {
		method, path = "", pattern
	}
	if method != "" && method != http.MethodGet {
		return false
	}
	path = strings.TrimLeft(path, " \t")
	host, path, _ := strings.Cut(path, "/")
	_, record, _ = strings.Cut(record, "/")
	within, literal := overlap(strings.Split(path, "/"), strings.Split(record, "/"))
	return within && (literal || host != "")
}

// overlap tells whether two patterns match some path together, and whether the first
// has a literal where the second has none.
func overlap(pattern, record []string) (within, literal bool) {
	for i, segment := range pattern {
		wild := strings.HasPrefix(segment, "{")
		if last := i == len(pattern)-1; last && (segment == "" || wild && strings.HasSuffix(segment, "...}")) {
			return true, literal // all that is below
		}
		if i >= len(record) || segment == "{$}" {
			return false, false
		}
		if wild {
			continue
		}
		if strings.HasPrefix(record[i], "{") {
			literal = true
			continue
		}
		if plain, err := url.PathUnescape(segment); err != nil || plain != record[i] {
			return false, false
		}
	}
	return len(pattern) == len(record), literal
}
