package recorder_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/recorder"
)

// TestWhatHandlersAnswer runs handlers on a real server, with a recorder between.
func TestWhatHandlersAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		status int
		bytes  int64
	}{
		"nothing":     {func(http.ResponseWriter, *http.Request) {}, http.StatusOK, 0},
		"a body only": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, http.StatusOK, 5},
		"a status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "no")
		}, http.StatusTeapot, 2},
		"hints, which are no answer yet": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusCreated)
		}, http.StatusCreated, 0},
		"a second status, which is too late": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			w.WriteHeader(http.StatusNotFound)
		}, http.StatusAccepted, 0},
		"a file": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.Copy(w, strings.NewReader("from a reader"))
		}, http.StatusOK, 13},
		"pieces": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "two")
			_ = http.NewResponseController(w).Flush()
		}, http.StatusOK, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan *recorder.Recorder, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := &recorder.Recorder{ResponseWriter: w}
				test.handle(rec, r)
				done <- rec
			}))
			defer server.Close()
			answer, err := http.Get(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			rec := <-done
			if err != nil || answer.StatusCode != test.status || int64(len(body)) != test.bytes {
				t.Errorf("the client got %d with %d bytes, %v", answer.StatusCode, len(body), err)
			}
			if rec.FinalStatus() != test.status || rec.Bytes != test.bytes || rec.Hijacked {
				t.Errorf("got status %d, %d bytes, hijacked %v, want %d, %d", rec.FinalStatus(), rec.Bytes, rec.Hijacked, test.status, test.bytes)
			}
		})
	}
}

// fromReader is a response writer that has its own way of copying, as net/http's.
type fromReader struct {
	*httptest.ResponseRecorder
	asked bool
}

func (w *fromReader) ReadFrom(src io.Reader) (int64, error) {
	w.asked = true
	return io.Copy(w.ResponseRecorder, struct{ io.Reader }{src})
}

func TestFilesAreNotCopied(t *testing.T) {
	t.Parallel()
	inner := &fromReader{ResponseRecorder: httptest.NewRecorder()}
	rec := &recorder.Recorder{ResponseWriter: inner}
	n, err := io.Copy(rec, struct{ io.Reader }{strings.NewReader("content")}) // which cannot write itself
	if err != nil || n != 7 || rec.Bytes != 7 {
		t.Errorf("got %d, %v and %d counted bytes, want 7", n, err, rec.Bytes)
	}
	if !inner.asked {
		t.Error("the way of the writer below was not taken")
	}
}

// hijackable is a response writer whose connection can be taken over.
type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	near, far := net.Pipe()
	_ = far.Close()
	return near, bufio.NewReadWriter(bufio.NewReader(near), bufio.NewWriter(near)), nil
}

func TestConnectionsThatAreTakenOver(t *testing.T) {
	t.Parallel()
	rec := &recorder.Recorder{ResponseWriter: hijackable{httptest.NewRecorder()}}
	conn, _, err := http.NewResponseController(rec).Hijack()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if rec.FinalStatus() != http.StatusSwitchingProtocols || !rec.Hijacked {
		t.Errorf("got status %d, hijacked %v", rec.FinalStatus(), rec.Hijacked)
	}
	cannot := &recorder.Recorder{ResponseWriter: httptest.NewRecorder()}
	if _, _, err := cannot.Hijack(); err == nil || cannot.Hijacked || cannot.FinalStatus() != http.StatusOK {
		t.Errorf("a writer that cannot: got %v, hijacked %v, status %d", err, cannot.Hijacked, cannot.FinalStatus())
	}
}

// wrapper is what a middleware puts around a writer.
type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func TestFind(t *testing.T) {
	t.Parallel()
	rec := &recorder.Recorder{ResponseWriter: httptest.NewRecorder()}
	for name, w := range map[string]http.ResponseWriter{"itself": rec, "below one": wrapper{rec}, "below two": wrapper{wrapper{rec}}} {
		if got, ok := recorder.Find[*recorder.Recorder](w); !ok || got != rec {
			t.Errorf("%s: got %v, %v", name, got, ok)
		}
	}
	if got, ok := recorder.Find[*recorder.Recorder](wrapper{httptest.NewRecorder()}); ok || got != nil {
		t.Errorf("where there is none: got %v, %v", got, ok)
	}
	if got, ok := recorder.Find[*httptest.ResponseRecorder](wrapper{rec}); !ok || got == nil {
		t.Errorf("below the recorder: got %v, %v", got, ok)
	}
}
