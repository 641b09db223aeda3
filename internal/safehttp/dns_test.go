package safehttp_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// nameServer is a DNS server that answers as it is told, each question in turn
// with the next of the name's answers, the last one forever.
type nameServer struct {
	mu      sync.Mutex
	answers map[string][][]netip.Addr
	asked   map[string]int
}

// newResolver returns a resolver that asks only a server with these answers.
func newResolver(t *testing.T, answers map[string][][]netip.Addr) (*net.Resolver, *nameServer) {
	t.Helper()
	server := &nameServer{answers: answers, asked: map[string]int{}}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go server.serve(conn)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}, server
}

func (s *nameServer) serve(conn net.PacketConn) {
	buffer := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if reply := s.reply(buffer[:n]); reply != nil {
			_, _ = conn.WriteTo(reply, from)
		}
	}
}

// times tells how often the IPv4 address of a name was asked for.
func (s *nameServer) times(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

// reply answers a question for addresses (RFC 1035): the header, the question as
// it came, and the records with a pointer to its name.
func (s *nameServer) reply(query []byte) []byte {
	var labels []string
	at := 12
	for at < len(query) && query[at] != 0 {
		length := int(query[at])
		labels = append(labels, string(query[at+1:at+1+length]))
		at += 1 + length
	}
	question := query[12 : at+5]
	kind := question[len(question)-3] // 1 is A, 28 is AAAA
	addresses := s.next(strings.ToLower(strings.Join(labels, ".")), kind)

	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(len(addresses)), 0, 0, 0, 0}, question...)
	for _, address := range addresses {
		data := address.AsSlice()
		reply = append(reply, 0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, byte(len(data)))
		reply = append(reply, data...)
	}
	return reply
}

func (s *nameServer) next(name string, kind byte) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	turns := s.answers[name]
	if len(turns) == 0 {
		return nil
	}
	turn := turns[min(s.asked[name], len(turns)-1)]
	if kind == 1 {
		s.asked[name]++
	}
	var fitting []netip.Addr
	for _, address := range turn {
		if address.Is4() == (kind == 1) {
			fitting = append(fitting, address)
		}
	}
	return fitting
}
