package contract

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options are how a backend is checked. The zero value works.
type Options struct {
	// Seed makes the calls. The same seed makes the same ones. Defaults to 1.
	Seed uint64
	// Calls is about how many are made of each operation. In 4..200, defaults
	// to 20.
	Calls int
	// Timeout bounds the check. Defaults to 10m.
	Timeout time.Duration
	// Header is sent with each call that is not a guest's.
	Header http.Header
	// Setup happens before the calls. Defaults to nothing.
	Setup *Setup
	// ReadOnly sends nothing but GET and HEAD.
	ReadOnly bool
	// AllowRemote lets the backend be on another machine.
	AllowRemote bool
	// Only and Skip choose operations by "METHOD /path" of the design. Nil means
	// all, and none. What is left out is compared but not called.
	Only, Skip *regexp.Regexp
	// Without names optional parameters that are not sent, such as one that has
	// answers leave out members.
	Without []string
	// Own is the backend's own document, nil if there is none. Without it, calls
	// alone tell of the shapes.
	Own []byte
	// Shown stands for the backend's address in the commands that repeat a call.
	// Defaults to the address.
	Shown string
	// Variables are what the setup can use besides what it saves.
	Variables map[string]string
	// Progress, if set, is told now and then how far it is.
	Progress func(message string)
}

func (o Options) withDefaults() Options {
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Calls == 0 {
		o.Calls = 20
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Minute
	}
	return o
}

// Validate reports every option that is out of bounds.
func (o Options) Validate() error {
	o = o.withDefaults()
	var problems []error
	if o.Calls < 4 || o.Calls > 200 {
		problems = append(problems, fmt.Errorf("contract: Calls must be in 4..200, got %d", o.Calls))
	}
	if o.Timeout < time.Second {
		problems = append(problems, fmt.Errorf("contract: Timeout must be at least 1s, got %s", o.Timeout))
	}
	return errors.Join(problems...)
}

// runner checks one backend.
type runner struct {
	design    *Document
	options   Options
	client    *http.Client
	base      string // scheme and host of the backend
	shown     string
	headers   http.Header
	variables map[string]string
	requests  *maker
	pool      *pool
	report    *Report
	results   map[*operation]*Operation
	renewals  int // how often the setup was done again
	refusals  map[*operation]Finding
	probed    map[*operation]map[int]bool // the statuses of all calls
	tried     map[*operation]bool         // with a call that fits
	unfilled  map[*operation]bool         // for want of something in the path
	told      time.Time
}

// Conform checks the backend at the address against a design: that each of its
// operations is there, that the backend's own document fits it, and that calls
// made from it are answered as it says. The design's paths are below the path of
// its first server, or below that of the address if it has one.
//
// It goes to that address only, and fails on one of another machine unless that
// is allowed. The error is of a check that could not be made; what the check
// found is in the report.
func Conform(ctx context.Context, design *Document, address string, options Options) (*Report, error) {
	if err := options.Validate(); err != nil {
		return nil, err
	}
	options = options.withDefaults()
	target, err := url.Parse(address)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return nil, fmt.Errorf("the address of a backend is like http://127.0.0.1:8090, got %q", address)
	}
	if path := strings.TrimSuffix(target.Path, "/"); path != "" {
		design = design.below(path)
	}
	r := newRunner(design, target, options)
	ctx, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.compare(); err != nil {
		return nil, err
	}
	if err := r.call(ctx); err != nil {
		if errors.Is(err, errRemote) || ctx.Err() == nil {
			return nil, err
		}
		r.report.Stopped = fmt.Sprintf("it took longer than %s", options.Timeout)
		if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.report.Stopped = "interrupted"
		}
	}
	r.conclude()
	return r.report, nil
}

func newRunner(design *Document, target *url.URL, options Options) *runner {
	r := &runner{
		design: design, options: options, client: newClient(options.AllowRemote),
		base:      target.Scheme + "://" + target.Host,
		variables: map[string]string{}, results: map[*operation]*Operation{}, refusals: map[*operation]Finding{},
		probed: map[*operation]map[int]bool{}, tried: map[*operation]bool{}, unfilled: map[*operation]bool{},
		report: &Report{Design: design.title, Target: target.Scheme + "://" + target.Host + design.base, Seed: options.Seed},
	}
	r.shown = r.base
	if options.Shown != "" {
		r.shown = options.Shown
	}
	for name, value := range options.Variables {
		r.variables[name] = value
	}
	r.requests = newMaker(design.requests, rand.New(rand.NewPCG(options.Seed, 1)))
	r.pool = newPool(design, r.variables)
	r.requests.known = func(collection string) (any, bool) {
		known := r.pool.collections[collection]
		if len(known) == 0 {
			return nil, false
		}
		return known[len(known)-1], true
	}
	r.report.Operations = make([]Operation, len(design.operations))
	for i, op := range design.operations {
		r.pool.name(op)
		r.report.Operations[i] = Operation{Method: op.method, Path: op.path, ID: op.id}
		r.results[op] = &r.report.Operations[i]
		r.probed[op] = map[int]bool{}
	}
	return r
}

// below is the document with its paths below another one than its server's.
func (d *Document) below(path string) *Document {
	moved := *d
	moved.base, moved.operations = path, nil
	for _, op := range d.operations {
		copied := *op
		copied.path = path + strings.TrimPrefix(op.path, d.base)
		moved.operations = append(moved.operations, &copied)
	}
	return &moved
}

func (r *runner) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(r.report.Notes, text) {
		r.report.Notes = append(r.report.Notes, text)
	}
}

// progress tells of it, at most every two seconds.
func (r *runner) progress(format string, args ...any) {
	if r.options.Progress == nil || time.Since(r.told) < 2*time.Second {
		return
	}
	r.told = time.Now()
	r.options.Progress(fmt.Sprintf("%d calls: ", r.report.Calls) + fmt.Sprintf(format, args...))
}

// compare holds the backend's own document to the design.
func (r *runner) compare() error {
	if r.options.Own == nil {
		r.note("The backend has shown no document of its own, so its shapes were judged by its answers alone.")
		return nil
	}
	own, err := ParseDocument(r.options.Own)
	if err != nil {
		return fmt.Errorf("the backend's own document: %w", err)
	}
	s := &shapes{
		design: r.design, own: own, wanted: r.requests,
		offered: newMaker(own.answers, rand.New(rand.NewPCG(r.options.Seed, 2))),
	}
	for i, op := range r.design.operations {
		r.progress("comparing documents, operation %d of %d", i+1, len(r.design.operations))
		result := r.results[op]
		if theirs := own.match(op); theirs != nil {
			result.Findings, result.Notes = s.compare(op, theirs)
			continue
		}
		result.Findings = add(nil, Finding{Kind: Missing, Where: "the backend's document", Want: op.String(), Got: "no such operation"})
	}
	return nil
}

// conclude comes to a verdict on each operation.
func (r *runner) conclude() {
	for _, op := range r.design.operations {
		result := r.results[op]
		if r.absent(op) {
			result.Findings = add(result.Findings, Finding{Kind: Missing, Where: "the router", Want: op.String(), Got: "404 or 405 for every call"})
		} else if len(r.probed[op]) > 0 && hasKind(result.Findings, Missing) {
			// it is there, whatever the document of whoever asked lists
			result.Findings = slices.DeleteFunc(result.Findings, func(f Finding) bool { return f.Kind == Missing })
			result.Notes = add(result.Notes, Finding{Where: "the backend's document", Want: op.String(), Got: "no such operation, though calls reach it"})
		}
		if r.unfilled[op] && !r.tried[op] {
			r.concludeUntried(op, result)
		}
		if result.Verdict == "" && result.Accepted == 0 && !hasKind(result.Findings, Missing) {
			if refusal, ok := r.refusals[op]; ok && r.report.Stopped == "" {
				result.Findings = add(result.Findings, refusal)
			}
		}
		result.conclude()
	}
}

// concludeUntried is for an operation that no call that fits could be made of. To
// a check that only reads, that is no wonder.
func (r *runner) concludeUntried(op *operation, result *Operation) {
	f := Finding{
		Kind: Untried, Where: "path", Want: "something to fill in for " + strings.Join(op.variables(), ", "),
		Got: "nothing: no answer had it, and the setup has no variable of that name",
	}
	if r.options.ReadOnly {
		f.Kind, result.Verdict = "", Skipped
		result.Notes = add(result.Notes, f)
		return
	}
	result.Findings = add(result.Findings, f)
}

func hasKind(list []Finding, kind Verdict) bool {
	return slices.ContainsFunc(list, func(f Finding) bool { return f.Kind == kind })
}

// absent reports whether the operation was called and nothing was there: no
// answer was other than 404 and 405, and none was one of the design's.
func (r *runner) absent(op *operation) bool {
	statuses := r.probed[op]
	if len(statuses) == 0 {
		return false
	}
	for status := range statuses {
		if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			return false
		}
	}
	_, listed := op.response(http.StatusNotFound)
	return !listed || statuses[http.StatusMethodNotAllowed] || hasKind(r.results[op].Findings, CallFailed) || hasKind(r.results[op].Findings, Missing)
}
