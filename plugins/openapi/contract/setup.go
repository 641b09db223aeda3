package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Setup is what has to happen before the calls: accounts that are made, tokens
// that are fetched. {{name}} in any text stands for a variable.
type Setup struct {
	// Requests are sent one after another. What one saves, the next may use.
	Requests []SetupRequest `json:"requests"`
	// Headers are sent with every call that is not a guest's.
	Headers map[string]string `json:"headers"`
	// Variables are values by name. One with the name of a variable in a path
	// fills it where nothing else is known.
	Variables map[string]string `json:"variables"`
	// Bodies are such as no schema can tell, by operation: "POST /users/login"
	// with the path of the design. Each is sent once, and must be accepted.
	Bodies map[string]any `json:"bodies"`
}

// SetupRequest is one request of a setup.
type SetupRequest struct {
	Method string `json:"method"`
	// Path is below the address of the design's server, as its paths are. One
	// that begins with two slashes is below the root of the backend.
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    any               `json:"body"`
	// Save has JSON pointers into the answer, by the names of the variables that
	// are to have what is there.
	Save map[string]string `json:"save"`
}

// ParseSetup reads a setup in JSON.
func ParseSetup(source []byte) (*Setup, error) {
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.DisallowUnknownFields()
	var s Setup
	if err := decoder.Decode(&s); err != nil {
		return nil, fmt.Errorf("read the setup: %w", err)
	}
	return &s, nil
}

var placeholder = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// fillText replaces the variables in a text. Unknown ones are an error.
func fillText(text string, variables map[string]string) (string, error) {
	var unknown error
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		value, ok := variables[name]
		if !ok {
			unknown = fmt.Errorf("nothing has saved the variable %q", name)
		}
		return value
	})
	return filled, unknown
}

// fillValue replaces the variables in all texts of a value.
func fillValue(value any, variables map[string]string) (any, error) {
	switch value := value.(type) {
	case string:
		return fillText(value, variables)
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			filled, err := fillValue(item, variables)
			if err != nil {
				return nil, err
			}
			list[i] = filled
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(value))
		for name, member := range value {
			filled, err := fillValue(member, variables)
			if err != nil {
				return nil, err
			}
			object[name] = filled
		}
		return object, nil
	}
	return value, nil
}

// prepare sends the requests of the setup and sets the headers of the calls.
func (r *runner) prepare(ctx context.Context) error {
	r.headers = r.options.Header.Clone()
	if r.headers == nil {
		r.headers = http.Header{}
	}
	if r.options.Setup == nil {
		return nil
	}
	r.variables["random"] = r.requests.word(10)
	for name, value := range r.options.Setup.Variables {
		filled, err := fillText(value, r.variables)
		if err != nil {
			return fmt.Errorf("the variable %s of the setup: %w", name, err)
		}
		r.variables[name] = filled
	}
	for i, step := range r.options.Setup.Requests {
		if err := r.step(ctx, step); err != nil {
			return fmt.Errorf("request %d of the setup, %s %s: %w", i+1, step.Method, step.Path, err)
		}
	}
	for name, value := range r.options.Setup.Headers {
		filled, err := fillText(value, r.variables)
		if err != nil {
			return fmt.Errorf("the header %s of the setup: %w", name, err)
		}
		if r.headers.Get(name) == "" {
			r.headers.Set(name, filled)
		}
	}
	return nil
}

// step sends one request of the setup and saves what it is to save.
func (r *runner) step(ctx context.Context, step SetupRequest) error {
	if r.options.ReadOnly && step.Method != http.MethodGet && step.Method != http.MethodHead {
		return errors.New("only GET and HEAD are sent in a check that only reads; give it a token by --header")
	}
	path, err := fillText(step.Path, r.variables)
	if err != nil {
		return err
	}
	body, err := fillValue(step.Body, r.variables)
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range step.Headers {
		if value, err = fillText(value, r.variables); err != nil {
			return err
		}
		header.Set(name, value)
	}
	target := r.design.base + path
	if strings.HasPrefix(path, "//") {
		target = path[1:]
	}
	got, err := r.send(ctx, step.Method, target, header, body, body != nil)
	if err != nil {
		return err
	}
	if got.status >= 300 {
		return fmt.Errorf("the answer is %d %s", got.status, shorten(string(got.body), 300))
	}
	value, _ := got.json()
	for name, pointer := range step.Save {
		found := valueAt(value, pointer)
		if found == nil {
			return fmt.Errorf("there is nothing at %s in the answer %s", pointer, shorten(string(got.body), 300))
		}
		r.variables[name] = fmt.Sprint(found)
	}
	r.pool.notice(value)
	return nil
}
