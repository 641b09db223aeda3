package contract

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// maxRenewals bounds how often the setup is done again for a token that a call
// has made invalid.
const maxRenewals = 5

// call makes the calls in an order in which each finds what it needs: a look at
// what is there, what creates, what reads, what changes, what reads once more,
// what must be refused, and last what deletes, the deepest path first.
func (r *runner) call(ctx context.Context) error {
	for _, op := range r.order() {
		if op.method == http.MethodGet && len(op.variables()) == 0 && r.skipped(op) == "" {
			if err := r.make(ctx, r.plain(op), 0); err != nil {
				return err
			}
		}
	}
	plans := map[*operation][]call{}
	for _, op := range r.order() {
		if why := r.skipped(op); why != "" {
			r.results[op].Verdict = Skipped
			r.results[op].Notes = add(r.results[op].Notes, Finding{Where: "calls", Want: "some", Got: why})
			continue
		}
		if len(op.otherBodies) > 0 && op.body == "" && op.bodyRequired {
			r.results[op].Verdict = Skipped
			r.results[op].Notes = add(r.results[op].Notes, Finding{Where: "calls", Want: "JSON", Got: "the design takes " + strings.Join(op.otherBodies, ", ")})
			continue
		}
		if op.method != http.MethodDelete { // of those, when there is something to delete
			for _, c := range r.plan(op) {
				if c.aim <= given {
					if err := r.make(ctx, c, len(plans[op])); err != nil {
						return err
					}
				}
				plans[op] = append(plans[op], c)
			}
			continue
		}
		plans[op] = r.plan(op)
	}
	for _, op := range r.order() { // once more, with what has become of it
		if op.method == http.MethodGet && len(plans[op]) > 0 {
			if err := r.make(ctx, plans[op][0], 0); err != nil {
				return err
			}
		}
	}
	for _, deleting := range []bool{false, true} {
		for _, op := range r.order() {
			made := 0
			for _, c := range plans[op] {
				mayDelete := op.method == http.MethodDelete && c.aim <= given
				if mayDelete != deleting || !mayDelete && c.aim <= given || made > 1 && mayDelete {
					continue
				}
				if err := r.make(ctx, c, made); err != nil {
					return err
				}
				made++
			}
		}
	}
	return nil
}

// order is that in which operations are called.
func (r *runner) order() []*operation {
	rank := map[string]int{"POST": 0, "GET": 1, "HEAD": 1, "OPTIONS": 1, "PUT": 2, "PATCH": 2, "DELETE": 3}
	depth := func(op *operation) int {
		n := strings.Count(op.path, "/")
		if op.method == http.MethodDelete {
			return -n
		}
		return n
	}
	ordered := slices.Clone(r.design.operations)
	slices.SortStableFunc(ordered, func(a, b *operation) int {
		return cmp.Or(
			cmp.Compare(rank[a.method], rank[b.method]),
			cmp.Compare(len(a.variables())*sign(a), len(b.variables())*sign(b)),
			cmp.Compare(depth(a), depth(b)),
		)
	})
	return ordered
}

// sign turns the order round for what deletes.
func sign(op *operation) int {
	if op.method == http.MethodDelete {
		return -1
	}
	return 1
}

// skipped says why an operation is not called, "" if it is.
func (r *runner) skipped(op *operation) string {
	name := op.method + " " + strings.TrimPrefix(op.path, r.design.base)
	switch {
	case r.options.Only != nil && !r.options.Only.MatchString(name):
		return "it is not among the chosen ones"
	case r.options.Skip != nil && r.options.Skip.MatchString(name):
		return "it was to be skipped"
	case r.options.ReadOnly && op.method != http.MethodGet && op.method != http.MethodHead:
		return "this check only reads"
	}
	return ""
}

// make sends a call and judges the answer.
func (r *runner) make(ctx context.Context, c call, nth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	result := r.results[c.op]
	if !r.address(&c, nth) {
		r.unfilled[c.op] = true
		return nil
	}
	if c.aim <= given {
		r.tried[c.op] = true
	}
	r.progress("%s", c.op)
	header := r.headerOf(&c)
	got, err := r.send(ctx, c.op.method, c.target, header, c.body, c.hasBody)
	if err == nil && got.status == http.StatusUnauthorized && c.op.secured && c.aim <= given && r.options.Setup != nil && r.renewals < maxRenewals {
		r.renewals++
		if err := r.prepare(ctx); err != nil {
			return err
		}
		header = r.headerOf(&c)
		got, err = r.send(ctx, c.op.method, c.target, header, c.body, c.hasBody)
	}
	c.header = header
	result.Calls++
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if result.Calls > 1 || r.report.Calls > 1 { // of the first, the address is wrong
			r.found(c, Finding{Kind: CallFailed, Where: "the connection", Want: "an answer", Got: err.Error()}, reply{})
			return nil
		}
		return fmt.Errorf("call the backend: %w", err)
	}
	r.probed[c.op][got.status] = true
	r.judge(c, got)
	return nil
}

// headerOf is what a call sends.
func (r *runner) headerOf(c *call) http.Header {
	header := http.Header{}
	if c.aim != guest {
		header = r.headers.Clone()
	} else if c.broken {
		scheme, _, found := strings.Cut(r.headers.Get("Authorization"), " ")
		if !found {
			scheme = ""
		}
		header.Set("Authorization", strings.TrimSpace(scheme+" a.broken.token"))
	}
	for name, values := range c.header {
		header[name] = values
	}
	return header
}

// found notes a finding with how to see it again.
func (r *runner) found(c call, f Finding, got reply) {
	if c.label != "" {
		f.Got += ", for a call " + c.label
	}
	f.Try = r.line(c)
	if got.status != 0 {
		f.Answer = fmt.Sprintf("%d %s", got.status, shorten(strings.TrimSpace(string(got.body)), 300))
	}
	result := r.results[c.op]
	if f.Kind == "" {
		result.Notes = add(result.Notes, f)
		return
	}
	result.Findings = add(result.Findings, f)
}

// judge holds an answer to the design.
func (r *runner) judge(c call, got reply) {
	result := r.results[c.op]
	accepted := got.status < 300
	status := fmt.Sprint(got.status)
	switch {
	case got.status >= 500:
		r.found(c, Finding{Kind: CallFailed, Where: "status", Want: "an answer, not a failure", Got: status}, got)
		return
	case accepted && c.aim <= given:
		result.Accepted++
	case accepted && c.aim == mistaken:
		r.found(c, Finding{Kind: CallFailed, Where: "body " + c.label, Want: "a refusal, as it does not fit the design", Got: status}, got)
	case accepted && c.aim == guest && !c.broken:
		r.found(c, Finding{Kind: CallFailed, Where: "sign-in", Want: "a refusal, as the design wants a token", Got: status}, got)
	case accepted && c.aim == guest:
		r.found(c, Finding{Kind: CallFailed, Where: "sign-in", Want: "a refusal of a token that is none", Got: status}, got)
	case accepted && c.aim == odd:
		r.found(c, Finding{Where: c.label, Want: "a refusal, or that it does not matter", Got: status}, got)
	case c.aim == given:
		r.found(c, Finding{Kind: CallFailed, Where: "status", Want: "success, as the setup says what to send", Got: status}, got)
	case c.aim == fitting:
		if _, ok := r.refusals[c.op]; !ok {
			c.label = ""
			r.refusals[c.op] = Finding{
				Kind: Refused, Where: "status", Want: "success for some call that fits the design", Got: status + " for this one, and no success for the others",
				Try: r.line(c), Answer: status + " " + shorten(strings.TrimSpace(string(got.body)), 300),
			}
		}
	}
	listed, ok := c.op.response(got.status)
	if !ok {
		r.found(c, Finding{Kind: CallFailed, Where: "status", Want: "one of " + c.op.statuses(), Got: status}, got)
		return
	}
	value := r.judgeBody(c, listed, got)
	if accepted && c.aim != unknown {
		r.pool.learn(c.op, c.values, value)
	}
}

// judgeBody holds a body to what the design says of the status, and returns what
// it has.
func (r *runner) judgeBody(c call, listed answer, got reply) any {
	where := fmt.Sprintf("answer %d", got.status)
	for _, name := range listed.headers {
		if got.header.Get(name) == "" {
			r.found(c, Finding{Kind: CallFailed, Where: where + ", header " + name, Want: "a value", Got: "nothing"}, got)
		}
	}
	if len(listed.content) == 0 {
		if len(got.body) > 0 {
			r.found(c, Finding{Kind: CallFailed, Where: where, Want: "no body", Got: fmt.Sprintf("one of %d bytes", len(got.body))}, got)
		}
		return nil
	}
	if c.op.method == http.MethodHead || got.endless {
		return nil
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	schema, ok := listed.media(kind)
	if !ok {
		r.found(c, Finding{
			Kind: CallFailed, Where: where + ", header Content-Type",
			Want: strings.Join(slices.Sorted(maps.Keys(listed.content)), " or "), Got: cmp.Or(kind, "nothing"),
		}, got)
		return nil
	}
	if !isJSON(kind) {
		return nil
	}
	value, err := got.json()
	if err != nil {
		r.found(c, Finding{Kind: CallFailed, Where: where, Want: "JSON", Got: err.Error()}, got)
		return nil
	}
	if schema == "" {
		return value
	}
	problems, err := r.design.answers.validate(schema, value)
	if err != nil {
		r.found(c, Finding{Kind: CallFailed, Where: where, Want: "a schema that can be read", Got: err.Error()}, got)
	}
	for _, p := range problems {
		r.found(c, Finding{Kind: CallFailed, Where: strings.TrimSpace(where + " " + anyItem.ReplaceAllString(p.at, "/*$1")), Want: p.want, Got: p.got}, got)
	}
	return value
}

// media finds the schema of a media type among those of an answer.
func (a answer) media(kind string) (string, bool) {
	group, _, _ := strings.Cut(kind, "/")
	for _, key := range []string{kind, group + "/*", "*/*"} {
		for listed, schema := range a.content {
			listed, _, _ = strings.Cut(strings.ToLower(listed), ";")
			if strings.TrimSpace(listed) == key {
				return schema, true
			}
		}
	}
	return "", false
}
