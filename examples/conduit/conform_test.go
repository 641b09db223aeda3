package main

import (
	"os"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/openapi/contract"
)

// Conduit is what its design document says, as "openapi conform" judges it.
func TestConformsToTheDesign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	source, err := os.ReadFile("openapi.yml")
	if err != nil {
		t.Fatal(err)
	}
	design, err := contract.ParseDocument(source)
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("conform.json")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := contract.ParseSetup(script)
	if err != nil {
		t.Fatal(err)
	}
	report, err := contract.Conform(t.Context(), design, w.url, contract.Options{Setup: setup})
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.WriteText(&text, true); err != nil {
		t.Fatal(err)
	}
	if report.Failed() {
		t.Errorf("got\n%s", &text)
	}
	for _, op := range report.Operations {
		if op.Verdict != contract.OK || op.Accepted == 0 {
			t.Errorf("%s %s: %s with %d calls accepted, want that some are", op.Method, op.Path, op.Verdict, op.Accepted)
		}
	}
}
