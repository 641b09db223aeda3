package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// result are the figures of one server, times in ms by kind, memory in KB.
type result struct {
	save, delivered, cpu, burstCPU    []float64
	perConnection, perConnectionAfter float64
}

const patience = 2 * time.Minute

// measure starts a server, connects the subscribers, saves and ends it.
func measure(ctx context.Context, dir, name string, o options) (result, error) {
	s, err := start(ctx, dir, name, o)
	if err != nil {
		return result{}, err
	}
	defer s.stop()
	// a few requests, so that the first connection does not pay for them
	for range 20 {
		if _, err := s.saveOne(ctx, kinds[0]); err != nil {
			return result{}, err
		}
	}
	before := s.memory()
	for i := range o.subscribers {
		if err := s.subscribe(ctx, i); err != nil {
			return result{}, fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	if err := s.settle(ctx); err != nil {
		return result{}, err
	}
	r := result{perConnection: (s.memory() - before) / float64(o.subscribers)}
	// what 5,000 new connections leave behind is no part of what a save costs
	if err := s.warmUp(ctx, o); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	for _, k := range kinds {
		save, delivered, cpu, err := s.saves(ctx, k, o)
		if err != nil {
			return r, fmt.Errorf("%s: %w", k.label, err)
		}
		burst, err := s.burst(ctx, k, o)
		if err != nil {
			return r, fmt.Errorf("%s: %w", k.label, err)
		}
		r.save, r.delivered, r.cpu = append(r.save, save), append(r.delivered, delivered), append(r.cpu, cpu)
		r.burstCPU = append(r.burstCPU, burst)
	}
	if err := s.settle(ctx); err != nil {
		return r, err
	}
	r.perConnectionAfter = (s.memory() - before) / float64(o.subscribers)
	return r, nil
}

// server is a running server and its subscribers.
type server struct {
	address string
	pid     int
	info    info
	command *exec.Cmd
	streams []net.Conn
	readers sync.WaitGroup
	events  atomic.Int64
	moved   chan struct{}
}

func start(ctx context.Context, dir, name string, o options) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, binary, "server", name, address, "--dev=false")
	command.Env = append(os.Environ(), "BENCH_DIR="+dir, "BENCH_SUBSCRIBERS="+strconv.Itoa(o.subscribers))
	if o.profiles != "" {
		command.Env = append(command.Env, "BENCH_PROFILES="+filepath.Join(o.profiles, name))
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	s := &server{address: address, pid: command.Process.Pid, command: command, moved: make(chan struct{}, 1)}
	deadline := time.Now().Add(patience)
	for {
		response, err := http.Get("http://" + address + "/api/health") //nolint:noctx // ends by itself
		if err == nil {
			_ = response.Body.Close()
			break
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("no answer: %w", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	text, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, json.Unmarshal(text, &s.info)
}

func (s *server) stop() {
	for _, c := range s.streams {
		_ = c.Close()
	}
	s.readers.Wait()
	_ = s.command.Process.Signal(syscall.SIGTERM)
	_ = s.command.Wait()
}

// subscribe connects the i-th person to all kinds.
func (s *server) subscribe(ctx context.Context, i int) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	s.streams = append(s.streams, c)
	if _, err := io.WriteString(c, "GET /api/realtime HTTP/1.1\r\nHost: bench\r\n\r\n"); err != nil {
		return err
	}
	hello := make([]byte, 0, 2048)
	for !bytes.Contains(hello, []byte("\n\n")) {
		n, err := c.Read(hello[len(hello):cap(hello)])
		if err != nil {
			return err
		}
		hello = hello[:len(hello)+n]
	}
	_, id, _ := strings.Cut(string(hello), `"clientId":"`)
	id, _, _ = strings.Cut(id, `"`)
	var topics []string
	for _, k := range kinds {
		if k.topic != "" {
			topics = append(topics, k.topic)
		}
	}
	body, err := json.Marshal(map[string]any{"clientId": id, "subscriptions": topics})
	if err != nil {
		return err
	}
	if _, err := s.request(ctx, http.MethodPost, "/api/realtime", s.info.Tokens[i], body); err != nil {
		return err
	}
	s.readers.Go(func() { s.count(c) })
	return nil
}

// count counts the events of a stream.
func (s *server) count(c net.Conn) {
	mark := []byte(`"action":`)
	buffer, kept := make([]byte, 2048), 0
	for {
		n, err := c.Read(buffer[kept:])
		if err != nil {
			return
		}
		n += kept
		if found := bytes.Count(buffer[:n], mark); found > 0 {
			s.events.Add(int64(found))
			select {
			case s.moved <- struct{}{}:
			default:
			}
		}
		// a mark may be cut in two
		end := n
		if i := bytes.LastIndex(buffer[:n], mark); i >= 0 {
			end = n - (i + len(mark))
		}
		kept = min(len(mark)-1, end)
		copy(buffer, buffer[n-kept:n])
	}
}

// warmUp lets every connection get a number of events.
func (s *server) warmUp(ctx context.Context, o options) error {
	const saves = 20
	for i := range saves {
		if _, err := s.saveOne(ctx, kinds[1]); err != nil {
			return err
		}
		if err := s.await(ctx, int64((i+1)*o.subscribers)); err != nil {
			return err
		}
	}
	return nil
}

// saves measures saves of a kind, each after everybody has had the one before.
func (s *server) saves(ctx context.Context, k kind, o options) (save, delivered, cpu float64, err error) {
	var taken, arrived []float64
	if _, err := s.saveOne(ctx, k); err != nil {
		return 0, 0, 0, err
	}
	want := s.events.Load()
	if k.topic != "" {
		want = s.expected(want, o)
		if err := s.await(ctx, want); err != nil {
			return 0, 0, 0, err
		}
	}
	used := s.cpu()
	for range o.saves {
		began := time.Now()
		took, err := s.saveOne(ctx, k)
		if err != nil {
			return 0, 0, 0, err
		}
		taken = append(taken, took)
		if k.topic != "" {
			want += int64(o.subscribers)
			if err := s.await(ctx, want); err != nil {
				return 0, 0, 0, err
			}
			arrived = append(arrived, float64(time.Since(began).Microseconds())/1000)
		} else {
			arrived = append(arrived, 0)
		}
	}
	return middle(taken), middle(arrived), (s.cpu() - used) / float64(o.saves), nil
}

// burst measures the processor time of saves that follow each other at once, until
// everybody has all of them.
func (s *server) burst(ctx context.Context, k kind, o options) (float64, error) {
	want, used := s.events.Load(), s.cpu()
	for range o.saves {
		if _, err := s.saveOne(ctx, k); err != nil {
			return 0, err
		}
	}
	if k.topic != "" {
		if err := s.await(ctx, want+int64(o.saves*o.subscribers)); err != nil {
			return 0, err
		}
	}
	return (s.cpu() - used) / float64(o.saves), nil
}

// expected rounds the number of events up to that of whole saves.
func (s *server) expected(now int64, o options) int64 {
	n := int64(o.subscribers)
	return max(1, (now+n-1)/n) * n
}

func (s *server) await(ctx context.Context, want int64) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for s.events.Load() < want {
		select {
		case <-s.moved:
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("%d events of %d came", s.events.Load(), want)
		}
	}
	return nil
}

func (s *server) saveOne(ctx context.Context, k kind) (float64, error) {
	body := []byte(`{"title":"A save","level":3,"group":"` + groupID + `","body":"` + strings.Repeat("lorem ipsum ", 10) + `"}`)
	return s.request(ctx, http.MethodPost, "/api/collections/"+k.collection+"/records", s.info.Superuser, body)
}

// request makes a request on a connection that is kept, and returns how long it took.
func (s *server) request(ctx context.Context, method, path, token string, body []byte) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", token)
	began := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	text, err := io.ReadAll(response.Body)
	took := float64(time.Since(began).Microseconds()) / 1000
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return 0, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return 0, fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	return took, nil
}

// settle waits until the server's memory no longer shrinks or grows.
func (s *server) settle(ctx context.Context) error {
	for last, same := 0.0, 0; same < 5; {
		now := s.memory()
		if now > last*0.99 && now < last*1.01 {
			same++
		} else {
			same = 0
		}
		last = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil
}

// memory is the server's resident memory in KB.
func (s *server) memory() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kilobytes float64
	_, _ = fmt.Sscan(rest, &kilobytes)
	return kilobytes
}

// cpu is the server's processor time in ms.
func (s *server) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * 10 // ticks of a hundredth of a second
}

func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0 // was not measured
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// median returns the median of each figure.
func median(rounds []result) result {
	pick := func(get func(result) float64) float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, get(r))
		}
		return middle(values)
	}
	var m result
	for i := range kinds {
		m.save = append(m.save, pick(func(r result) float64 { return r.save[i] }))
		m.delivered = append(m.delivered, pick(func(r result) float64 { return r.delivered[i] }))
		m.burstCPU = append(m.burstCPU, pick(func(r result) float64 { return r.burstCPU[i] }))
		m.cpu = append(m.cpu, pick(func(r result) float64 { return r.cpu[i] }))
	}
	m.perConnection = pick(func(r result) float64 { return r.perConnection })
	m.perConnectionAfter = pick(func(r result) float64 { return r.perConnectionAfter })
	return m
}
