package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// problem is one thing about a value that is not as a schema wants it.
type problem struct {
	at        string // a JSON pointer into the value
	want, got string
	keyword   string // of the schema, "maxLength"
}

var english = message.NewPrinter(language.English)

// problemsOf lists the innermost causes of an error.
func problemsOf(err *jsonschema.ValidationError, value any) []problem {
	at := ""
	for _, part := range err.InstanceLocation {
		at += "/" + escapePointer(part)
	}
	switch err.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		if best := likeliest(err); best != nil {
			return problemsOf(best, value)
		}
		return []problem{{at: at, want: "one of several forms", got: shorten(encode(valueAt(value, at)), 80), keyword: "anyOf"}}
	case *kind.Not, *kind.Contains, *kind.PropertyNames:
	default:
		if len(err.Causes) > 0 {
			var all []problem
			for _, cause := range err.Causes {
				all = append(all, problemsOf(cause, value)...)
			}
			return all
		}
	}
	return describe(err.ErrorKind, at, valueAt(value, at))
}

// likeliest is the one form of several that the value is of the type of, nil if
// there are more or none.
func likeliest(err *jsonschema.ValidationError) *jsonschema.ValidationError {
	var found *jsonschema.ValidationError
	for _, cause := range err.Causes {
		if mistyped(cause, len(err.InstanceLocation)) {
			continue
		}
		if found != nil {
			return nil
		}
		found = cause
	}
	return found
}

// mistyped reports whether the value as a whole has another type or is another
// constant.
func mistyped(err *jsonschema.ValidationError, depth int) bool {
	if len(err.Causes) == 0 {
		switch err.ErrorKind.(type) {
		case *kind.Type, *kind.Const, *kind.Enum:
			return len(err.InstanceLocation) == depth
		}
		return false
	}
	for _, cause := range err.Causes {
		if mistyped(cause, depth) {
			return true
		}
	}
	return false
}

// describe says what one keyword wants, and what it got.
func describe(what jsonschema.ErrorKind, at string, value any) []problem {
	got := shorten(encode(value), 80)
	path := what.KeywordPath()
	keyword := ""
	if len(path) > 0 {
		keyword = path[0]
	}
	switch what := what.(type) {
	case *kind.Type:
		return []problem{{at: at, want: strings.Join(what.Want, " or "), got: got, keyword: keyword}}
	case *kind.Required:
		var all []problem
		for _, name := range what.Missing {
			all = append(all, problem{at: at + "/" + escapePointer(name), want: "a value", got: "nothing", keyword: keyword})
		}
		return all
	case *kind.AdditionalProperties:
		var all []problem
		for _, name := range what.Properties {
			all = append(all, problem{at: at + "/" + escapePointer(name), want: "no member of this name", got: shorten(encode(lookUp(value, name)), 80), keyword: keyword})
		}
		return all
	case *kind.Enum:
		return []problem{{at: at, want: "one of " + shorten(encode(what.Want), 120), got: got, keyword: keyword}}
	case *kind.Const:
		return []problem{{at: at, want: encode(what.Want), got: got, keyword: keyword}}
	case *kind.Format:
		return []problem{{at: at, want: "the format " + what.Want, got: got, keyword: keyword}}
	case *kind.Pattern:
		return []problem{{at: at, want: "the pattern " + what.Want, got: got, keyword: keyword}}
	case *kind.MinLength:
		return []problem{{at: at, want: fmt.Sprintf("at least %d characters", what.Want), got: fmt.Sprint(what.Got), keyword: keyword}}
	case *kind.MaxLength:
		return []problem{{at: at, want: fmt.Sprintf("at most %d characters", what.Want), got: fmt.Sprint(what.Got), keyword: keyword}}
	}
	return []problem{{at: at, want: what.LocalizedString(english), got: got, keyword: keyword}}
}

func encode(value any) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(encoded)
}

// shorten cuts a text to about n bytes, between characters.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}

// anyItem is the index of a list in a pointer.
var anyItem = regexp.MustCompile(`/\d+(/|$)`)
