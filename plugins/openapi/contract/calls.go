package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// aim says what a call is to find out.
type aim int

const (
	fitting  aim = iota // it fits the design: the backend should accept it
	given               // the same, with a body that somebody has written for it
	mistaken            // its body does not fit
	odd                 // a parameter does not fit, which many let pass
	guest               // it has no token where one is needed
	unknown             // what its path names does not exist
)

// call is one request that a design leads to.
type call struct {
	op      *operation
	aim     aim
	label   string
	query   url.Values
	header  http.Header
	body    any
	hasBody bool
	broken  bool // it has a token that is none

	// set when it is sent
	values []string
	target string
}

// plan makes the calls of an operation, the likeliest to be accepted first.
func (r *runner) plan(op *operation) []call {
	base := r.plain(op)
	var fit, wrong []call
	if op.body == "" {
		fit = append(fit, base)
		if op.bodyRequired {
			return nil // it takes no JSON
		}
	}
	for _, v := range r.bodies(op) {
		c := base
		c.body, c.hasBody, c.label = v.value, true, v.label
		fit = append(fit, c)
	}
	fit, wrong = r.planQuery(op, base, fit)
	if op.body != "" {
		for _, v := range r.mistakesOf(op) {
			c := base
			c.aim, c.body, c.hasBody, c.label = mistaken, v.value, true, v.label
			wrong = append(wrong, c)
		}
	}
	return slices.Concat(r.plannedBody(op, base), r.some(fit, max(1, r.options.Calls/2)), r.some(wrong, r.options.Calls/4), r.planGuests(op, fit))
}

// plain is the call of an operation without a body that has nothing optional.
func (r *runner) plain(op *operation) call {
	c := call{op: op, aim: fitting, query: url.Values{}, header: http.Header{}}
	for _, p := range op.parameters {
		if p.required && (p.in == "query" || p.in == "header") {
			r.set(&c, p, r.sample(p))
		}
	}
	return c
}

// some takes the first two of a list, and of the rest as many as there may be.
func (r *runner) some(calls []call, n int) []call {
	if len(calls) > 2 {
		rest := calls[2:]
		r.requests.rand.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	}
	return calls[:min(n, len(calls))]
}

// plannedBody is the call with the body of the setup.
func (r *runner) plannedBody(op *operation, base call) []call {
	if r.options.Setup == nil {
		return nil
	}
	own := strings.TrimPrefix(op.path, r.design.base)
	for _, key := range []string{op.method + " " + own, op.id} {
		body, ok := r.options.Setup.Bodies[key]
		if !ok || key == "" {
			continue
		}
		filled, err := fillValue(body, r.variables)
		if err != nil {
			r.note("The body of the setup for %s: %v.", key, err)
			continue
		}
		base.aim, base.body, base.hasBody, base.label = given, filled, true, "with the body of the setup"
		return []call{base}
	}
	return nil
}

// bodies are those that fit: made of the schema, and the examples of the design.
func (r *runner) bodies(op *operation) []variant {
	if op.body == "" {
		return nil
	}
	made := r.requests.variants(op.body)
	for _, example := range op.examples {
		if r.requests.fits(op.body, example) {
			made = append(made, variant{value: example, label: "the design's example"})
		}
	}
	return made
}

// mistakesOf are bodies that do not fit, and such as are no JSON.
func (r *runner) mistakesOf(op *operation) []variant {
	made := r.requests.mistakes(op.body)
	made = append(made, variant{value: raw(`{"half":`), label: "half of a body"})
	if op.bodyRequired {
		made = append(made, variant{value: raw(""), label: "an empty body"})
	}
	return made
}

// planQuery adds calls with each optional parameter, as it should be and as it
// should not.
func (r *runner) planQuery(op *operation, base call, fit []call) (fits, wrong []call) {
	for _, p := range op.parameters {
		if p.in != "query" && p.in != "header" || p.schema == "" || strings.EqualFold(p.name, "Authorization") ||
			slices.Contains(r.options.Without, p.name) {
			continue
		}
		from := base
		if len(fit) > 0 {
			from = fit[0]
		}
		for _, v := range r.requests.variants(p.schema) {
			c := from
			c.label = strings.TrimSpace(p.in + " " + p.name + " " + v.label)
			r.set(&c, p, v.value)
			fit = append(fit, c)
		}
		for _, v := range r.requests.mistakes(p.schema) {
			if _, ok := scalar(v.value); !ok || slices.Contains(typesOf(r.requests.resolve(r.design.value(p.schema))), "string") && r.requests.fits(p.schema, fmt.Sprint(v.value)) {
				continue
			}
			c := from
			c.aim, c.label = odd, p.in+" "+p.name+" "+v.label
			r.set(&c, p, v.value)
			wrong = append(wrong, c)
		}
	}
	return fit, wrong
}

// planGuests makes calls without a token, with one that is none, and of what
// does not exist.
func (r *runner) planGuests(op *operation, fit []call) []call {
	if len(fit) == 0 {
		return nil
	}
	var all []call
	if op.secured {
		c := fit[0]
		c.aim, c.label = guest, "without a token"
		all = append(all, c)
		if r.headers.Get("Authorization") != "" {
			c.broken, c.label = true, "with a broken token"
			all = append(all, c)
		}
	}
	if len(op.variables()) > 0 {
		c := fit[0]
		c.aim, c.label = unknown, "of what does not exist"
		all = append(all, c)
	}
	return all
}

// sample is a value for a parameter.
func (r *runner) sample(p parameter) any {
	if value, ok := r.variables[p.name]; ok {
		return value
	}
	if p.example != nil {
		return p.example
	}
	if p.schema == "" {
		return r.requests.word(8)
	}
	return r.requests.make(p.schema, true, nil)
}

// set puts a parameter into a call of its own.
func (r *runner) set(c *call, p parameter, value any) {
	var texts []string
	if list, ok := value.([]any); ok {
		for _, item := range list {
			text, _ := scalar(item)
			texts = append(texts, text)
		}
	} else if text, ok := value.(string); ok {
		texts = []string{text}
	} else if value != nil {
		texts = []string{encode(value)}
	}
	if p.in == "header" {
		c.header = c.header.Clone()
		c.header.Set(p.name, strings.Join(texts, ", "))
		return
	}
	query := url.Values{}
	for name, values := range c.query {
		query[name] = values
	}
	query[p.name] = texts
	c.query = query
}

// address fills the path of a call, and reports whether it could.
func (r *runner) address(c *call, nth int) bool {
	names := c.op.variables()
	values, ok := r.pool.fill(c.op, nth)
	if c.aim == unknown {
		for len(values) < len(names) {
			values = append(values, "")
		}
		last := len(names) - 1
		values[last] = r.nothing(c.op, names[last])
		ok = true
		for i := range last {
			if values[i] == "" {
				values[i] = r.nothing(c.op, names[i])
			}
		}
	}
	if !ok {
		return false
	}
	c.values = values
	i := 0
	c.target = pathVariable.ReplaceAllStringFunc(c.op.path, func(string) string {
		i++
		return url.PathEscape(values[i-1])
	})
	if len(c.query) > 0 {
		c.target += "?" + c.query.Encode()
	}
	return true
}

// nothing is a value of a variable that nothing has.
func (r *runner) nothing(op *operation, name string) string {
	for _, p := range op.parameters {
		if p.in != "path" || p.name != name || p.schema == "" {
			continue
		}
		schema := r.requests.resolve(r.design.value(p.schema))
		if slices.Contains(typesOf(schema), "integer") {
			return "2000000011"
		}
		if value, ok := scalar(r.requests.make(p.schema, true, nil)); ok {
			return value
		}
	}
	return "nothing-" + r.requests.word(8)
}
