package idempotency_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/idempotency"
)

// field is one of a form.
type field struct{ name, file, contentType, value string }

// form writes the fields with the boundary, as a client would with one of its own
// for each attempt.
func form(t *testing.T, boundary string, fields ...field) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = new(bytes.Buffer)
	w := multipart.NewWriter(body)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + f.name + `"`}}
		if f.file != "" {
			h["Content-Disposition"][0] += `; filename="` + f.file + `"`
			h.Set("Content-Type", f.contentType)
		}
		part, err := w.CreatePart(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(f.value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func TestForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, idempotency.Config{})
	title, file := field{name: "title", value: "with a file"}, field{"file", "a.txt", "text/plain", "content"}
	post := func(boundary string, fields ...field) response {
		body, contentType := form(t, boundary, fields...)
		return w.send(t, http.MethodPost, things, body, key, "k", "Content-Type", contentType)
	}
	first := post("one", title, file)
	if first.status != http.StatusOK {
		t.Fatalf("got %d %s, want 200", first.status, first.body)
	}
	for _, pieces := range []func(io.Reader) io.Reader{iotest.DataErrReader, iotest.OneByteReader, iotest.HalfReader} {
		body, contentType := form(t, "third", title, file)
		expectReplay(t, "in other pieces", w.send(t, http.MethodPost, things, pieces(body), key, "k", "Content-Type", contentType), first)
	}
	expectReplay(t, "with another boundary", post("another", title, file), first)
	for name, fields := range map[string][]field{
		"content":          {title, {"file", "a.txt", "text/plain", "CONTENT"}},
		"file name":        {title, {"file", "b.txt", "text/plain", "content"}},
		"type":             {title, {"file", "a.txt", "text/html", "content"}},
		"order":            {file, title},
		"field":            {{name: "text", value: "with a file"}, file},
		"value":            {{name: "title", value: "other"}, file},
		"missing field":    {title},
		"one field of two": {{name: "title", value: "with a filefile"}},
	} {
		expect(t, "another "+name, post("one", fields...), http.StatusUnprocessableEntity, "idempotency_key_reused")
	}
	for name, broken := range map[string]string{"empty": "", "without an end": "--one\r\n\r\nabc", "no form": "abc"} {
		expect(t, name, w.send(t, http.MethodPost, things, strings.NewReader(broken), key, "k", "Content-Type", "multipart/form-data; boundary=one"), http.StatusBadRequest, "")
	}
	expectFiles(t, w, 1)

	// what is undone leaves no file
	taken := w.create(t, map[string]any{"link": "https://taken.example"})
	body, contentType := form(t, "x", file, field{name: "link", value: "https://taken.example"})
	failed := w.send(t, http.MethodPost, things, body, key, "k2", "Content-Type", contentType)
	if failed.status != http.StatusBadRequest {
		t.Errorf("got %d %s, want 400 as %s has the link", failed.status, failed.body, taken.id())
	}
	expectFiles(t, w, 1)

	body, contentType = form(t, "x", field{name: "@jsonPayload", value: `{"requests":[{"method":"POST","url":"` + things + `","body":{"title":"b"}}]}`},
		field{"requests.0.file", "b.txt", "text/plain", "in a batch"})
	text := body.String()
	first = w.send(t, http.MethodPost, batch, strings.NewReader(text), key, "k3", "Content-Type", contentType)
	if first.status != http.StatusOK || !strings.Contains(first.body, ".txt") {
		t.Fatalf("a batch: got %d %s, want 200 with a file", first.status, first.body)
	}
	expectReplay(t, "a batch", w.send(t, http.MethodPost, batch, strings.NewReader(text), key, "k3", "Content-Type", contentType), first)
	expectFiles(t, w, 2)
}

// expectFiles counts what is stored of the things' files.
func expectFiles(t *testing.T, w *world, want int) {
	t.Helper()
	found := 0
	err := filepath.WalkDir(filepath.Join(w.app.DataDir(), core.LocalStorageDirName), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".txt") {
			found++
		}
		return err
	})
	if err != nil || found != want {
		t.Errorf("got %d files, %v, want %d", found, err, want)
	}
}

// The fingerprint costs nothing of what a body may have.
func TestBodiesUpToTheLimit(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	w := newWorld(t, idempotency.Config{}, func(app core.App) error {
		app.Settings().Batch.MaxBodySize = limit
		return app.Save(app.Settings())
	}, routes(func(e *core.ServeEvent) {
		e.Router.POST("/limited", func(e *core.RequestEvent) error {
			body := map[string]any{}
			if err := e.BindBody(&body); err != nil {
				return err
			}
			return e.JSON(http.StatusOK, len(body["x"].(string)))
		}).Bind(apis.BodyLimit(limit))
	}))
	padded := func(prefix, suffix string, size int) *strings.Reader {
		return strings.NewReader(prefix + many("x", size-len(prefix)-len(suffix)) + suffix)
	}
	for path, around := range map[string][2]string{
		"/limited": {`{"x":"`, `"}`},
		batch:      {`{"requests":[{"method":"POST","url":"` + things + `","body":{"title":"`, `"}}]}`},
	} {
		if r := w.send(t, http.MethodPost, path, padded(around[0], around[1], limit), key, "k"+path); r.status != http.StatusOK {
			t.Errorf("%s: at the limit: got %d %s, want 200", path, r.status, r.body)
		}
		r := w.send(t, http.MethodPost, path, padded(around[0], around[1], limit+1), key, "k2"+path)
		if r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: above the limit: got %d %s, want 413", path, r.status, r.body)
		}
		// a body whose length is not told beforehand
		chunked := struct{ *strings.Reader }{padded(around[0], around[1], limit+1)}
		if r := w.send(t, http.MethodPost, path, chunked, key, "k3"+path); r.status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: above the limit, in chunks: got %d %s, want 413", path, r.status, r.body)
		}
	}
	if got := w.stored(t); got != 2 {
		t.Errorf("got %d stored answers, want 2", got)
	}
}
