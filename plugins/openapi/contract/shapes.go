package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shapes compares what a design says of an operation with what the backend's own
// document says of it. It does so by examples: what the design lets clients send
// has to fit the backend's schema, and what the backend may answer the design's.
type shapes struct {
	design, own *Document
	wanted      *maker // of requests, from the design
	offered     *maker // of answers, from the backend
}

// compare says what differs, and what differs only in limits that one of the two
// does not state.
func (s *shapes) compare(design, own *operation) (findings, notes []Finding) {
	if own.undescribed {
		return nil, []Finding{{Where: "the backend's document", Want: "a description", Got: "none, so only calls can tell", Times: 1}}
	}
	found := func(hard bool, f Finding) {
		if f.Kind = Differs; hard {
			findings = add(findings, f)
			return
		}
		f.Kind = ""
		notes = add(notes, f)
	}
	if own.secured && !design.secured {
		found(true, Finding{Where: "sign-in", Want: "none needed", Got: "needed"})
	} else if design.secured && !own.secured {
		found(false, Finding{Where: "sign-in", Want: "needed", Got: "not needed, says the backend's document"})
	}
	s.parameters(design, own, found)
	s.request(design, own, found)
	s.answers(design, own, found)
	return findings, notes
}

// parameters compares those of the query and of headers: the names of those in
// the path do not matter.
func (s *shapes) parameters(design, own *operation, found func(bool, Finding)) {
	for _, p := range own.parameters {
		if p.required && p.in != "path" && design.parameter(p) == nil {
			found(true, Finding{Where: p.in + " " + p.name, Want: "not needed", Got: "required"})
		}
	}
	for _, p := range design.parameters {
		if p.in == "path" || p.in == "cookie" {
			continue
		}
		theirs := own.parameter(p)
		if theirs == nil {
			found(true, Finding{Where: p.in + " " + p.name, Want: "a parameter", Got: "none of this name"})
			continue
		}
		if p.schema == "" || theirs.schema == "" {
			continue
		}
		for _, v := range s.wanted.variants(p.schema) {
			s.check(p.in+" "+p.name, v, s.own.requests, theirs.schema, false, found)
		}
	}
}

// parameter is the one of the same name and place, nil without.
func (op *operation) parameter(like parameter) *parameter {
	for i, p := range op.parameters {
		if p.in == like.in && (p.name == like.name || p.in == "header" && strings.EqualFold(p.name, like.name)) {
			return &op.parameters[i]
		}
	}
	return nil
}

func (s *shapes) request(design, own *operation, found func(bool, Finding)) {
	switch {
	case design.body == "":
		if own.body != "" && own.bodyRequired {
			found(true, Finding{Where: "body", Want: "none", Got: "required"})
		}
		return
	case own.body == "":
		found(true, Finding{Where: "body", Want: "JSON", Got: "no JSON body in the backend's document"})
		return
	}
	if !design.bodyRequired && own.bodyRequired {
		found(true, Finding{Where: "body", Want: "may be left out", Got: "required"})
	}
	for _, v := range s.wanted.variants(design.body) {
		s.check("body", v, s.own.requests, own.body, false, found)
	}
}

// check tries a value on the schema of the other side. A limit that the side of
// the value does not speak of is no difference but worth a note. answer says
// that it is the backend that the value comes from.
func (s *shapes) check(where string, v variant, against *dialect, schema string, answer bool, found func(bool, Finding)) {
	problems, err := against.validate(schema, v.value)
	if err != nil {
		found(true, Finding{Where: where, Want: "a schema", Got: err.Error()})
		return
	}
	for _, p := range problems {
		f := Finding{Where: strings.TrimSpace(where + " " + p.at), Want: p.want, Got: p.got + ", says the backend's document"}
		if !answer {
			f.Want, f.Got = p.got+" to be accepted, which fits the design", p.want+", says the backend's document"
			if p.keyword == "required" {
				f.Want, f.Got = "may be left out", "required, says the backend's document"
			}
		}
		found(!isLimit(p.keyword) || !v.open && states(v.nodes[p.at], p.keyword), f)
	}
}

var limits = []string{
	"minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
	"minItems", "maxItems", "uniqueItems", "multipleOf", "minProperties", "maxProperties",
}

func isLimit(keyword string) bool { return slices.Contains(limits, keyword) }

// states reports whether a schema speaks of what the keyword limits.
func states(schema map[string]any, keyword string) bool {
	texts := []string{"pattern", "format", "enum", "const"}
	if slices.Contains(texts, keyword) {
		return slices.ContainsFunc(texts, func(key string) bool { return schema[key] != nil })
	}
	return schema[keyword] != nil || schema["enum"] != nil || schema["const"] != nil
}

func (s *shapes) answers(design, own *operation, found func(bool, Finding)) {
	for _, status := range slices.Sorted(maps.Keys(own.responses)) {
		ours, ok := design.responses[status]
		if !ok {
			ours, ok = design.responses[status[:1]+"XX"]
		}
		if !ok {
			ours, ok = design.responses["DEFAULT"]
		}
		if !ok {
			f := Finding{Where: "status", Want: "one of " + design.statuses(), Got: strings.ToLower(status) + ", says the backend's document"}
			found(strings.HasPrefix(status, "2") && status != "2XX", f)
			continue
		}
		s.answer(status, ours, own.responses[status], found)
	}
}

// answer compares the bodies of one status.
func (s *shapes) answer(status string, design, own answer, found func(bool, Finding)) {
	where := "answer " + strings.ToLower(status)
	wanted, theirs := design.json(), own.json()
	if wanted == "" {
		if len(design.content) == 0 && len(own.content) > 0 {
			found(true, Finding{Where: where, Want: "no body", Got: "a body"})
		}
		return
	}
	if theirs == "" {
		// without a schema the calls tell
		found(len(own.content) == 0 && strings.HasPrefix(status, "2"), Finding{Where: where, Want: "a JSON body", Got: "none in the backend's document"})
		return
	}
	made := s.offered.variants(theirs)
	if len(made) == 0 {
		found(false, Finding{Where: where, Want: "an example of the backend's schema", Got: "none could be made"})
	}
	for _, v := range made {
		s.check(where, v, s.design.answers, wanted, true, found)
	}
}

// json is where the schema of a JSON body is, "" for none.
func (a answer) json() string {
	for _, kind := range slices.Sorted(maps.Keys(a.content)) {
		if isJSON(kind) && a.content[kind] != "" {
			return a.content[kind]
		}
	}
	return ""
}

// match finds the operation of a document that has the method and path of
// another, whatever its variables are called.
func (d *Document) match(op *operation) *operation {
	for _, other := range d.operations {
		if other.key() == op.key() {
			return other
		}
	}
	return nil
}

func (op *operation) String() string { return fmt.Sprintf("%s %s", op.method, op.path) }
