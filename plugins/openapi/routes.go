package openapi

import (
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// route is what the router says of a route.
type route struct {
	method, path string
	middlewares  map[string]bool // their ids
	exempt       map[string]bool // the ids of those of the groups around it that pass it by
}

// registeredRoutes lists the routes below /api. PocketBase's router has no
// function for that, so it is read by reflection; a test says when that breaks.
func registeredRoutes(r *router.Router[*core.RequestEvent]) []route {
	var all []route
	var walk func(group reflect.Value, prefix string, ids, exempt map[string]bool)
	walk = func(group reflect.Value, prefix string, ids, exempt map[string]bool) {
		prefix += group.FieldByName("Prefix").String()
		ids, exempt = withIDs(ids, group), withExempt(exempt, group)
		children := group.FieldByName("children")
		for i := range children.Len() {
			child := children.Index(i).Elem().Elem()
			if child.FieldByName("children").IsValid() {
				walk(child, prefix, ids, exempt)
				continue
			}
			path := prefix + child.FieldByName("Path").String()
			if strings.HasPrefix(path, "/api/") && !strings.Contains(path, "...") {
				all = append(all, route{
					method: child.FieldByName("Method").String(), path: path, middlewares: withIDs(ids, child), exempt: withExempt(exempt, child),
				})
			}
		}
	}
	defer func() { _ = recover() }() // a router of another shape: nothing is known then
	walk(reflect.ValueOf(r.RouterGroup).Elem(), "", nil, nil)
	return all
}

// withIDs adds the ids of the middlewares of a group or a route.
func withIDs(ids map[string]bool, of reflect.Value) map[string]bool {
	all := map[string]bool{}
	for id := range ids {
		all[id] = true
	}
	middlewares := of.FieldByName("Middlewares")
	for i := range middlewares.Len() {
		if id := middlewares.Index(i).Elem().FieldByName("Id").String(); id != "" {
			all[id] = true
		}
	}
	return all
}

// withExempt adds the ids of the middlewares that a group or a route has unbound.
func withExempt(ids map[string]bool, of reflect.Value) map[string]bool {
	all := maps.Clone(ids)
	if all == nil {
		all = map[string]bool{}
	}
	for _, id := range of.FieldByName("excludedMiddlewares").MapKeys() {
		all[id.String()] = true
	}
	return all
}

// own are the paths of PocketBase and of this plugin, which the rest of the
// package describes or leaves out.
var own = regexp.MustCompile(`^/api/(collections|files|batch|realtime|health|settings|logs|backups|crons|sql|oauth2-redirect)(/|$)|^/api/(openapi\.json|docs)(/|$)`)

func (r route) known() bool {
	return own.MatchString(r.path) && !strings.HasPrefix(r.path, "/api/health/")
}

// open reports whether the middlewares let the reader in.
func (r route) open(who reader) bool {
	if r.middlewares[apis.DefaultRequireSuperuserAuthMiddlewareId] {
		return false
	}
	needsToken := r.middlewares[apis.DefaultRequireAuthMiddlewareId] ||
		r.middlewares[apis.DefaultRequireSuperuserOrOwnerAuthMiddlewareId] ||
		r.middlewares[apis.DefaultRequireSameCollectionContextAuthMiddlewareId]
	if r.middlewares[apis.DefaultRequireGuestOnlyMiddlewareId] {
		return who.guest
	}
	return !needsToken || !who.guest
}

// bare is an operation of which only the path is known.
func bare(r route) *apidoc.Operation {
	op := &apidoc.Operation{
		OperationID: operationID(r.method, r.path),
		Summary:     r.method + " " + r.path,
		Description: "This route has not been described.",
		Tags:        []string{tagOf(r.path)},
		Parameters:  withPathVariables(nil, r.path),
		Security:    mayToken(),
		Responses: map[string]apidoc.Response{
			"2XX":     {Description: "Done."},
			"default": {Ref: "#/components/responses/Failure"},
		},
	}
	for id := range r.middlewares {
		if strings.HasPrefix(id, "pbRequire") && id != apis.DefaultRequireGuestOnlyMiddlewareId {
			op.Security = withToken()
			op.Responses["401"] = apidoc.Response{Ref: "#/components/responses/Unauthorized"}
			op.Responses["403"] = apidoc.Response{Ref: "#/components/responses/Forbidden"}
		}
	}
	return op
}

// definer names the schemas of Go types in one document.
type definer struct{ *builder }

var noneType = reflect.TypeFor[apidoc.None]()

func (d definer) Define(t reflect.Type, input bool, build func() *apidoc.Schema) *apidoc.Schema {
	name := apidoc.TypeName(t)
	if input {
		name += "Input"
	}
	for n := 1; ; n++ {
		candidate := name
		if n > 1 {
			candidate += strconv.Itoa(n)
		}
		owner, taken := d.types[candidate]
		if taken && owner == t {
			return apidoc.Ref(candidate)
		}
		if _, other := d.doc.Components.Schemas[candidate]; taken || other {
			continue
		}
		d.types[candidate] = t
		return d.schema(candidate, build)
	}
}

func (d definer) Record(collection string) *apidoc.Schema {
	if c := d.byID[collection]; c != nil {
		return d.record(c)
	}
	return &apidoc.Schema{Type: "object"}
}

var variable = regexp.MustCompile(`\{([^{}]+)\}`)

// openPath is a path of the router as OpenAPI has it.
func openPath(path string) string {
	path = strings.TrimSuffix(path, "{$}")
	return variable.ReplaceAllStringFunc(path, func(v string) string { return strings.Replace(v, "...}", "}", 1) })
}

// withPathVariables adds those of the path that no parameter tells of.
func withPathVariables(parameters []apidoc.Parameter, path string) []apidoc.Parameter {
	var missing []apidoc.Parameter
	for _, found := range variable.FindAllStringSubmatch(openPath(path), -1) {
		told := false
		for _, p := range parameters {
			told = told || p.In == "path" && p.Name == found[1]
		}
		if !told {
			missing = append(missing, pathParameter(found[1], ""))
		}
	}
	return append(missing, parameters...)
}

// operationID is "get.work-orders.id.transition" for what has no name of its own.
func operationID(method, path string) string {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}.$", r) })
	return strings.ToLower(method) + "." + strings.Join(words, ".")
}

var versionPart = regexp.MustCompile(`^v\d+$`)

func tagOf(path string) string {
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "api" && !versionPart.MatchString(part) && !strings.HasPrefix(part, "{") {
			return part
		}
	}
	return "routes"
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return text + "."
	}
	return "Status " + strconv.Itoa(status) + "."
}
