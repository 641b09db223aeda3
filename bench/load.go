package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// requestTimeout bounds one request, so that a stuck server ends the run.
const requestTimeout = 30 * time.Second

// conn is a kept-alive connection. It costs less of the shared cores than
// net/http's client, and the server cannot tell the difference.
type conn struct {
	net.Conn
	reader *bufio.Reader
}

func dial(ctx context.Context, address string) (*conn, error) {
	c, err := (&net.Dialer{Timeout: requestTimeout}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, reader: bufio.NewReaderSize(c, 16<<10)}, nil
}

// do sends a request and discards the answer, which must be a success.
func (c *conn) do(request []byte) error {
	if err := c.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return fmt.Errorf("got status %d: %s", response.StatusCode, text)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// encode is a request as it goes over the wire.
func encode(method, path, token string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: bench.example\r\n", method, path)
	if token != "" {
		fmt.Fprintf(&b, "Authorization: %s\r\n", token)
	}
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// requests is the load on one server by one kind of request.
type requests struct {
	conns []*conn
	next  func(n uint64) []byte // the n-th request
	count atomic.Uint64         // requests made so far, so that no two create the same
}

func connect(ctx context.Context, address string, conns int, next func(uint64) []byte) (*requests, error) {
	l := &requests{next: next}
	for range conns {
		c, err := dial(ctx, address)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("connect: %w", err), l.close())
		}
		l.conns = append(l.conns, c)
	}
	return l, nil
}

func (l *requests) close() error {
	var problems []error
	for _, c := range l.conns {
		problems = append(problems, c.Close())
	}
	return errors.Join(problems...)
}

// run makes n requests, as many at a time as there are connections, and
// returns how long each took. It ends early when ctx does.
func (l *requests) run(ctx context.Context, n int) ([]time.Duration, error) {
	var (
		left    atomic.Int64
		workers sync.WaitGroup
		taken   = make([][]time.Duration, len(l.conns))
		failed  = make([]error, len(l.conns))
	)
	left.Store(int64(n))
	for i, c := range l.conns {
		workers.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				request := l.next(l.count.Add(1))
				began := time.Now()
				if failed[i] = c.do(request); failed[i] != nil {
					return
				}
				taken[i] = append(taken[i], time.Since(began))
			}
		})
	}
	workers.Wait()
	return slices.Concat(taken...), errors.Join(failed...)
}
