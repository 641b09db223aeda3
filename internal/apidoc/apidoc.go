// Package apidoc is where routes say what they take and answer, for whoever
// writes that down: plugins/openapi. Hooks and plugins describe their routes with
// it, and depend on no other plugin by that.
//
//	api := apidoc.On(e).Group("/api/v1")
//	apidoc.Route(api, apidoc.Op{
//		Method: "POST", Path: "/parcels/{id}/hand-over", Summary: "Hand a parcel over",
//		Access: apidoc.SignedIn, Errors: []int{404},
//	}, func(e *core.RequestEvent, in *handOver) (*receipt, error) { ... })
//
// The request is decoded into the first type and checked against its tags, which
// are what the document tells of it, so that the two cannot differ:
//
//	type handOver struct {
//		ID   string `path:"id"`
//		Copy bool   `query:"copy" doc:"Whether to mail a receipt."`
//		Body struct {
//			To   string  `json:"to" minLength:"1" maxLength:"100"`
//			Note *string `json:"note" maxLength:"2000"`
//		}
//	}
package apidoc

import (
	"cmp"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

// Access says who may call a route.
type Access int

const (
	// Everybody includes guests.
	Everybody Access = iota
	// SignedIn is everybody with a token, of a record in one of Op.Collections
	// if there are any.
	SignedIn
	// Superusers are nobody else.
	Superusers
)

// Op describes one method of one path.
type Op struct {
	// Method is the HTTP method.
	Method string
	// Path is as the router takes it: "/work-orders/{id}", below the group's prefix.
	Path string
	// ID names the operation for generated clients. Defaults to the method and
	// the path.
	ID string
	// Summary is a few words, Description as many as it needs, in Markdown.
	Summary, Description string
	// Tags group operations. Defaults to the first part of the path that is no
	// variable and neither "api" nor a version.
	Tags []string
	// Access says who may call it. Defaults to Everybody.
	Access Access
	// Collections narrows SignedIn to records of these.
	Collections []string
	// Visible, if set, narrows whose document lists it to those whom its own
	// checks will not refuse in any case. It gets nil for guests and is not asked
	// for superusers.
	Visible func(app core.App, caller *core.Record) bool
	// Status is that of a success. Defaults to 200, or 204 without an answer.
	Status int
	// Errors are the statuses of refusals. Those that the route brings by itself,
	// such as 400 for a bad body, need not be named.
	Errors []int
	// Answers are further ones, and refusals of another form.
	Answers []Answer
	// Problems are the refusals that clients can tell apart by their codes. Their
	// statuses need not be in Errors.
	Problems []Problem
	// Collection says what *core.Record is in the answer.
	Collection string
	// Produces are the media types of the answer. Defaults to application/json.
	Produces []string
	// MaxBody bounds the body, in bytes. Defaults to 1 MiB.
	MaxBody int64
	// AnyContentType takes a body for JSON whatever its Content-Type says, which
	// by default is answered with 415.
	AnyContentType bool
	// Consumes are the media types of a body that is not, or not only, JSON. It is
	// for routes that are described and not bound here.
	Consumes []string
	// Parameters are further ones, which no member of the request stands for.
	Parameters []Parameter
	// Deprecated says that there is something better.
	Deprecated bool
}

// Answer is an answer besides the success of an [Op].
type Answer struct {
	Status int
	// Description says when.
	Description string
	// Type is what is sent as JSON. Defaults to an error for 400 and above, and to
	// nothing below.
	Type reflect.Type
	// Produces is the media type of what is not JSON.
	Produces string
	// Headers are what the headers mean, by their names.
	Headers map[string]string
}

// Problem is a refusal with a stable code.
type Problem struct {
	// Status is that of the answer.
	Status int
	// Field is what the error is of, in data of the answer: a field of the request,
	// or of the record that could not be saved. Without one the code is in
	// data.code.
	Field string
	// Code is what programs look at: "validation_in_invalid".
	Code string
	// When says when it comes, for people, in Markdown: "there is no such status".
	When string
}

// None is for a request without parameters or body, and for no answer.
type None struct{}

// Entry is a described route. Its Path is complete.
type Entry struct {
	Op
	In, Out reflect.Type
}

// Rule adds to what is told of operations that others describe, such as a header
// which a middleware understands on all of them.
type Rule struct {
	// ID replaces an earlier rule with the same.
	ID string
	// Apply changes the operation as it likes, but for the maps and pointers within
	// its parameters and answers, which others may share. The path is the one in
	// the document: "/api/collections/posts/records/{id}".
	Apply func(method, path string, op *Operation)
	// Components adds what Apply refers to. It comes before the operations.
	Components func(c *Components)
	// Document changes what all others have made. It comes last.
	Document func(d *Document)
}

// Version is the API as it is for clients of an older version of it.
type Version struct {
	// Name is what they ask for it with.
	Name string
	// Apply makes the document of the newest version theirs.
	Apply func(d *Document)
}

// Registry has the descriptions of one app.
type Registry struct {
	mutex   sync.RWMutex
	entries []Entry
	rules   []Rule
	version int // of all this

	versions []Version // of the API
	header   string
}

const storeKey = "holdallAPIDoc"

// Of returns the registry of the app, which transactions share.
func Of(app core.App) *Registry {
	return app.Store().GetOrSet(storeKey, func() any { return &Registry{} }).(*Registry)
}

// Add describes a route, instead of what was said of the same method and path
// before.
func (r *Registry) Add(entry Entry) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.version++
	same := func(other Entry) bool { return other.Method == entry.Method && other.Path == entry.Path }
	r.entries = append(slices.DeleteFunc(r.entries, same), entry)
}

// Has reports whether the route is described.
func (r *Registry) Has(method, path string) bool {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return slices.ContainsFunc(r.entries, func(e Entry) bool { return e.Method == method && e.Path == path })
}

// AddRule adds a rule.
func (r *Registry) AddRule(rule Rule) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.version++
	same := func(other Rule) bool { return other.ID == rule.ID }
	r.rules = append(slices.DeleteFunc(r.rules, same), rule)
}

// SetVersions says which versions there are, oldest first, and which header of a
// request names one.
func (r *Registry) SetVersions(header string, versions []Version) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.version++
	r.header, r.versions = header, slices.Clone(versions)
}

// Versions returns what [Registry.SetVersions] was told: nothing in an app of which
// there is only one.
func (r *Registry) Versions() (header string, versions []Version) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	return r.header, slices.Clone(r.versions)
}

// Snapshot returns what there is, by path and method, and a number that changes
// with it.
func (r *Registry) Snapshot() (entries []Entry, rules []Rule, version int) {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	entries = slices.Clone(r.entries)
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return entries, slices.Clone(r.rules), r.version
}

// Router is a group of routes that knows its whole prefix and its app.
type Router struct {
	app    core.App
	prefix string
	group  *router.RouterGroup[*core.RequestEvent]
}

// On returns the router of the app, in a handler of OnServe.
func On(e *core.ServeEvent) *Router {
	return &Router{app: e.App, group: e.Router.RouterGroup}
}

// Group returns a group of routes below the prefix.
func (r *Router) Group(prefix string) *Router {
	return &Router{app: r.app, prefix: r.prefix + prefix, group: r.group.Group(prefix)}
}

// Bind adds middlewares to the group.
func (r *Router) Bind(middlewares ...*hook.Handler[*core.RequestEvent]) *Router {
	r.group.Bind(middlewares...)
	return r
}

// Route binds a route whose requests are decoded into In, and answered with what
// the handler returns. In is a struct, see the package; Out is what is sent as
// JSON, a record, which is enriched, or None.
//
// It binds the middlewares for Access and MaxBody too. A handler that has written
// an answer itself returns nil.
//
// It panics when the tags of a type are wrong, which is a mistake in the program.
func Route[In, Out any](r *Router, op Op, handle func(e *core.RequestEvent, in *In) (*Out, error)) *router.Route[*core.RequestEvent] {
	request := requestPlan(reflect.TypeFor[In]())
	op.MaxBody = cmp.Or(op.MaxBody, 1<<20)
	op.Problems = slices.Concat(op.Problems, request.problems(op.AnyContentType))
	Describe[In, Out](r, op)

	route := r.group.Route(op.Method, op.Path, func(e *core.RequestEvent) error {
		in := new(In)
		if err := request.decode(e, reflect.ValueOf(in).Elem(), op); err != nil {
			return err
		}
		out, err := handle(e, in)
		if err != nil {
			return err
		}
		return answer(e, op.Status, out)
	})
	route.Bind(limitBody(op.MaxBody))
	switch op.Access {
	case SignedIn:
		route.Bind(apis.RequireAuth(op.Collections...))
	case Superusers:
		route.Bind(apis.RequireSuperuserAuth())
	case Everybody:
	}
	return route
}

// Describe tells of a route that is bound otherwise.
func Describe[In, Out any](r *Router, op Op) {
	entry := Entry{Op: op, In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out]()}
	entry.Path = r.prefix + op.Path
	requestPlan(entry.In) // panics on what cannot be told
	Of(r.app).Add(entry)
}

// answer sends what a handler returned.
func answer(e *core.RequestEvent, status int, out any) error {
	if e.Written() {
		return nil
	}
	value := reflect.ValueOf(out)
	if value.IsNil() || value.Elem().Type() == reflect.TypeFor[None]() {
		return e.NoContent(cmp.Or(status, http.StatusNoContent))
	}
	if record, ok := out.(*core.Record); ok {
		if err := apis.EnrichRecord(e, record); err != nil {
			return e.InternalServerError("", err)
		}
	}
	return e.JSON(cmp.Or(status, http.StatusOK), out)
}
