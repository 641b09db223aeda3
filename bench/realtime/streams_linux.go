package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// streams are the connections of the subscribers. What reads them looks for events
// every millisecond and is not woken by each: subscribers are elsewhere as a rule,
// whereas here waking them would be a part of what the server does.
type streams struct {
	poll int
	all  []*stream
	stop chan struct{}
	done chan struct{}
}

type stream struct {
	fd  int
	cut []byte // what may be the beginning of a mark
}

// mark is what each event of a record has once.
var mark = []byte(`"action":`)

// newStreams are n at most. It calls each for each event.
func newStreams(n int, each func()) (*streams, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make epoll: %w", err)
	}
	s := &streams{poll: poll, all: make([]*stream, n), stop: make(chan struct{}), done: make(chan struct{})}
	go s.read(each)
	return s, nil
}

// open makes the i-th connection to the realtime API and returns the client's id.
func (s *streams) open(i int, address string) (id string, err error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return "", err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", fmt.Errorf("make a socket: %w", err)
	}
	s.all[i] = &stream{fd: fd}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	if _, err := unix.Write(fd, []byte("GET /api/realtime HTTP/1.1\r\nHost: bench\r\n\r\n")); err != nil {
		return "", fmt.Errorf("write: %w", err)
	}
	hello := make([]byte, 0, 2048)
	for !bytes.Contains(hello, []byte("\n\n")) {
		n, err := unix.Read(fd, hello[len(hello):cap(hello)])
		if err != nil || n == 0 {
			return "", fmt.Errorf("read the first event, got %q: %w", hello, err)
		}
		hello = hello[:len(hello)+n]
	}
	_, rest, _ := bytes.Cut(hello, []byte(`"clientId":"`))
	name, _, _ := bytes.Cut(rest, []byte(`"`))
	if err := unix.SetNonblock(fd, true); err != nil {
		return "", err
	}
	watch := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)} // a few thousand
	return string(name), unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, fd, &watch)
}

func (s *streams) read(each func()) {
	defer close(s.done)
	ready, buffer := make([]unix.EpollEvent, 512), make([]byte, 0, 64<<10)
	for {
		n, _ := unix.EpollWait(s.poll, ready, 0)
		for i := range max(0, n) {
			s.all[ready[i].Fd].read(buffer, each)
		}
		if n == len(ready) {
			continue
		}
		select {
		case <-s.stop:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func (s *stream) read(buffer []byte, each func()) {
	buffer = append(buffer, s.cut...)
	n, err := unix.Read(s.fd, buffer[len(buffer):cap(buffer)])
	if err != nil || n == 0 {
		return
	}
	buffer = buffer[:len(buffer)+n]
	for range bytes.Count(buffer, mark) {
		each()
	}
	if i := bytes.LastIndex(buffer, mark); i >= 0 {
		buffer = buffer[i+len(mark):]
	}
	s.cut = append(s.cut[:0], buffer[max(0, len(buffer)-len(mark)+1):]...)
}

func (s *streams) close() error {
	close(s.stop)
	<-s.done
	var problems []error
	for _, one := range s.all {
		if one != nil {
			problems = append(problems, unix.Close(one.fd))
		}
	}
	return errors.Join(append(problems, unix.Close(s.poll))...)
}
