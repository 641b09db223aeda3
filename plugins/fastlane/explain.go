package fastlane

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

// Explanation says what becomes of a request.
type Explanation struct {
	// Reason says why the request is left to PocketBase, "" if the lane answers it.
	Reason Reason `json:"reason"`
	// Query is the query that is kept for such requests, Count the one that counts
	// the rows of all pages.
	Query string `json:"query,omitempty"`
	Count string `json:"count,omitempty"`
	// Change is the statement by which a write is done.
	Change string `json:"change,omitempty"`
}

// Served tells whether the lane answers the request.
func (e Explanation) Served() bool { return e.Reason == "" }

// Explain tells what would become of a request such as "GET
// /api/collections/posts/records" of somebody who is signed in to the named auth
// collection, "" for a guest. It makes the plan and runs nothing: what cannot be read is
// left to PocketBase all the same, as is an answer that PocketBase would delay.
// Handlers count that are bound by now.
func (p *Plugin) Explain(request, collection string) (Explanation, error) {
	method, address, ok := strings.Cut(strings.TrimSpace(request), " ")
	if !ok || !strings.HasPrefix(address, "/") {
		return Explanation{}, fmt.Errorf("fastlane: a request is such as %q, got %q", "GET /api/collections/posts/records", request)
	}
	r, err := http.NewRequest(strings.ToUpper(method), strings.TrimSpace(address), nil) //nolint:noctx // it is not sent
	if err != nil {
		return Explanation{}, fmt.Errorf("fastlane: %w", err)
	}
	e := &core.RequestEvent{App: p.app}
	e.Request, e.Response = r, nobody{}
	if collection != "" {
		found, err := p.app.FindCachedCollectionByNameOrId(collection)
		if err != nil || !found.IsAuth() {
			return Explanation{}, fmt.Errorf("fastlane: there is no auth collection %q", collection)
		}
		e.Auth = core.NewRecord(found)
		e.Auth.Id = "somebody"
	}
	a, known := route(r)
	switch {
	case !known:
		return Explanation{Reason: ReasonRoute}, nil
	case a == batch:
		return Explanation{}, errors.New("fastlane: a batch is served if all requests in it are: ask for them one by one")
	}
	call, reason := p.prepareAny(e, a)
	if reason != "" {
		return Explanation{Reason: reason}, nil
	}
	explanation := Explanation{}
	if of := call.plan.writing; of != nil {
		explanation.Change = of.change.text
		if of.check != nil {
			explanation.Query = of.check.text
		}
	}
	if call.plan.rows != nil {
		explanation.Query = call.plan.rows.text
	}
	if call.plan.count != nil && !call.params.skipTotal {
		explanation.Count = call.plan.count.text
	}
	return explanation, nil
}

// prepareAny finds the plan of a request. Of one that writes the body is not known,
// which is taken to be as the lane can read it.
func (p *Plugin) prepareAny(e *core.RequestEvent, a action) (*call, Reason) {
	switch a {
	case create, update:
		e.Request.ContentLength = 1
		e.Request.Header.Set("Content-Type", "application/json")
		return p.prepareWrite(e, a)
	case remove:
		return p.prepareWrite(e, a)
	case file:
		return p.prepareFile(e)
	case refresh:
		return p.prepareRefresh(e)
	}
	return p.prepare(e, a)
}

// route finds the route of a request as PocketBase's router does.
func route(r *http.Request) (a action, known bool) {
	mux := http.NewServeMux()
	for pattern, of := range routes {
		mux.HandleFunc(pattern, func(_ http.ResponseWriter, matched *http.Request) {
			a, known = of, true
			for _, name := range []string{"collection", "id", "recordId", "filename"} {
				r.SetPathValue(name, matched.PathValue(name))
			}
		})
	}
	mux.ServeHTTP(nobody{}, r)
	return a, known
}

// nobody takes the answers of requests that nobody has made.
type nobody struct{}

func (nobody) Header() http.Header         { return http.Header{} }
func (nobody) Write(b []byte) (int, error) { return len(b), nil }
func (nobody) WriteHeader(int)             {}

// command is "fastlane".
func (p *Plugin) command() *cobra.Command {
	command := &cobra.Command{Use: "fastlane", Short: "Tells which requests are answered without PocketBase"}
	var as string
	var asJSON bool
	explain := &cobra.Command{
		Use:          "explain REQUEST",
		Short:        "Tells whether a request is served, or handed on and why",
		Example:      "  fastlane explain 'GET /api/collections/posts/records?sort=-created' --as users",
		Args:         cobra.ExactArgs(1),
		SilenceUsage: true,
		RunE: func(c *cobra.Command, args []string) error {
			explanation, err := p.Explain(args[0], as)
			if err != nil {
				return err
			}
			return explanation.print(c, asJSON)
		},
	}
	explain.Flags().StringVar(&as, "as", "", "the auth collection that the caller is signed in to")
	explain.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.AddCommand(explain)
	return command
}

func (e Explanation) print(c *cobra.Command, asJSON bool) error {
	out := c.OutOrStdout()
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Served bool `json:"served"`
			Explanation
		}{e.Served(), e})
	}
	if !e.Served() {
		_, err := fmt.Fprintf(out, "handed on: %s\n", e.Reason)
		return err
	}
	_, err := fmt.Fprintln(out, "served")
	for _, text := range []string{e.Query, e.Count, e.Change} {
		if text != "" {
			_, printed := fmt.Fprintln(out, text)
			err = errors.Join(err, printed)
		}
	}
	return err
}
