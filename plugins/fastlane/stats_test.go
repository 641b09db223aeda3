package fastlane_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/fastlane"
)

// TestEveryReasonHasACode reads the reasons in the source, as a metric must not have
// sentences in its labels.
func TestEveryReasonHasACode(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if of, ok := spec.Type.(*ast.Ident); !ok || of.Name != "Reason" {
				return true
			}
			sentence, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			code := fastlane.Reason(sentence).Code()
			if other, taken := seen[code]; taken || code == "other" {
				t.Errorf("%s has the code %q, as %s has: give it one in codes", spec.Names[0].Name, code, other)
			}
			seen[code] = spec.Names[0].Name
			return true
		})
	}
	if len(seen) < 30 {
		t.Errorf("found %d reasons, want all", len(seen))
	}
}

// TestReport asks for it as those who may, and as those who may not.
func TestReport(t *testing.T) {
	t.Parallel()
	w, _, signedIn := newPosts(t)
	w.mustServe(t, onePost, signedIn, true)
	w.mustServe(t, onePost, nil, true)
	w.mustServe(t, onePost+"?unknown=1", signedIn, false)
	w.mustServe(t, "/api/collections/posts/records?sort=@random", signedIn, false)
	for name, caller := range map[string]struct {
		header http.Header
		status int
	}{
		"a guest": {nil, http.StatusUnauthorized},
		"a user":  {signedIn, http.StatusForbidden},
	} {
		if got := w.ask(false, fastlane.Path, caller.header); got.status != caller.status || strings.Contains(got.body, "actions") {
			t.Errorf("%s gets %d: %s", name, got.status, got.body)
		}
	}
	got := w.ask(false, fastlane.Path, http.Header{"Authorization": {pbtest.Superuser(t, w.app)}})
	var report fastlane.Report
	if err := json.Unmarshal([]byte(got.body), &report); err != nil || got.status != http.StatusOK || report.Started.IsZero() || report.Front || report.Because == "" {
		t.Fatalf("a superuser gets %d, %v: %s", got.status, err, got.body)
	}
	of := map[string]fastlane.ActionStats{}
	for _, action := range report.Actions {
		of[action.Action] = action
	}
	if views := of["view"]; views.Served != 2 || len(views.HandedOn) != 1 || views.HandedOn[0] != (fastlane.ReasonStats{Code: "parameter", Reason: fastlane.ReasonParameter, Requests: 1}) {
		t.Errorf("views are %+v", views)
	}
	if lists := of["list"]; lists.Served != 0 || len(lists.HandedOn) != 1 || lists.HandedOn[0].Code != "sort" {
		t.Errorf("lists are %+v", lists)
	}
}
