package contract_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

func TestConformCommand(t *testing.T) {
	t.Parallel()
	spec := file(t, "design.yaml", design)
	none := file(t, "none.yaml", "openapi: 3.1.0\ninfo: {title: A, version: '1'}\n")
	outside := file(t, "outside.yaml", strings.Replace(design, `"#/components/schemas/NewPaper"`, `"other.yaml"`, 1))
	good := []string{"--header", "Authorization: Bearer good"}
	cases := []struct {
		name, fault string
		args        []string
		started     bool // a backend, not one that runs
		code        int
		says        string
		wrote       bool
	}{
		{"a backend that is started", "", append([]string{spec}, good...), true, 0, "4 ok", true},
		{"one that is not as designed", "422", append([]string{spec}, good...), true, 1, "failed", true},
		{"one that runs is only read", "422", append([]string{spec}, good...), false, 0, "not called", false},
		{"unless it may be written to", "422", append([]string{spec, "--write"}, good...), false, 1, "failed", true},
		{"JSON", "422", append([]string{spec, "--json"}, good...), true, 1, `"verdict": "failed"`, true},
		{"a superuser", "", []string{spec, "--as", "superuser"}, true, 0, "4 ok", true},
		{"somebody else", "", []string{spec, "--as", "anna"}, true, 2, "--setup", false},
		{"no design", "", []string{spec + "x"}, true, 2, "no such file", false},
		{"a design of nothing", "", []string{none}, true, 2, "no operations", false},
		{"a design of several files", "", []string{outside}, true, 2, "other.yaml", false},
		{"no pattern", "", []string{spec, "--only", "("}, true, 2, "--only", false},
		{"no header", "", []string{spec, "--header", "Bearer good"}, true, 2, "Name: value", false},
		{"too many calls", "", []string{spec, "--calls", "1000"}, true, 2, "Calls", false},
		{"writing without an address", "", []string{spec, "--write"}, true, 2, "--url", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			backend := &papers{fault: c.fault, all: map[int]map[string]any{}}
			server := httptest.NewServer(backend)
			t.Cleanup(server.Close)
			stopped := false
			config := contract.Config{Start: func(context.Context, []string) (*contract.Server, error) {
				return &contract.Server{URL: server.URL, Superuser: "Bearer good", Stop: func() error { stopped = true; return nil }}, nil
			}}
			args := append([]string{"conform"}, c.args...)
			if !c.started {
				args = append(args, "--url", server.URL)
			}
			out, code := run(t, config, "", args...)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("got %d, want %d and %q:\n%s", code, c.code, c.says, out)
			}
			wrote := slices.ContainsFunc(backend.calls, func(call string) bool { return !strings.HasPrefix(call, "GET ") })
			if wrote != c.wrote {
				t.Errorf("it wrote: %t, want %t", wrote, c.wrote)
			}
			if len(backend.calls) > 0 && stopped != c.started {
				t.Errorf("it stopped the backend: %t, want %t", stopped, c.started)
			}
		})
	}
}

// The report names no token, also where it says how to repeat a call.
func TestReportsKeepTokens(t *testing.T) {
	t.Parallel()
	report, _ := check(t, "422", contract.Options{})
	encoded, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	got := text(t, report)
	if strings.Contains(got+string(encoded), "Bearer good") {
		t.Errorf("got the token in\n%s", got)
	}
	if !strings.Contains(got, `-H "Authorization: $AUTHORIZATION"`) {
		t.Errorf("got no way to repeat a call in\n%s", got)
	}
}
