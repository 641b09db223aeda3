package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 20 * time.Second
)

// barePackage is a PocketBase with the app's collections, but without its routes.
const barePackage = "./bench/stock"

// target is a program to measure.
type target struct {
	name    string
	pkg     string   // to build
	environ []string // beside PATH and the like
}

// bare reports whether the target is a PocketBase without the app's routes.
func (t target) bare() bool { return t.pkg == barePackage }

// server is a running target.
type server struct {
	target
	address string // host:port
	pid     int
	stop    func() error
}

// build compiles the target as a release is.
func (t target) build(ctx context.Context, root, binary string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, t.pkg)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", t.name, err, output)
	}
	return nil
}

// start runs the binary on a copy of the fixture, and waits until it answers.
func (t target) start(ctx context.Context, binary, dir string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	// A binary in a temporary directory takes itself for `go run` and would
	// print each SQL statement, hence --dev=false.
	command := exec.CommandContext(ctx, binary, "serve", "--dev=false", "--http", address, "--dir", dir)
	command.Dir = dir
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}, t.environ...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = stopTimeout

	// The output goes through a pipe as under a container runtime, and its end is
	// kept for when something fails.
	output := &tail{}
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", t.name, err)
	}
	exited := make(chan struct{})
	var waitErr error // read after exited is closed
	go func() {
		waitErr = command.Wait()
		close(exited)
	}()

	s := &server{target: t, address: address, pid: command.Process.Pid}
	s.stop = sync.OnceValue(func() error {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", t.name, err)
		}
		select {
		case <-exited:
			return nil
		case <-time.After(stopTimeout):
			return fmt.Errorf("stop %s: it ran on after %s and was killed: %w", t.name, stopTimeout, command.Process.Kill())
		}
	})
	if err := s.wait(ctx, exited); err != nil {
		stopErr := s.stop()
		return nil, fmt.Errorf("start %s: %w\n%s", t.name, errors.Join(err, waitErr, stopErr), output)
	}
	return s, nil
}

// startAll starts each target on a copy of the fixture of its own, in dir. The function
// that it returns ends them and removes dir.
func startAll(ctx context.Context, dir, fixtureDir string, binary func(target) string, targets ...target) (servers []*server, stop func() error, err error) {
	stop = func() error {
		var problems []error
		for _, s := range servers {
			problems = append(problems, s.stop())
		}
		return errors.Join(append(problems, os.RemoveAll(dir))...)
	}
	for i, t := range targets {
		data := filepath.Join(dir, strconv.Itoa(i))
		if err := copyTo(data, fixtureDir); err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		s, err := t.start(ctx, binary(t), data)
		if err != nil {
			return nil, nil, errors.Join(err, stop())
		}
		servers = append(servers, s)
	}
	return servers, stop, nil
}

// wait returns when the server answers.
func (s *server) wait(ctx context.Context, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/api/health", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-exited:
			return errors.New("it exited")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", ctx.Err())
		case <-retry.C:
		}
	}
}

// freeAddress is a port of the loopback interface that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// moduleRoot is the directory to build in.
func moduleRoot(ctx context.Context) (string, error) {
	output, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return filepath.Clean(string(bytes.TrimSpace(output))), nil
}

// tail keeps the last bytes written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

var _ io.Writer = (*tail)(nil)

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	const limit = 8 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(p) >= limit {
		t.kept = append(t.kept[:0], p[len(p)-limit:]...)
		return len(p), nil
	}
	if over := len(t.kept) + len(p) - limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.kept = append(t.kept, p...)
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
