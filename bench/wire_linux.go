package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// wire is a load on one server that costs the shared cores as little as can be: one
// thread, a few calls to the kernel for each request, and no memory. With a client of
// one goroutine for each connection half of what a fast server reaches is the client.
type wire struct {
	poll  int
	conns []*wireConn
	next  appendRequest
	made  uint64 // requests so far, so that no two create the same

	keepEvery uint64 // keep one answer in so many, 0 for none
	kept      []kept
}

// wireConn is a kept-alive connection and the request that it waits for.
type wireConn struct {
	fd     int
	out    []byte
	answer answer
	n      uint64
	since  time.Duration // of the clock of the run
}

// keptAtMost is how many answers are kept of a run for examination.
const keptAtMost = 8

// openWire connects to address, a host and port.
func openWire(address string, conns int, next appendRequest) (*wire, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a poll: %w", err)
	}
	w := &wire{poll: poll, next: next}
	for i := range conns {
		fd, err := connectSocket(address)
		if err == nil {
			w.conns = append(w.conns, &wireConn{fd: fd})
			err = w.watch(fd, int32(i))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect to %s: %w", address, err), w.close())
		}
	}
	return w, nil
}

// connectSocket returns a socket that blocks: it is read when there is something to
// read, and a request fits into its buffer.
func connectSocket(address string) (int, error) {
	resolved, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	to := &unix.SockaddrInet4{Port: resolved.Port, Addr: [4]byte(resolved.IP.To4())}
	timeout := unix.NsecToTimeval(requestTimeout.Nanoseconds())
	if err := errors.Join(
		// before there is a timeout, with which the kernel lets the signals interrupt it
		// that Go's scheduler sends
		unix.Connect(fd, to),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
	); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (w *wire) watch(fd int, id int32) error {
	return unix.EpollCtl(w.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: id})
}

func (w *wire) close() error {
	problems := []error{unix.Close(w.poll)}
	for _, c := range w.conns {
		problems = append(problems, unix.Close(c.fd))
	}
	return errors.Join(problems...)
}

// closed makes requests for as long as d, the next on a connection as soon as the
// last one is answered, and returns how long each took, and how long all of them. The
// answers to the last ones are waited for.
func (w *wire) closed(d time.Duration) ([]time.Duration, time.Duration, error) {
	began := time.Now()
	taken := make([]time.Duration, 0, 1<<16)
	open := 0
	for _, c := range w.conns {
		if err := w.send(c, time.Since(began)); err != nil {
			return nil, 0, err
		}
		open++
	}
	events := make([]unix.EpollEvent, len(w.conns))
	for open > 0 {
		ready, err := w.wait(events)
		if err != nil {
			return nil, 0, err
		}
		for _, event := range ready {
			c := w.conns[event.Fd]
			done, err := w.receive(c)
			if err != nil {
				return nil, 0, err
			}
			if !done {
				continue
			}
			now := time.Since(began)
			taken = append(taken, now-c.since)
			if now >= d {
				open--
				continue
			}
			if err := w.send(c, now); err != nil {
				return nil, 0, err
			}
		}
	}
	return taken, time.Since(began), nil
}

// offered makes requests at a steady rate a second for as long as d, whether earlier
// ones are answered or not, and returns how long after it was due each was answered.
// A request that finds no connection free waits for one, which counts: a server that
// stands still delays all that come meanwhile. It gives up when a server is far behind.
func (w *wire) offered(rate float64, d time.Duration) ([]time.Duration, time.Duration, error) {
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return nil, 0, fmt.Errorf("make a timer: %w", err)
	}
	defer unix.Close(timer)
	const timerID = -1
	if err := w.watch(timer, timerID); err != nil {
		return nil, 0, err
	}
	interval := time.Duration(float64(time.Second) / rate)
	every := unix.NsecToTimespec(interval.Nanoseconds())
	began := time.Now()
	if err := unix.TimerfdSettime(timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil); err != nil {
		return nil, 0, fmt.Errorf("set the timer: %w", err)
	}

	total := int(d / interval)
	taken := make([]time.Duration, 0, total)
	free := slices.Clone(w.conns)
	due := 0  // requests whose time has come
	sent := 0 // of them
	events := make([]unix.EpollEvent, len(w.conns)+1)
	for len(taken) < total {
		ready, err := w.wait(events)
		if err != nil {
			return nil, 0, err
		}
		for _, event := range ready {
			if event.Fd == timerID {
				var ticks [8]byte
				if _, err := unix.Read(timer, ticks[:]); errors.Is(err, unix.EINTR) {
					continue
				} else if err != nil {
					return nil, 0, err
				}
				due = min(total, due+int(binary.NativeEndian.Uint64(ticks[:])))
				continue
			}
			c := w.conns[event.Fd]
			done, err := w.receive(c)
			if err != nil {
				return nil, 0, err
			}
			if done {
				taken = append(taken, time.Since(began)-c.since)
				free = append(free, c)
			}
		}
		for ; sent < due && len(free) > 0; sent++ {
			c := free[len(free)-1]
			free = free[:len(free)-1]
			if err := w.send(c, time.Duration(sent+1)*interval); err != nil {
				return nil, 0, err
			}
		}
		if time.Since(began) > d+requestTimeout {
			return nil, 0, fmt.Errorf("it did not keep up with %.0f requests a second", rate)
		}
	}
	return taken, time.Since(began), nil
}

// once makes the n-th request by itself and returns its answer, whatever its status.
func (w *wire) once(n uint64) (kept, error) {
	c := w.conns[0]
	w.made = n - 1
	if err := w.send(c, 0); err != nil {
		return kept{}, err
	}
	for {
		done, err := w.read(c)
		if err != nil {
			return kept{}, err
		}
		if done {
			return kept{n: n, status: c.answer.status, body: bytes.Clone(c.answer.body())}, nil
		}
	}
}

// wait returns the connections that have something to read.
func (w *wire) wait(events []unix.EpollEvent) ([]unix.EpollEvent, error) {
	for {
		n, err := unix.EpollWait(w.poll, events, int(requestTimeout.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, fmt.Errorf("wait for answers: %w", err)
		case n == 0:
			return nil, fmt.Errorf("no answer within %s", requestTimeout)
		default:
			return events[:n], nil
		}
	}
}

func (w *wire) send(c *wireConn, since time.Duration) error {
	w.made++
	c.n, c.since = w.made, since
	c.out = w.next(c.out[:0], c.n)
	for rest := c.out; len(rest) > 0; {
		n, err := unix.Write(c.fd, rest)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
		rest = rest[n:]
	}
	c.answer.reset()
	return nil
}

// receive reads what there is of an answer, and tells whether that was all of it,
// which must be a success.
func (w *wire) receive(c *wireConn) (bool, error) {
	done, err := w.read(c)
	if err != nil || !done {
		return false, err
	}
	if c.answer.status/100 != 2 {
		return false, fmt.Errorf("got status %d: %.300s\nto: %.300s", c.answer.status, c.answer.body(), c.out)
	}
	if w.keepEvery > 0 && c.n%w.keepEvery == 0 && len(w.kept) < keptAtMost {
		w.kept = append(w.kept, kept{n: c.n, status: c.answer.status, body: bytes.Clone(c.answer.body())})
	}
	return true, nil
}

func (w *wire) read(c *wireConn) (bool, error) {
	n, err := unix.Read(c.fd, c.answer.space())
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	if err == nil && n == 0 {
		err = errors.New("the server closed the connection")
	}
	if err != nil {
		return false, fmt.Errorf("read an answer: %w", err)
	}
	return c.answer.grow(n)
}

// answer is one of HTTP/1.1 as it comes in. It knows what Go's server sends.
type answer struct {
	raw     []byte
	status  int
	head    int // length with the empty line, 0 before it is there
	length  int // of the body, or chunked
	checked int // how far the chunks have been followed
}

const chunked = -1

func (a *answer) reset() { *a = answer{raw: a.raw[:0]} }

// space is where to read to.
func (a *answer) space() []byte {
	if cap(a.raw)-len(a.raw) < 4<<10 {
		a.raw = slices.Grow(a.raw, 32<<10)
	}
	return a.raw[len(a.raw):cap(a.raw)]
}

// grow takes in n bytes that have been read, and tells whether the answer is complete.
func (a *answer) grow(n int) (bool, error) {
	a.raw = a.raw[:len(a.raw)+n]
	if a.head == 0 {
		end := bytes.Index(a.raw, []byte("\r\n\r\n"))
		if end < 0 {
			return false, nil
		}
		a.head = end + 4
		if err := a.parseHead(); err != nil {
			return false, err
		}
	}
	if a.length != chunked {
		return len(a.raw) >= a.head+a.length, nil
	}
	return a.followChunks()
}

func (a *answer) parseHead() error {
	head := a.raw[:a.head]
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) || len(head) < 12 {
		return fmt.Errorf("got %.40q, want an answer of HTTP", head)
	}
	a.status, a.checked = int(head[9]-'0')*100+int(head[10]-'0')*10+int(head[11]-'0'), a.head
	switch value, found := header(head, "\r\nContent-Length: "); {
	case found:
		length, err := strconv.Atoi(string(value))
		if err != nil {
			return fmt.Errorf("the length of an answer: %w", err)
		}
		a.length = length
	case a.status == http.StatusNoContent || a.status == http.StatusNotModified:
		a.length = 0
	default:
		a.length = chunked
	}
	return nil
}

// header is the value of a header as Go's server writes it.
func header(head []byte, name string) ([]byte, bool) {
	_, rest, found := bytes.Cut(head, []byte(name))
	if !found {
		return nil, false
	}
	value, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return value, true
}

// followChunks goes from chunk to chunk as far as they have come.
func (a *answer) followChunks() (bool, error) {
	for {
		end := bytes.Index(a.raw[a.checked:], []byte("\r\n"))
		if end < 0 {
			return false, nil
		}
		size, err := strconv.ParseUint(string(a.raw[a.checked:a.checked+end]), 16, 31)
		if err != nil {
			return false, fmt.Errorf("the length of a chunk: %w", err)
		}
		next := a.checked + end + 2 + int(size) + 2
		if next > len(a.raw) {
			return false, nil
		}
		a.checked = next
		if size == 0 {
			return true, nil
		}
	}
}

// body is that of a complete answer.
func (a *answer) body() []byte {
	if a.length != chunked {
		return a.raw[a.head : a.head+a.length]
	}
	var body []byte
	for rest := a.raw[a.head:]; ; {
		line, after, _ := bytes.Cut(rest, []byte("\r\n"))
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil || size == 0 {
			return body
		}
		body = append(body, after[:size]...)
		rest = after[size+2:]
	}
}
