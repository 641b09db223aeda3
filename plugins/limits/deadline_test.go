package limits_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/limits"
)

// fetched is an answer as a client has it.
type fetched struct {
	status     int
	code, body string
	closed     bool
	header     http.Header
	err        error
}

func fetch(ctx context.Context, method, address string, body io.Reader) fetched {
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return fetched{err: err}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fetched{err: err}
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	var parsed struct {
		Data struct {
			Code string `json:"code"`
		} `json:"data"`
	}
	_ = json.Unmarshal(content, &parsed)
	return fetched{answer.StatusCode, parsed.Data.Code, string(content), answer.Close, answer.Header, err}
}

// TestDeadline has a handler that never answers. Others began before it, and end
// only after it was given up: an answer that has begun, a body that is on its way,
// and a path that is left out.
func TestDeadline(t *testing.T) {
	t.Parallel()
	givenUp, cause := make(chan struct{}), make(chan error, 1)
	begun := make(chan string, 3)
	app := template.New(t, func(app core.App) error {
		_, err := limits.Register(app, limits.Config{Requests: limits.Requests{Deadline: time.Second, NoDeadline: []string{"/api/reports/"}}})
		return err
	})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.Bind(&hook.Handler[*core.RequestEvent]{Priority: apis.DefaultCorsMiddlewarePriority, Func: func(e *core.RequestEvent) error {
			e.Response.Header().Set("X-Of-Every-Answer", "1")
			return e.Next()
		}})
		e.Router.GET("/api/never", func(e *core.RequestEvent) error {
			e.Response.Header().Set("X-Of-The-Handler", "1")
			<-e.Request.Context().Done()
			cause <- context.Cause(e.Request.Context())
			return e.String(http.StatusOK, "too late")
		})
		e.Router.GET("/api/stream", func(e *core.RequestEvent) error {
			_, _ = io.WriteString(e.Response, "begun ")
			_ = e.Flush()
			begun <- "stream"
			<-givenUp
			_, err := io.WriteString(e.Response, "and over")
			return err
		})
		e.Router.POST("/api/upload", func(e *core.RequestEvent) error {
			begun <- "upload"
			content, err := io.ReadAll(e.Request.Body)
			if err != nil {
				return err
			}
			return e.String(http.StatusOK, string(content))
		})
		e.Router.GET("/api/reports/one", func(e *core.RequestEvent) error {
			begun <- "report"
			<-givenUp
			return e.String(http.StatusOK, "a report")
		})
		return e.Next()
	})
	var patterns sync.Map // as those see them that are around all
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{Priority: -998, Func: func(e *core.ServeEvent) error {
		if err := e.Next(); err != nil {
			return err
		}
		next := e.Server.Handler
		e.Server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { patterns.Store(r.Pattern, true) }()
			next.ServeHTTP(w, r)
		})
		return nil
	}})
	pbtest.Superuser(t, app)
	server := pbtest.Serve(t, app)

	slow := map[string]chan fetched{"/api/stream": nil, "/api/upload": nil, "/api/reports/one": nil}
	arriving, sent := io.Pipe()
	for path := range slow {
		answers := make(chan fetched, 1)
		slow[path] = answers
		method, body := http.MethodGet, io.Reader(nil)
		if path == "/api/upload" {
			method, body = http.MethodPost, arriving
		}
		go func() { answers <- fetch(t.Context(), method, server+path, body) }()
	}
	if _, err := io.WriteString(sent, "a long "); err != nil {
		t.Fatal(err)
	}
	for range slow {
		<-begun
	}
	if got := fetch(t.Context(), http.MethodGet, server+"/api/never", nil); got.status != http.StatusServiceUnavailable || got.code != limits.CodeRequestTimeout || !got.closed || got.header.Get("X-Of-Every-Answer") == "" || got.header.Get("X-Of-The-Handler") != "" {
		t.Errorf("got %+v, want 503, the headers of every answer only, and that the connection is closed", got)
	}
	if err := <-cause; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the handler's context ended with %v", err)
	}
	close(givenUp)
	_, _ = io.WriteString(sent, "body")
	_ = sent.Close()
	for path, want := range map[string]string{"/api/stream": "begun and over", "/api/upload": "a long body", "/api/reports/one": "a report"} {
		if got := <-slow[path]; got.status != http.StatusOK || got.body != want || got.err != nil {
			t.Errorf("%s: got %+v, want %q", path, got, want)
		}
	}
	pbtest.Eventually(t, time.Minute, func() error {
		for _, pattern := range []string{"GET /api/never", "POST /api/upload"} {
			if _, ok := patterns.Load(pattern); !ok {
				return errors.New("nobody was told of the route " + pattern)
			}
		}
		return nil
	})
	if got := fetch(t.Context(), http.MethodPost, server+thingsPath, strings.NewReader("{}")); got.status >= 500 {
		t.Errorf("an ordinary request: got %+v", got)
	}
}

// TestDeadlineLeavesNoFiles sends a form that is too large for the memory. The server
// deletes what Go has written of it, but only of a request that it knows.
func TestDeadlineLeavesNoFiles(t *testing.T) {
	t.Parallel()
	app := template.New(t, func(app core.App) error {
		_, err := limits.Register(app, limits.Config{Requests: limits.Requests{Deadline: time.Minute}})
		return err
	})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.POST("/api/form", func(e *core.RequestEvent) error {
			if err := e.Request.ParseMultipartForm(1); err != nil {
				return err
			}
			file, err := e.Request.MultipartForm.File["file"][0].Open()
			if err != nil {
				return err
			}
			defer file.Close()
			return e.String(http.StatusOK, file.(*os.File).Name())
		})
		return e.Next()
	})
	pbtest.Superuser(t, app)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "a.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(part, "longer than a byte")
	_ = form.Close()
	answer, err := http.Post(pbtest.Serve(t, app)+"/api/form", form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	name, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s, %v", answer.StatusCode, name, err)
	}
	pbtest.Eventually(t, time.Minute, func() error {
		if _, err := os.Stat(string(name)); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s is still there", name)
		}
		return nil
	})
}

// TestDeadlineOfUpgrades asks for another protocol. That alone spares nobody the
// deadline; a connection that has changed to it has none any more.
func TestDeadlineOfUpgrades(t *testing.T) {
	t.Parallel()
	app := template.New(t, func(app core.App) error {
		_, err := limits.Register(app, limits.Config{Requests: limits.Requests{Deadline: time.Second}})
		return err
	})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.Router.GET("/api/never", func(e *core.RequestEvent) error {
			<-e.Request.Context().Done()
			return nil
		})
		e.Router.GET("/api/socket", func(e *core.RequestEvent) error {
			e.Response.Header().Set("Connection", "Upgrade")
			e.Response.Header().Set("Upgrade", "echo")
			e.Response.WriteHeader(http.StatusSwitchingProtocols)
			conn, _, err := http.NewResponseController(e.Response).Hijack()
			if err != nil {
				return err
			}
			defer conn.Close()
			_, err = io.CopyN(conn, conn, 4)
			return err
		})
		return e.Next()
	})
	pbtest.Superuser(t, app)
	server := pbtest.Serve(t, app)
	upgrade := func(path string) *http.Response {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "echo")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = answer.Body.Close() })
		return answer
	}
	socket := upgrade("/api/socket")
	if socket.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the socket: got %d, want 101", socket.StatusCode)
	}
	if got := upgrade("/api/never"); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", got.StatusCode)
	}
	both := socket.Body.(io.ReadWriter)
	if _, err := io.WriteString(both, "echo"); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, 4)
	if _, err := io.ReadFull(both, back); err != nil || string(back) != "echo" {
		t.Errorf("the socket: got %q, %v", back, err)
	}
}
