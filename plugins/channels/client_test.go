package channels_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
)

// patience is how long tests wait for what must come.
const patience = 60 * time.Second

// reply is what the server answers a command with, or sends unasked.
type reply struct {
	ID    int `json:"id"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Connect *struct {
		Client  string `json:"client"`
		Expires bool   `json:"expires"`
		TTL     int    `json:"ttl"`
	} `json:"connect"`
	Presence *struct {
		Presence map[string]member `json:"presence"`
	} `json:"presence"`
	Push *push `json:"push"`

	raw string
}

type member struct {
	User   string          `json:"user"`
	Client string          `json:"client"`
	Info   json.RawMessage `json:"conn_info"`
}

type push struct {
	Channel string `json:"channel"`
	Pub     *struct {
		Data json.RawMessage `json:"data"`
		Info *member         `json:"info"`
	} `json:"pub"`
	Join        *struct{ Info member } `json:"join"`
	Leave       *struct{ Info member } `json:"leave"`
	Unsubscribe *struct{ Code int }    `json:"unsubscribe"`
}

func (r reply) code() int {
	if r.Error == nil {
		return 0
	}
	return r.Error.Code
}

// client is a WebSocket client that speaks Centrifuge's JSON protocol and hides
// nothing of it.
type client struct {
	tb   testing.TB
	conn net.Conn
	id   string // of the connection, once connected

	mu      sync.Mutex
	next    int
	waiting map[int]chan reply
	pushes  []push
	closed  chan struct{}
	code    int // of the close frame
}

// open dials without saying who it is. It returns the status of a refusal.
func open(tb testing.TB, base string, header http.Header) (*client, *http.Response, error) {
	tb.Helper()
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := new(net.Dialer).DialContext(tb.Context(), "tcp", u.Host)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, base+"/api/ws"+query(header), nil)
	if err != nil {
		tb.Fatal(err)
	}
	request.Header = header.Clone()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		request.Header.Set(name, value)
	}
	if err := request.Write(conn); err != nil {
		tb.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		response.Body = io.NopCloser(bytes.NewReader(body))
		return nil, response, errors.New(response.Status)
	}
	c := &client{tb: tb, conn: conn, waiting: map[int]chan reply{}, closed: make(chan struct{})}
	if header.Get("X-Test-Deaf") == "" {
		go c.read(reader)
	}
	return c, response, nil
}

// query lets a test give the request a query string.
func query(header http.Header) string { return header.Get("X-Test-Query") }

// dial opens a connection and says who it is.
func dial(tb testing.TB, base, token string) *client {
	tb.Helper()
	c, _, err := open(tb, base, nil)
	if err != nil {
		tb.Fatalf("open a socket: %v", err)
	}
	r := c.connect(token)
	if r.Error != nil {
		tb.Fatalf("connect: %s", r.raw)
	}
	return c
}

func (c *client) connect(token string) reply {
	c.tb.Helper()
	r := c.call(map[string]any{"connect": map[string]any{"token": token}})
	if r.Connect != nil {
		c.id = r.Connect.Client
	}
	return r
}

func (c *client) subscribe(channel string) reply {
	c.tb.Helper()
	return c.call(map[string]any{"subscribe": map[string]any{"channel": channel, "join_leave": true}})
}

// join subscribes to what must be allowed. Centrifuge answers an instant before
// the client is a subscriber, and what is sent in between does not reach it.
func (c *client) join(channel string) {
	c.tb.Helper()
	if r := c.subscribe(channel); r.Error != nil {
		c.tb.Fatalf("subscribe to %s: %s", channel, r.raw)
	}
	pbtest.Eventually(c.tb, patience, func() error {
		if !c.in(channel) {
			return fmt.Errorf("the client is not in %s yet", channel)
		}
		return nil
	})
}

func (c *client) publish(channel string, data any) reply {
	c.tb.Helper()
	return c.call(map[string]any{"publish": map[string]any{"channel": channel, "data": data}})
}

func (c *client) presence(channel string) reply {
	c.tb.Helper()
	return c.call(map[string]any{"presence": map[string]any{"channel": channel}})
}

// call sends a command and waits for its reply. The connection's end is a reply
// without content.
func (c *client) call(command map[string]any) reply {
	c.tb.Helper()
	answer := c.send(command)
	select {
	case r := <-answer:
		return r
	case <-c.closed:
		select { // the reply may have come first
		case r := <-answer:
			return r
		default:
			return reply{raw: "the connection is closed"}
		}
	case <-time.After(patience):
		c.tb.Fatalf("no reply to %v", command)
		return reply{}
	}
}

// send sends a command and returns where its reply will be.
func (c *client) send(command map[string]any) <-chan reply {
	c.mu.Lock()
	c.next++
	command["id"] = c.next
	answer := make(chan reply, 1)
	c.waiting[c.next] = answer
	c.mu.Unlock()
	encoded, err := json.Marshal(command)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.write(1, encoded)
	return answer
}

// write sends a frame, masked with zeros.
func (c *client) write(opcode byte, payload []byte) {
	frame := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	frame = append(append(frame, 0, 0, 0, 0), payload...)
	_, _ = c.conn.Write(frame) // an end of the connection shows when reading
}

func (c *client) read(reader *bufio.Reader) {
	defer close(c.closed)
	for {
		opcode, payload, err := readFrame(reader)
		if err != nil {
			return
		}
		switch opcode {
		case 8:
			c.mu.Lock()
			if len(payload) >= 2 {
				c.code = int(binary.BigEndian.Uint16(payload))
			}
			c.mu.Unlock()
			c.write(8, payload)
			c.conn.Close()
			return
		case 1:
			for line := range bytes.SplitSeq(payload, []byte("\n")) {
				if len(line) > 0 {
					c.receive(line)
				}
			}
		}
	}
}

func readFrame(reader *bufio.Reader) (opcode byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(reader, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 127)
	var long [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(reader, long[6:])
		n = binary.BigEndian.Uint64(long[:])
	case 127:
		_, err = io.ReadFull(reader, long[:])
		n = binary.BigEndian.Uint64(long[:])
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(reader, payload)
	return head[0] & 15, payload, err
}

func (c *client) receive(line []byte) {
	r := reply{raw: string(line)}
	if err := json.Unmarshal(line, &r); err != nil {
		c.tb.Errorf("the server sent %q: %v", line, err)
		return
	}
	if r.ID == 0 && r.Push == nil { // a ping
		c.write(1, []byte("{}"))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Push != nil {
		c.pushes = append(c.pushes, *r.Push)
		return
	}
	c.waiting[r.ID] <- r
	delete(c.waiting, r.ID)
}

// seen counts the pushes that match.
func (c *client) seen(match func(push) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.pushes {
		if match(p) {
			n++
		}
	}
	return n
}

// await waits for a push that matches.
func (c *client) await(what string, match func(push) bool) {
	c.tb.Helper()
	pbtest.Eventually(c.tb, patience, func() error {
		if c.seen(match) == 0 {
			return fmt.Errorf("no %s has come", what)
		}
		return nil
	})
}

// end waits for the end of the connection and returns the close frame's code.
func (c *client) end() int {
	c.tb.Helper()
	select {
	case <-c.closed:
	case <-time.After(patience):
		c.tb.Fatal("the connection has not been closed")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

// in reports whether the server has the client in the channel: it tells nobody
// else even that there is no presence.
func (c *client) in(channel string) bool {
	c.tb.Helper()
	r := c.presence(channel)
	return r.Presence != nil || r.code() == 108
}

func message(channel, text string) func(push) bool {
	return func(p push) bool {
		return p.Channel == channel && p.Pub != nil && strings.Contains(string(p.Pub.Data), text)
	}
}

func unsubscribed(channel string, code int) func(push) bool {
	return func(p push) bool {
		return p.Channel == channel && p.Unsubscribe != nil && p.Unsubscribe.Code == code
	}
}
