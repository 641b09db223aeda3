package contract

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Bounds of a server of our own.
const (
	startTimeout = 2 * time.Minute
	stopTimeout  = 20 * time.Second
	maxLog       = 64 << 10
)

// Server is a backend that was started to be checked.
type Server struct {
	// URL is its address.
	URL string
	// Superuser is a token of one, "" if there is none.
	Superuser string
	// Stop ends it and removes its data.
	Stop func() error
}

// StartProgram runs a program that is built on PocketBase, as "serve", with its
// data in a directory that is removed afterwards, which is also its home and has its
// temporary files. It has nothing else in its environment but environ ("NAME=value"),
// so that it knows no mail server and no bucket that it is not told of.
func StartProgram(ctx context.Context, program string, environ, arguments []string) (*Server, error) {
	dir, err := os.MkdirTemp("", "conform-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the data: %w", err)
	}
	p := &process{program: program, dir: dir, environ: environ, log: &tail{}}
	server, err := p.start(ctx, arguments)
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return server, nil
}

// process is a program that serves from a directory of ours.
type process struct {
	program, dir string
	environ      []string
	log          *tail
	command      *exec.Cmd
	ended        chan struct{}
}

func (p *process) start(ctx context.Context, arguments []string) (*Server, error) {
	const email = "conform@example.com"
	password := rand.Text()
	prepare := p.make(ctx, "superuser", "upsert", email, password)
	if err := prepare.Run(); err != nil {
		return nil, fmt.Errorf("make a superuser with %s: %w\n%s", p.program, err, p.log)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// the server outlives the context of its start, and ends by stop
	p.command = p.make(context.WithoutCancel(ctx), append([]string{"serve", "--http", port}, arguments...)...)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.program, err)
	}
	p.ended = make(chan struct{})
	go func() {
		_ = p.command.Wait()
		close(p.ended)
	}()
	server := &Server{URL: "http://" + port, Stop: p.stop}
	if err := p.wait(ctx, server.URL); err != nil {
		return nil, err
	}
	server.Superuser, err = signIn(ctx, server.URL, email, password)
	return server, err
}

func (p *process) make(ctx context.Context, arguments ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.program, append(arguments, "--dir", filepath.Join(p.dir, "data"), "--dev=false")...) //nolint:gosec // the caller names the program
	c.Dir, c.Stdout, c.Stderr = p.dir, p.log, p.log
	for _, name := range []string{"HOME", "TMPDIR", "TMP", "TEMP"} {
		c.Env = append(c.Env, name+"="+p.dir)
	}
	c.Env = append(c.Env, p.environ...) // of two of the same name, the later one counts
	return c
}

// freePort is an address of this machine that nobody listens at.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not wait
	if err != nil {
		return "", fmt.Errorf("find a port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// wait returns when the server answers.
func (p *process) wait(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if status, _, err := ask(ctx, http.MethodGet, address+"/api/health", "", nil); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s serve ended:\n%s", p.program, p.log)
		case <-ctx.Done():
			return fmt.Errorf("wait for %s serve: %w\n%s", p.program, ctx.Err(), p.log)
		case <-tick.C:
		}
	}
}

// stop ends the server and removes its data. It may be called again.
func (p *process) stop() error {
	if p.ended != nil {
		_ = p.command.Process.Signal(os.Interrupt)
		select {
		case <-p.ended:
		case <-time.After(stopTimeout):
			_ = p.command.Process.Kill()
			<-p.ended
		}
	}
	if err := os.RemoveAll(p.dir); err != nil {
		return fmt.Errorf("remove the data of the check: %w", err)
	}
	return nil
}

// signIn returns a token of a superuser, and lifts the rate limits, which hold
// for clients and not for checks.
func signIn(ctx context.Context, address, email, password string) (string, error) {
	status, body, err := ask(ctx, http.MethodPost, address+"/api/collections/_superusers/auth-with-password", "",
		map[string]any{"identity": email, "password": password})
	if err != nil {
		return "", fmt.Errorf("sign in as a superuser: %w", err)
	}
	var answer struct{ Token string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("sign in as a superuser: the answer is %d", status)
	}
	_, _, err = ask(ctx, http.MethodPatch, address+"/api/settings", answer.Token, map[string]any{"rateLimits": map[string]any{"enabled": false}})
	return answer.Token, err
}

// ask makes a request of our own to a backend on this machine.
func ask(ctx context.Context, method, address, token string, body any) (int, []byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(encoded))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	client := newClient(false)
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, content, err
}

// tail keeps the end of what a program writes.
type tail struct {
	mutex sync.Mutex
	text  []byte
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxLog):]
	return len(p), nil
}

// String is the end of it.
func (t *tail) String() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return strings.TrimSpace(string(t.text))
}
