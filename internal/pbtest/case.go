package pbtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

// Case claims what comes of one request, for what a [Matrix] cannot say:
// somebody's way round a rule, most of the time.
type Case struct {
	// Name says what holds: "a technician cannot give the order away".
	Name string
	// As is a name of World.People, or [Guest].
	As string
	// Method defaults to GET.
	Method string
	// Path is the address with its query. It is sent as it is, so escape it.
	Path string
	// Body is sent as JSON, or as a form when it has a [File]. [Self] as a value
	// stands for the id of who sends it.
	Body map[string]any
	// Status is the wanted status. Defaults to 200.
	Status int
	// IDs are the ids of all records in the wanted list, in any order. Nil
	// leaves them open, an empty slice wants none.
	IDs []string
	// Has and HasNot are texts that the answer must, and must not, contain.
	Has, HasNot []string
	// Before prepares the app.
	Before func(app core.App) error
	// After looks at what the request did.
	After func(app core.App) error
}

// harmless reports whether the case, as long as its claim holds, leaves the app
// as it is, so that others can use it too.
func (c Case) harmless() bool {
	reads := c.Method == "" || c.Method == http.MethodGet
	return c.Before == nil && (reads || c.Status >= http.StatusBadRequest)
}

// about reports whether the case's outcome may depend on the rule of the action.
func (c Case) about(action string) bool {
	switch c.Method {
	case "", http.MethodGet:
		return action == "list" || action == "view"
	case http.MethodPost:
		return action == "create"
	case http.MethodPatch:
		return action == "update"
	case http.MethodDelete:
		return action == "delete"
	default:
		return true
	}
}

func (c Case) check(tb testing.TB, s *stage) error {
	tb.Helper()
	if c.Before != nil {
		if err := c.Before(s.app); err != nil {
			return fmt.Errorf("before: %w", err)
		}
	}
	if c.Status == 0 {
		c.Status = http.StatusOK
	}
	answer := s.do(tb, c.As, c.Method, c.Path, c.Body)
	if answer.Status != c.Status {
		return fmt.Errorf("%s %s: got %d %s, want %d", c.Method, c.Path, answer.Status, answer.Body, c.Status)
	}
	for _, text := range c.Has {
		if !strings.Contains(string(answer.Body), text) {
			return fmt.Errorf("got %s, want %q in it", answer.Body, text)
		}
	}
	for _, text := range c.HasNot {
		if strings.Contains(string(answer.Body), text) {
			return fmt.Errorf("got %s, want no %q in it", answer.Body, text)
		}
	}
	if c.IDs != nil {
		if err := listed(tb, answer, c.IDs); err != nil {
			return err
		}
	}
	if c.After != nil {
		return c.After(s.app)
	}
	return nil
}
