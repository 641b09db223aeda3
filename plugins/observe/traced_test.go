package observe_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/observe"
)

// copier gives each request a context of its own, as a tracer does that records it.
type copier struct{ ended chan string }

func (copier) Bind(core.App)                     {}
func (copier) Statement(sqlite.Statement) string { return "" }

func (c copier) Request(r *http.Request) (*http.Request, func(method, route, collection string, status int, bytes int64)) {
	return r.WithContext(context.WithValue(r.Context(), copier{}, true)), func(method, route, _ string, _ int, _ int64) {
		c.ended <- method + " " + route
	}
}

// Those around a request that is copied have to know what the router and the handler
// wrote to the copy.
func TestCopiesOfRequestsLoseNothing(t *testing.T) {
	t.Parallel()
	var file string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /files/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(copier{}) == nil {
			t.Error("the handler does not have the context of the trace")
		}
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
			return
		}
		part, err := r.MultipartForm.File["f"][0].Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer part.Close()
		file = part.(*os.File).Name()
		w.WriteHeader(http.StatusNoContent)
	})
	c := copier{ended: make(chan string, 1)}
	traced := observe.Wrap(c, mux)
	var pattern string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		traced.ServeHTTP(w, r)
		pattern = r.Pattern
	}))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("f", "f.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(make([]byte, 20<<20)); err != nil { // more than is kept in memory
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(server.URL+"/files/x", form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := <-c.ended; got != "POST /files/{name}" {
		t.Errorf("the span: got %q, want the route", got)
	}
	pbtest.Eventually(t, time.Minute, func() error { // the server deletes it after the answer
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return errors.New("the file of the form is still there")
		}
		return nil
	})
	server.Close()
	if pattern != "POST /files/{name}" {
		t.Errorf("around the copy: got the route %q, want it", pattern)
	}
	if file == "" {
		t.Error("there was no file")
	}
}
