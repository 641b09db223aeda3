// Package openapi describes an app's API as OpenAPI 3.1, from its collections and
// routes as they are at the moment, and shows it as a page.
//
//	openapi.MustRegister(app, openapi.Config{})
//
// GET /api/openapi.json is the document. It tells each caller of what the rules
// let them do: guests of what is public, whoever has a token of what their records
// may do, superusers of everything. It has an ETag, and changes with the schema,
// without a restart.
//
// GET /api/docs is a page to read it and try it out. It comes from the program
// itself and loads nothing from elsewhere.
//
// Routes of an app describe themselves where they are bound, with [Route]: the
// types by which their requests are decoded and checked are the types in the
// document.
//
// See docs/openapi.md for what is and is not in the document.
package openapi

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Where it is served.
const (
	Path     = "/api/openapi.json"
	DocsPath = "/api/docs"
)

// Config are the options. The zero value works.
type Config struct {
	// Title is the API's name. Defaults to the app's name in the settings.
	Title string
	// Description is shown before everything else, in Markdown.
	Description string
	// Version is the API's, which is not that of the program. Defaults to "1".
	Version string
	// ServerURL is where the API is, in the document. Defaults to "/", the
	// server that the document comes from.
	ServerURL string

	// Private keeps the document from guests, who get 401. The page asks them to
	// sign in. Defaults to false: guests see what guests may call.
	Private bool
	// NoDocs leaves out the page.
	NoDocs bool
	// UI draws the page. Defaults to Scalar.
	UI UI

	// RuleTimeout bounds how long the rules are asked what a caller may do. What
	// is not known by then is in the document. In 10ms..1m. Defaults to 2s.
	RuleTimeout time.Duration

	// RootCmd, if set, gains the "openapi" command, which prints the document.
	RootCmd *cobra.Command
}

// Validate reports every option that is out of bounds.
func (c Config) Validate() error {
	c = c.withDefaults()
	var problems []error
	if c.RuleTimeout < 10*time.Millisecond || c.RuleTimeout > time.Minute {
		problems = append(problems, fmt.Errorf("openapi: RuleTimeout must be in 10ms..1m, got %s", c.RuleTimeout))
	}
	if u, err := url.Parse(c.ServerURL); err != nil || u.RawQuery != "" || u.Fragment != "" {
		problems = append(problems, fmt.Errorf("openapi: ServerURL must be a URL without a query, got %q", c.ServerURL))
	}
	if _, ok := drawings[c.UI]; !ok {
		problems = append(problems, fmt.Errorf("openapi: UI must be Scalar or SwaggerUI, got %d", c.UI))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	c.Version = cmp.Or(c.Version, "1")
	c.ServerURL = cmp.Or(c.ServerURL, "/")
	c.RuleTimeout = cmp.Or(c.RuleTimeout, 2*time.Second)
	return c
}

// Plugin is what Register adds to an app.
type Plugin struct {
	config Config
	cache  cache
}

// MustRegister is Register for main: it panics where Register fails.
func MustRegister(app core.App, config Config) *Plugin {
	p, err := Register(app, config)
	if err != nil {
		panic(err)
	}
	return p
}

// Register binds the plugin to app. It fails on an invalid config, and on an app
// that has the plugin already.
func Register(app core.App, config Config) (*Plugin, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if app.Store().Has(registered) {
		return nil, errors.New("openapi: this app has the plugin already")
	}
	p := &Plugin{config: config.withDefaults()}
	app.Store().Set(registered, p)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id:       "holdallOpenAPIRoutes",
		Func:     p.bindRoutes,
		Priority: 999, // late, to find the routes of others
	})
	if config.RootCmd != nil {
		config.RootCmd.AddCommand(p.command(app))
	}
	return p, nil
}

// registered marks an app that has the plugin.
const registered = "holdallOpenAPI"

func (p *Plugin) bindRoutes(e *core.ServeEvent) error {
	e.Router.GET(Path, p.serveDocument)
	if !p.config.NoDocs {
		bindPage(e.Router, p.config.UI)
	}
	p.cache.setRoutes(registeredRoutes(e.Router))
	return e.Next()
}

// What describes routes, for apps that import this package.
type (
	// Op describes one method of one path.
	Op = apidoc.Op
	// Router is a group of routes that knows its whole prefix.
	Router = apidoc.Router
	// Access says who may call a route.
	Access = apidoc.Access
	// None is for a request without parameters or body, and for no answer.
	None = apidoc.None
	// Problem is a refusal with a stable code.
	Problem = apidoc.Problem
	// Answer is an answer besides the success of an Op.
	Answer = apidoc.Answer
	// Parameter is one of the request, which Op.Parameters adds.
	Parameter = apidoc.Parameter
	// Schema is a JSON Schema, in the dialect of OpenAPI 3.1.
	Schema = apidoc.Schema
	// Choice is a text type with only some values.
	Choice = apidoc.Choice
	// Union is an answer that has one of several forms.
	Union = apidoc.Union
	// Open is embedded in the structs of a body that may have other members.
	Open = apidoc.Open
	// Moment is a moment in an answer, as the database has it.
	Moment = apidoc.Moment
)

// Who may call a route.
const (
	Everybody  = apidoc.Everybody
	SignedIn   = apidoc.SignedIn
	Superusers = apidoc.Superusers
)

// On returns the router of the app, in a handler of OnServe.
func On(e *core.ServeEvent) *Router { return apidoc.On(e) }

// Route binds a route whose requests are decoded into In and checked by its tags,
// and that answers with what the handler returns.
//
// The members of In with the tag path, query or header are read from there; the
// member Body is the JSON body, in which other names are refused. Members must be
// there unless they are pointers or have omitempty; a query or header member must
// with required:"true". The tags minLength, maxLength, pattern, enum (with
// commas), format (email, uri, date, date-time, password), minimum, maximum,
// minItems and maxItems limit them, and are in the document with doc and example.
// default stands for what is not there; trim:"true" removes the white space around
// a text first. A struct that has Validate() error is asked as well. What is wrong
// is answered with 400 and PocketBase's field errors. What has to be asked before,
// such as whether the caller may use the record, is a middleware of the route.
//
// Out is sent as JSON. A *core.Record in it is told of by Op.Collection, or by the
// tag collection of the member. With [None], or nil, there is no answer but 204.
//
// It panics on tags that make no sense.
func Route[In, Out any](r *Router, op Op, handle func(e *core.RequestEvent, in *In) (*Out, error)) *router.Route[*core.RequestEvent] {
	return apidoc.Route(r, op, handle)
}

// Describe tells of a route that is bound otherwise, such as one that streams.
func Describe[In, Out any](r *Router, op Op) { apidoc.Describe[In, Out](r, op) }
