package openapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// A change of the schema, of the settings or of what a caller may do is in the
// next document, and nothing else makes it another.
func TestDocumentsFollowWhatTheyDescribe(t *testing.T) {
	t.Parallel()
	app := torture.New(t, register(openapi.Config{}))
	handler := pbtest.Handler(t, app)
	etag := ""
	get := func() int {
		t.Helper()
		answer := doWithHeader(t, handler, pbtest.Request{Path: openapi.Path}, "If-None-Match", etag)
		if answer.Header.Get("ETag") == "" || !strings.Contains(answer.Header.Get("Vary"), "Authorization") {
			t.Errorf("the headers are %v", answer.Header)
		}
		etag = answer.Header.Get("ETag")
		return answer.Status
	}
	expect := func(status int, after string) {
		t.Helper()
		if got := get(); got != status {
			t.Errorf("after %s: got %d, want %d", after, got, status)
		}
		if got := get(); got != http.StatusNotModified {
			t.Errorf("again after %s: got %d, want 304", after, got)
		}
	}
	expect(200, "the start")

	c, err := app.FindCollectionByNameOrId("targets")
	if err != nil {
		t.Fatal(err)
	}
	c.Fields.Add(&core.TextField{Name: "fresh"})
	if err := app.Save(c); err != nil {
		t.Fatal(err)
	}
	expect(200, "a new field")
	failed := app.RunInTransaction(func(tx core.App) error {
		c, err := tx.FindCollectionByNameOrId("targets")
		if err != nil {
			return err
		}
		c.Fields.Add(&core.TextField{Name: "rolled_back"})
		if err := tx.Save(c); err != nil {
			return err
		}
		return io.EOF
	})
	if failed == nil {
		t.Fatal("the transaction was not rolled back")
	}
	expect(304, "a field that was rolled back")
	c.ListRule = nil
	if err := app.Save(c); err != nil {
		t.Fatal(err)
	}
	expect(200, "a rule")
	settings := app.Settings()
	settings.Meta.AppName = "Elsewhere"
	if err := app.Save(settings); err != nil {
		t.Fatal(err)
	}
	expect(200, "the app's name")
	settings.RateLimits.Enabled = true
	settings.RateLimits.Rules = []core.RateLimitRule{{Label: "/nowhere", MaxRequests: 1, Duration: 1}}
	if err := app.Save(settings); err != nil {
		t.Fatal(err)
	}
	expect(304, "rate limits of what is not in it")
	settings.RateLimits.Rules = []core.RateLimitRule{{Label: "/api/", MaxRequests: 1000, Duration: 1}}
	if err := app.Save(settings); err != nil {
		t.Fatal(err)
	}
	expect(200, "rate limits")
	apidoc.Of(app).AddRule(apidoc.Rule{ID: "test", Apply: func(method, _ string, op *apidoc.Operation) {
		if method == "POST" {
			op.Parameters = append(op.Parameters, apidoc.Parameter{Name: "Idempotency-Key", In: "header", Schema: &apidoc.Schema{Type: "string"}})
		}
	}})
	expect(200, "a rule for operations of others")
	if body := pbtest.Do(t, handler, pbtest.Request{Path: openapi.Path}).Body; !bytes.Contains(body, []byte("Idempotency-Key")) || !bytes.Contains(body, []byte(`"title":"Elsewhere"`)) {
		t.Error("the changes are not in the document")
	}
	if c.ListRule = types.Pointer(""); app.Save(c) != nil {
		t.Fatal("the rule was not saved")
	}
	expect(200, "the old rule")
}

func TestViews(t *testing.T) {
	t.Parallel()
	app := torture.New(t, register(openapi.Config{Private: true}))
	tellsOfLocked(t, app)
	do := serve(t, app)
	root := pbtest.Superuser(t, app)
	if got := do(pbtest.Request{Path: openapi.Path}).Status; got != 401 {
		t.Errorf("a guest of a private document gets %d, want 401", got)
	}
	all, public := fetch(t, do, root), do(pbtest.Request{Path: openapi.Path + "?view=public", Token: root})
	if public.Status != 200 || len(public.Body) >= len(all) || bytes.Contains(public.Body, []byte("/api/settings")) {
		t.Errorf("the public view: %d, %d bytes of %d", public.Status, len(public.Body), len(all))
	}
	if got := do(pbtest.Request{Path: openapi.Path + "?view=mine", Token: root}).Status; got != 400 {
		t.Errorf("an unknown view gets %d, want 400", got)
	}
	for _, secret := range []string{`"secret"`, `"hidden"`, "locked"} {
		if bytes.Contains(public.Body, []byte(secret)) {
			t.Errorf("the public document tells of %s", secret)
		}
		if !bytes.Contains(all, []byte(secret)) {
			t.Errorf("the document of superusers does not tell of %s", secret)
		}
	}
}

// tellsOfLocked has a collection that is open to everybody lead to one that is
// locked.
func tellsOfLocked(t *testing.T, app core.App) {
	t.Helper()
	locked, err := app.FindCollectionByNameOrId("locked")
	if err != nil {
		t.Fatal(err)
	}
	targets, err := app.FindCollectionByNameOrId("targets")
	if err != nil {
		t.Fatal(err)
	}
	targets.Fields.Add(
		&core.RelationField{Name: "one_kept", CollectionId: locked.Id, MaxSelect: 1},
		&core.RelationField{Name: "some_kept", CollectionId: locked.Id, MaxSelect: 9},
	)
	if err := app.Save(targets); err != nil {
		t.Fatal(err)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	for name, ui := range map[string]openapi.UI{"Scalar": openapi.Scalar, "Swagger UI": openapi.SwaggerUI} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := pbtest.New(t, register(openapi.Config{UI: ui}))
			handler := pbtest.Handler(t, app)
			page := pbtest.Do(t, handler, pbtest.Request{Path: openapi.DocsPath})
			policy := page.Header.Get("Content-Security-Policy")
			if page.Status != 200 || !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "http") {
				t.Errorf("the page: %d, %s", page.Status, policy)
			}
			sums, checked := openapi.Sums(ui), 0
			for _, match := range regexp.MustCompile(`(?:src|href)="docs/([^"?]+)([^"]*)"`).FindAllSubmatch(page.Body, -1) {
				for _, encoding := range []string{"gzip", "-"} {
					got := doWithHeader(t, handler, pbtest.Request{Path: openapi.DocsPath + "/" + string(match[1]) + string(match[2])}, "Accept-Encoding", encoding)
					if got.Status != 200 || len(got.Body) == 0 {
						t.Errorf("%s: %d", match[1], got.Status)
					}
					if want := sums[string(match[1])]; want != "" && encoding == "-" {
						checked++
						if sum := sha256.Sum256(got.Body); hex.EncodeToString(sum[:]) != want {
							t.Errorf("%s has the checksum %x", match[1], sum)
						}
					}
				}
			}
			if checked != len(sums) {
				t.Errorf("the page loads %d of the files %v", checked, sums)
			}
			license := pbtest.Do(t, handler, pbtest.Request{Path: openapi.DocsPath + "/LICENSE"})
			if license.Status != 200 || !bytes.Contains(license.Body, []byte("Copyright")) {
				t.Errorf("the licence: %d", license.Status)
			}
			if bytes.Contains(page.Body, []byte("<script>")) || regexp.MustCompile(`https?://`).Match(page.Body) {
				t.Error("the page has inline scripts, or names another server")
			}
		})
	}
	bare := torture.New(t, register(openapi.Config{NoDocs: true}))
	if got := serve(t, bare)(pbtest.Request{Path: openapi.DocsPath}).Status; got != 404 {
		t.Errorf("the page that is left out: %d", got)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (string, error) {
		app := torture.New(t, bindParcels)
		root := &cobra.Command{SilenceErrors: true}
		openapi.MustRegister(app, openapi.Config{RootCmd: root})
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(append([]string{"openapi"}, args...))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	everything, err := run()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(everything)) || !strings.Contains(everything, "/api/v1/depot") || !strings.Contains(everything, "/api/settings") {
		t.Errorf("the document lacks something: %d bytes", len(everything))
	}
	public, err := run("--view", "public", "--compact")
	if err != nil || strings.Contains(public, "/api/settings") || !strings.Contains(public, "/api/v1/parcels/{id}") || strings.Count(public, "\n") != 1 {
		t.Errorf("the public document: %v, %d bytes", err, len(public))
	}
	if _, err := run("--view", "mine"); err == nil {
		t.Error("an unknown view is no error")
	}
	var told bytes.Buffer
	root := &cobra.Command{}
	root.SetOut(io.Discard)
	root.SetErr(&told)
	root.SetArgs([]string{"openapi"})
	openapi.MustRegister(pbtest.New(t), openapi.Config{RootCmd: root})
	if err := root.ExecuteContext(t.Context()); err != nil || strings.Count(told.String(), "\n") != 1 || !strings.Contains(told.String(), "--migrate") {
		t.Errorf("got %q, %v for an empty database", told.String(), err)
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t)
	for _, config := range []openapi.Config{{RuleTimeout: 1}, {ServerURL: "https://example.com/?x=1"}, {UI: 2}} {
		if _, err := openapi.Register(app, config); err == nil {
			t.Errorf("%+v is accepted", config)
		}
	}
	if _, err := openapi.Register(app, openapi.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := openapi.Register(app, openapi.Config{}); err == nil {
		t.Error("a second registration is no error")
	}
}
