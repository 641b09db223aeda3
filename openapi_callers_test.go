//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
)

// api is the program with demo data, and people who call it.
type api struct {
	*server
	root      string
	documents map[string]*apispec.Document // by who reads it
	tokens    map[string]string
	ids       map[string][]string // of the records of each collection
}

// people are those in the demo's first organization by their role, and others.
var people = map[string]string{
	"owner":      "ottoline@demo.example",
	"dispatcher": "fenwick@demo.example",
	"technician": "barnaby@demo.example",
	"viewer":     "winifred@demo.example",
	"competitor": "casimir@demo.example", // the owner of another organization
	"stranger":   "vesper@example.com",   // with an account and nothing else
}

func startAPI(t *testing.T) *api {
	t.Helper()
	a := &api{
		// operations are tried with wrong passwords, too
		server: serve(t, "", []string{"HOLDALL_DEMO=true", "HOLDALL_LOCKOUT=false"}), documents: map[string]*apispec.Document{},
		ids: map[string][]string{},
	}
	a.root = a.signIn(t, rootPassword)
	a.must(t, http.MethodPost, "/api/collections/users/records", a.root,
		`{"email":"vesper@example.com","password":"holdall-demo","passwordConfirm":"holdall-demo","verified":true}`, nil)
	a.tokens = map[string]string{"guest": "", "superuser": a.root}
	for who, email := range people {
		var auth struct{ Token string }
		a.must(t, http.MethodPost, "/api/collections/users/auth-with-password", "", fmt.Sprintf(`{"identity":%q,"password":"holdall-demo"}`, email), &auth)
		a.tokens[who] = auth.Token
	}
	for who := range a.tokens {
		a.documents[who] = apispec.Read(t, a.send(t, who, pbtest.Request{Path: "/api/openapi.json"}).Body)
	}
	for who := range people {
		a.addTraces(t, who)
	}
	for _, collection := range []string{"organizations", "users", "memberships", "sites", "work_orders", "notes", "photos"} {
		a.ids[collection] = a.visible(t, "superuser", collection, 500)
	}
	return a
}

// addTraces adds what PocketBase itself keeps of an account.
func (a *api) addTraces(t *testing.T, who string) {
	t.Helper()
	var auth struct {
		Record struct{ ID, CollectionID string }
	}
	a.must(t, http.MethodPost, "/api/collections/users/auth-refresh", a.tokens[who], "", &auth)
	of := fmt.Sprintf(`"recordRef":%q,"collectionRef":%q`, auth.Record.ID, auth.Record.CollectionID)
	for collection, rest := range map[string]string{
		"_externalAuths": `"provider":"github","providerId":"` + who + `"`,
		"_mfas":          `"method":"password"`,
		"_otps":          `"password":"12345678"`,
	} {
		a.must(t, http.MethodPost, "/api/collections/"+collection+"/records", a.root, "{"+of+","+rest+"}", nil)
	}
}

// send sends a request of somebody.
func (a *api) send(t *testing.T, who string, r pbtest.Request) pbtest.Response {
	t.Helper()
	var body io.Reader = http.NoBody
	kind := r.ContentType
	switch content := r.Body.(type) {
	case nil:
	case io.Reader:
		body = content
	default:
		encoded, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		body, kind = bytes.NewReader(encoded), "application/json"
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, a.url+r.Path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", a.tokens[who])
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer := pbtest.Response{Status: res.StatusCode, Header: res.Header}
	if answer.Body, err = io.ReadAll(res.Body); err != nil {
		t.Fatalf("%s %s: %v", method, r.Path, err)
	}
	return answer
}

// visible are the ids of the records that somebody lists, the newest first.
func (a *api) visible(t *testing.T, who, collection string, n int) []string {
	t.Helper()
	answer := a.send(t, who, pbtest.Request{Path: fmt.Sprintf("/api/collections/%s/records?fields=id&sort=-@rowid&skipTotal=1&perPage=%d", collection, n)})
	var page struct{ Items []struct{ ID string } }
	_ = json.Unmarshal(answer.Body, &page) // a refusal has none
	var ids []string
	for _, item := range page.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

// picture is a form with the smallest PNG and further fields.
func picture(t *testing.T, file string, fields map[string]string) (body io.Reader, contentType string) {
	t.Helper()
	const png = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
		"\x00\x00\x00\rIDATx\x9cc\xf8\x0f\x04\x00\x09\xfb\x03\xfd\xe3U\xf2\x9c\x00\x00\x00\x00IEND\xaeB`\x82"
	buffer := &bytes.Buffer{}
	form := multipart.NewWriter(buffer)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile(file, "dot.png")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(part, strings.NewReader(png)); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer, form.FormDataContentType()
}
