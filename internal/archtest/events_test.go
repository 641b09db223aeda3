package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/archtest"
)

func TestSwallowedEvents(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name     string
		body     string // of func(e *core.RecordEvent) error
		problems int
	}{
		{"passes on", `return e.Next()`, 0},
		{"passes on and goes on", `if err := e.Next(); err != nil { return err }; work(); return nil`, 0},
		{"keeps the result", `err := e.Next(); work(); return err`, 0},
		{"refuses", `if bad() { return errors.New("bad") }; return e.Next()`, 0},
		{"refuses with an API error", `if bad() { return e.BadRequestError("Bad.", nil) }; return e.Next()`, 0},
		{"refuses with field errors", `if bad() { return validation.Errors{"a": nil} }; return e.Next()`, 0},
		{"refuses with an error of the package", `if bad() { return refusal("bad") }; return e.Next()`, 0},
		{"refuses with an error type of the package", `if bad() { return answer("bad") }; return e.Next()`, 0},
		{"refuses with a failure", `if err := work(); err != nil { return err }; return e.Next()`, 0},
		{"refuses with a wrapped failure", `err := work(); if err != nil { return wrap("work", err) }; return e.Next()`, 0},
		{"combines", `return withFields(problems, e.Next())`, 0},
		{"passes on in a transaction", `return inTransaction(e.App, func() error { if err := work(); err != nil { return err }; return e.Next() })`, 0},
		{"hands the function on", `return later(e.Next)`, 0},
		{"hands the event on", `if special() { return other(e) }; return e.Next()`, 0},
		{"passes on either way", `if a() { if err := e.Next(); err != nil { return err } } else { if err := e.Next(); err != nil { return err } }; return nil`, 0},

		{"returns nil", `return nil`, 1},
		{"returns nil on one path", `if skip() { return nil }; return e.Next()`, 1},
		{"returns nil in a loop", `for _, x := range xs { if x { return nil } }; return e.Next()`, 1},
		{"returns nil in a case", `switch x { case 1: return nil }; return e.Next()`, 1},
		{"returns what may be nil", `err := work(); return err`, 1},
		{"returns what another function does", `return work()`, 1},
		{"passes on one way only", `if a() { if err := e.Next(); err != nil { return err } }; return nil`, 1},
		{"passes another event on", `return f.Next()`, 1},
		{"returns nil in a transaction", `return inTransaction(e.App, func() error { if done() { return nil }; return e.Next() })`, 1},
		{"returns nil on the wrong side", `if err := work(); err == nil { return err }; return e.Next()`, 1},
		{"twice", `if a() { return nil }; if b() { return nil }; return e.Next()`, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			forms := map[string]string{
				"literal": `func bind(app core.App) { app.OnRecordCreate().BindFunc(func(e *core.RecordEvent) error { ` + c.body + ` }) }`,
				"named":   `func handle(e *core.RecordEvent) error { ` + c.body + ` }; func bind(app core.App) { app.OnRecordCreate().BindFunc(handle) }`,
				"method":  `func (h *hooks) handle(e *core.RecordEvent) error { ` + c.body + ` }; func bind(app core.App, h *hooks) { bindTo(app, h.handle) }`,
			}
			for form, source := range forms {
				if got := swallowed(t, source); len(got) != c.problems {
					t.Errorf("%s: got %q, want %d", form, got, c.problems)
				}
			}
		})
	}
}

func TestSwallowedEventsLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"the end of an own chain":   `func end(app core.App) error { return app.OnTerminate().Trigger(event, func(e *core.TerminateEvent) error { return nil }) }`,
		"a route":                   `func bind(r Router) { r.GET("/", func(e *core.RequestEvent) error { return nil }) }`,
		"a function that is called": `func check(e *core.RecordEvent) error { return nil }; func handle(app core.App, e *core.RecordEvent) error { return check(app, e) }`,
		"no event":                  `func handle(app core.App) error { return nil }; var _ = handle`,
		"another kind of result":    `func handle(e *core.RecordEvent) (int, error) { return 0, nil }; var _ = handle`,
		"another package's event":   `func handle(e *other.RecordEvent) error { return nil }; var _ = handle`,
	}
	for name, source := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := swallowed(t, source); len(got) != 0 {
				t.Errorf("got %q, want none", got)
			}
		})
	}
}

func TestSwallowedEventsFollowsDelegation(t *testing.T) {
	t.Parallel()
	source := `func other(e *core.RecordEvent) error { return nil }
		func bind(app core.App) { app.OnRecordCreate().BindFunc(func(e *core.RecordEvent) error { return other(e) }) }`
	if got := swallowed(t, source); len(got) != 1 || !strings.Contains(got[0], "test.go:2") {
		t.Errorf("got %q, want the handler that is handed the event", got)
	}
}

// swallowed runs the check on a package of one file.
func swallowed(t *testing.T, source string) []string {
	t.Helper()
	files := token.NewFileSet()
	source = "package hooks\n" + source + "\nfunc refusal(text string) error { if text == \"\" { return errors.New(text) }; return &refused{text} }\n" +
		"func answer(text string) *router.ApiError { a := router.NewApiError(400, text, nil); return a }\n"
	file, err := parser.ParseFile(files, "test.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return archtest.SwallowedEvents(files, []*ast.File{file})
}
