//go:build linux

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
	"sync/atomic"
	"syscall"
	"time"
)

// result are the figures of one server, memory in KB.
type result struct {
	kinds                             []figures
	perConnection, perConnectionAfter float64
}

// figures are those of saves of one kind, in ms: medians, and the processor time
// of the server for each.
type figures struct {
	save, half, most, cpu float64 // and until half and 99 % of the subscribers have it
	atOnce, atOnceCPU     float64 // of saves that follow each other at once
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
		var f figures
		if err := errors.Join(s.spaced(ctx, k, o, &f), s.atOnce(ctx, k, o, &f)); err != nil {
			return r, fmt.Errorf("%s: %w", k.label, err)
		}
		r.kinds = append(r.kinds, f)
	}
	if err := s.settle(ctx); err != nil {
		return r, err
	}
	r.perConnectionAfter = (s.memory() - before) / float64(o.subscribers)
	return r, nil
}

// server is a running server and its subscribers.
type server struct {
	address  string
	pid      int
	info     info
	command  *exec.Cmd
	streams  *streams
	expected atomic.Pointer[delivery]
}

// delivery are the events that are to come.
type delivery struct {
	began     time.Time
	took      []time.Duration // by the order in which they come
	come, had atomic.Int64
	done      chan struct{} // closed when all have come
}

// expect is called before the saves whose events are to come.
func (s *server) expect(events int) *delivery {
	d := &delivery{began: time.Now(), took: make([]time.Duration, events), done: make(chan struct{})}
	if events == 0 {
		close(d.done)
	}
	s.expected.Store(d)
	return d
}

func (d *delivery) add() {
	took, n := time.Since(d.began), int(d.come.Add(1))
	if n > len(d.took) {
		return // nobody asked for it
	}
	d.took[n-1] = took
	if int(d.had.Add(1)) == len(d.took) {
		close(d.done)
	}
}

func (d *delivery) await(ctx context.Context) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("%d events of %d came", d.had.Load(), len(d.took))
	}
}

// until tells after how many ms a share of the events had come.
func (d *delivery) until(share float64) float64 {
	if len(d.took) == 0 {
		return 0
	}
	return milliseconds(d.took[int(share*float64(len(d.took)-1))])
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

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
	s := &server{address: address, pid: command.Process.Pid, command: command}
	s.expect(0)
	if s.streams, err = newStreams(o.subscribers, func() { s.expected.Load().add() }); err != nil {
		s.stop()
		return nil, err
	}
	deadline := time.Now().Add(patience)
	for {
		response, err := http.Get("http://" + address + "/api/health")
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
	if s.streams != nil {
		_ = s.streams.close()
	}
	_ = s.command.Process.Signal(syscall.SIGTERM)
	_ = s.command.Wait()
}

// subscribe connects the i-th person to all kinds.
func (s *server) subscribe(ctx context.Context, i int) error {
	id, err := s.streams.open(i, s.address)
	if err != nil {
		return err
	}
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
	_, err = s.request(ctx, http.MethodPost, "/api/realtime", s.info.Tokens[i], body)
	return err
}

// warmUp lets every connection get a number of events.
func (s *server) warmUp(ctx context.Context, o options) error {
	for range 20 {
		if _, _, err := s.saveToAll(ctx, kinds[1], o); err != nil {
			return err
		}
	}
	return nil
}

// saveToAll saves and waits until everybody has had it.
func (s *server) saveToAll(ctx context.Context, k kind, o options) (took float64, d *delivery, err error) {
	d = s.expect(k.events(1, o))
	if took, err = s.saveOne(ctx, k); err != nil {
		return 0, nil, err
	}
	return took, d, d.await(ctx)
}

// events is how many events n saves of a kind are.
func (k kind) events(n int, o options) int {
	if k.topic == "" {
		return 0
	}
	return n * o.subscribers
}

// spaced measures saves of a kind, each some time after everybody has had the one
// before.
func (s *server) spaced(ctx context.Context, k kind, o options, f *figures) error {
	var saves, halves, most []float64
	<-time.After(o.pause)
	used := s.cpu()
	for range o.saves {
		took, d, err := s.saveToAll(ctx, k, o)
		if err != nil {
			return err
		}
		saves, halves, most = append(saves, took), append(halves, d.until(0.5)), append(most, d.until(0.99))
		<-time.After(o.pause)
	}
	f.save, f.half, f.most, f.cpu = middle(saves), middle(halves), middle(most), (s.cpu()-used)/float64(o.saves)
	return nil
}

// atOnce measures saves that follow each other at once, until everybody has all of
// them.
func (s *server) atOnce(ctx context.Context, k kind, o options, f *figures) error {
	d, used := s.expect(k.events(o.saves, o)), s.cpu()
	var saves []float64
	for range o.saves {
		took, err := s.saveOne(ctx, k)
		if err != nil {
			return err
		}
		saves = append(saves, took)
	}
	if err := d.await(ctx); err != nil {
		return err
	}
	f.atOnce, f.atOnceCPU = middle(saves), (s.cpu()-used)/float64(o.saves)
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
	took := milliseconds(time.Since(began))
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

// medians are those of each figure over the rounds.
func medians(rounds []result) result {
	pick := func(get func(result) float64) float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, get(r))
		}
		return middle(values)
	}
	m := result{
		kinds:              make([]figures, len(kinds)),
		perConnection:      pick(func(r result) float64 { return r.perConnection }),
		perConnectionAfter: pick(func(r result) float64 { return r.perConnectionAfter }),
	}
	for _, row := range rows {
		for i := range kinds {
			*row.of(&m.kinds[i]) = pick(func(r result) float64 {
				return *row.of(&r.kinds[i])
			})
		}
	}
	return m
}
