//go:build unix

package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// upload is the creation of a user whose body the test sends bit by bit.
type upload struct {
	body   *io.PipeWriter
	form   *multipart.Writer
	answer chan string
}

// beginUpload returns once the server is in the middle of the request.
func (s *server) beginUpload(t *testing.T, token, email string) *upload {
	t.Helper()
	reader, writer := io.Pipe()
	u := &upload{body: writer, form: multipart.NewWriter(writer), answer: make(chan string, 1)}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/collections/users/records", reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", token)
	req.Header.Set("Content-Type", u.form.FormDataContentType())
	// the client sends nothing of the body before a handler reads it
	req.Header.Set("Expect", "100-continue")
	client := &http.Transport{ExpectContinueTimeout: time.Minute}
	go func() {
		res, err := client.RoundTrip(req)
		if err != nil {
			u.answer <- err.Error()
			return
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		u.answer <- fmt.Sprintf("%d %v %s", res.StatusCode, err, text)
	}()
	u.field(t, "email", email)
	return u
}

func (u *upload) field(t *testing.T, name, value string) {
	t.Helper()
	if err := u.form.WriteField(name, value); err != nil {
		t.Fatal(err)
	}
}

// finish sends the rest and returns the answer.
func (u *upload) finish(t *testing.T) string {
	t.Helper()
	u.field(t, "password", "a-long-password")
	u.field(t, "passwordConfirm", "a-long-password")
	if err := errors.Join(u.form.Close(), u.body.Close()); err != nil {
		t.Fatal(err)
	}
	return <-u.answer
}

// count returns how many users match.
func (s *server) count(t *testing.T, token, filter string) int {
	t.Helper()
	var list struct{ TotalItems int }
	s.must(t, http.MethodGet, "/api/collections/users/records?filter="+filter, token, "", &list)
	return list.TotalItems
}

func TestSignalLetsAnUploadFinish(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := serve(t, "", nil)
			token := s.signIn(t, rootPassword)
			u := s.beginUpload(t, token, "slow@example.com")

			s.signal(t, signal)
			s.refuses(t)
			if got := u.finish(t); !strings.HasPrefix(got, "200 <nil> ") || !strings.Contains(got, "slow@example.com") {
				t.Errorf("upload: got %s, want 200 and the record", got)
			}
			if code := s.exit(t); code != 0 {
				t.Errorf("exit code: got %d, want 0\n%s", code, s.stderr)
			}
			if got := s.stdout.String(); !strings.Contains(got, `"msg":"all requests are finished"`) || !strings.Contains(got, `"status":200`) {
				t.Errorf("the log does not tell of it:\n%s", got)
			}

			again := serve(t, s.dir, nil)
			if got := again.count(t, again.signIn(t, rootPassword), "email='slow@example.com'"); got != 1 {
				t.Errorf("after a restart: got %d records, want 1", got)
			}
		})
	}
}

func TestSignalEndsRealtimeAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_SHUTDOWN_TIMEOUT=1h"})
	res, err := http.Get(s.url + "/api/realtime")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadFull(res.Body, make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	s.signal(t, syscall.SIGTERM)
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("end of the stream: got %v, want a clean one", err)
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}

func TestTimeoutBoundsTheShutdown(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_SHUTDOWN_TIMEOUT=100ms"})
	s.beginUpload(t, s.signIn(t, rootPassword), "never@example.com") // never finished
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	if want := `"msg":"requests were still running when the time for shutting down was over","requests":1`; !strings.Contains(s.stdout.String(), want) {
		t.Errorf("the log has no line with %s:\n%s", want, s.stdout)
	}
}

func TestSecondSignalForcesTheExit(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_SHUTDOWN_TIMEOUT=1h"})
	s.beginUpload(t, s.signIn(t, rootPassword), "never@example.com")
	s.signal(t, syscall.SIGTERM)
	s.refuses(t)
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 1 {
		t.Errorf("exit code: got %d, want 1", code)
	}
	if !strings.Contains(s.stderr.String(), "told to stop a second time") {
		t.Errorf("stderr: got %q, want a word about it", s.stderr)
	}
}

func TestSignalDuringTheStart(t *testing.T) {
	t.Parallel()
	s := launch(t, "", nil, "--demo")
	s.await(t, "the database", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "data.db"))
		return err == nil
	})
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 || strings.Contains(s.stderr.String(), "panic") {
		t.Errorf("exit code: got %d, want 0 without a panic\n%s", code, s.stderr)
	}
	if got := s.stdout.String(); !strings.Contains(got, `"msg":"serving"`) || !strings.Contains(got, `"msg":"shutting down"`) {
		t.Errorf("the start was cut off:\n%s", got)
	}
}

// A command that waits for an answer is not a server: it did not do its work.
func TestSignalToAnotherCommand(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)
	c := exec.Command(binary, "health", "--url", hanging.URL)
	c.Env = environment(t)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if code := c.ProcessState.ExitCode(); code != 130 || !strings.HasPrefix(stderr.String(), "holdall: interrupted\n") {
		t.Errorf("got exit code %d and %q, want 130 and interrupted", code, stderr.String())
	}
}

func TestReadyTurnsBeforeTheServerStops(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_SHUTDOWN_DELAY=2s"})
	status := func(path string) int {
		t.Helper()
		status, err := s.call(t, http.MethodGet, path, "", nil, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if got := status("/api/health/ready"); got != http.StatusOK {
		t.Fatalf("ready before: got %d, want 200", got)
	}
	s.signal(t, syscall.SIGTERM)
	s.await(t, "ready to turn", func() bool { return status("/api/health/ready") == http.StatusServiceUnavailable })
	if got := status("/api/health/live"); got != http.StatusOK {
		t.Errorf("live: got %d, want 200", got)
	}
	if code, out, _ := command(t, nil, "health", "--url", s.url); code != 1 || !strings.Contains(out, "The server is shutting down.") {
		t.Errorf("health command: got exit code %d and %q, want 1 and the reason", code, out)
	}
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}

func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil)
	token := s.signIn(t, rootPassword)
	var mu sync.Mutex
	var acknowledged []string
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := 0; ; j++ {
				name := fmt.Sprintf("org-%d-%d", i, j)
				body := fmt.Sprintf(`{"name":%q,"slug":%q,"timezone":"UTC"}`, name, name)
				status, err := s.call(t, http.MethodPost, "/api/collections/organizations/records", token, strings.NewReader(body), "application/json", nil)
				if err != nil {
					return // the server is gone
				}
				if status != http.StatusOK {
					t.Errorf("create %s: got %d, want 200", name, status)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, name)
				if len(acknowledged) == 40 {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	s.signal(t, syscall.SIGKILL)
	wg.Wait()
	s.exit(t)

	again := serve(t, s.dir, nil)
	var list struct{ Items []struct{ Slug string } }
	again.must(t, http.MethodGet, "/api/collections/organizations/records?perPage=1000&fields=slug", again.signIn(t, rootPassword), "", &list)
	found := map[string]bool{}
	for _, item := range list.Items {
		found[item.Slug] = true
	}
	for _, name := range acknowledged {
		if !found[name] {
			t.Errorf("%s was acknowledged and is gone", name)
		}
	}
}

// PocketBase restores a backup by starting the program anew in its own process.
func TestRestoredBackup(t *testing.T) {
	t.Parallel()
	s := serve(t, "", nil)
	token := s.signIn(t, rootPassword)
	create := func(slug string) {
		body := fmt.Sprintf(`{"name":%q,"slug":%q,"timezone":"UTC"}`, slug, slug)
		s.must(t, http.MethodPost, "/api/collections/organizations/records", token, body, nil)
	}
	create("before")
	s.must(t, http.MethodPost, "/api/backups", token, `{"name":"test.zip"}`, nil)
	create("after")

	first := s.url
	s.must(t, http.MethodPost, "/api/backups/test.zip/restore", token, "", nil)
	s.await(t, "the second start", func() bool {
		s.findAddress()
		return s.url != first
	})
	var list struct{ Items []struct{ Slug string } }
	s.must(t, http.MethodGet, "/api/collections/organizations/records?fields=slug", s.signIn(t, rootPassword), "", &list)
	if got := fmt.Sprint(list.Items); got != "[{before}]" {
		t.Errorf("organizations: got %s, want the one of the backup", got)
	}
	s.signal(t, syscall.SIGTERM)
	if code := s.exit(t); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}
