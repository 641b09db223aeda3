package safehttp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/safehttp"
)

// insider is a server that nobody may reach, on a port of both loopback
// addresses and so also of the unspecified ones. It records every connection, not
// only those that speak HTTP.
type insider struct {
	port string
	mu   sync.Mutex
	seen []string
}

func newInsider(t *testing.T) *insider {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in := &insider{port: port}
	server := &http.Server{
		ReadHeaderTimeout: time.Second,
		ConnState: func(conn net.Conn, state http.ConnState) {
			if state == http.StateNew {
				in.mu.Lock()
				defer in.mu.Unlock()
				in.seen = append(in.seen, conn.LocalAddr().String())
			}
		},
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return in
}

func (in *insider) connections() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.seen)
}

// get requests a URL, with this client.
func get(t *testing.T, client *http.Client, url string) (status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, nil
}

// forbidden are ways to write addresses of this machine and its surroundings.
// Those that end in "PORT" reach the insider if the dialer lets them.
var forbidden = []struct{ name, host string }{
	{"IPv4 loopback", "127.0.0.1"},
	{"another loopback address", "127.1.2.3"},
	{"the name localhost", "localhost"},
	{"localhost in capitals, with a dot", "LOCALHOST."},
	{"a name that resolves to loopback", "inside.example"},
	{"a name with a public and a private address", "mixed.example"},
	{"a name that changes its address", "rebind.example"},
	{"unspecified IPv4", "0.0.0.0"},
	{"zero", "0"},
	{"decimal", "2130706433"},
	{"hexadecimal", "0x7f000001"},
	{"hexadecimal parts", "0x7f.0x0.0x0.0x1"},
	{"octal", "0177.0.0.1"},
	{"long octal", "00000177.0.0.1"},
	{"two parts", "127.1"},
	{"three parts", "127.0.1"},
	{"full-width digits", "１２７.0.0.1"},
	{"IPv6 loopback", "[::1]"},
	{"IPv6 loopback in full", "[0000:0000:0000:0000:0000:0000:0000:0001]"},
	{"unspecified IPv6", "[::]"},
	{"IPv4-mapped", "[::ffff:127.0.0.1]"},
	{"IPv4-mapped in hexadecimal", "[::ffff:7f00:1]"},
	{"IPv4-mapped unspecified", "[::ffff:0.0.0.0]"},
	{"IPv4-compatible", "[::127.0.0.1]"},
	{"NAT64", "[64:ff9b::127.0.0.1]"},
	{"NAT64 for local use", "[64:ff9b:1::7f00:1]"},
	{"6to4", "[2002:7f00:1::]"},
	{"Teredo", "[2001:0:7f00:1::]"},
	{"a zone", "[::1%25lo]"},
	{"a link-local address with a zone", "[fe80::1%25lo]"},
	{"metadata", "169.254.169.254"},
	{"metadata, IPv4-mapped", "[::ffff:169.254.169.254]"},
	{"metadata over IPv6", "[fd00:ec2::254]"},
	{"private 10", "10.0.0.1"},
	{"private 172", "172.16.0.1"},
	{"private 192", "192.168.0.1"},
	{"carrier-grade NAT", "100.64.0.1"},
	{"benchmarking", "198.18.0.1"},
	{"multicast", "224.0.0.1"},
	{"IPv6 multicast", "[ff02::1]"},
	{"broadcast", "255.255.255.255"},
	{"unique local", "[fc00::1]"},
	{"site local", "[fec0::1]"},
}

// harmless is an address that the tests let through, as if it were public, and
// that nothing answers at.
var harmless = netip.MustParsePrefix("192.0.2.9/32")

// names are what the test's DNS server says.
func names() map[string][][]netip.Addr {
	loopback, public := netip.MustParseAddr("127.0.0.1"), harmless.Addr()
	return map[string][][]netip.Addr{
		"inside.example": {{loopback}},
		"mixed.example":  {{public, loopback}},
		"rebind.example": {{public}, {loopback}},
	}
}

// TestForbiddenAddressesAreNotReached asks for each address twice, as a name may
// resolve to another one the second time.
func TestForbiddenAddressesAreNotReached(t *testing.T) {
	t.Parallel()
	in := newInsider(t)
	resolver, _ := newResolver(t, names())
	client := safehttp.New(safehttp.Options{Resolver: resolver, DialTimeout: 500 * time.Millisecond, Allow: []netip.Prefix{harmless}})
	defer client.CloseIdleConnections()
	for _, c := range forbidden {
		for range 2 {
			status, err := get(t, client, "http://"+c.host+":"+in.port+"/")
			if err == nil {
				t.Errorf("%s (%s): got the answer %d", c.name, c.host, status)
			}
		}
		if n := in.connections(); n > 0 {
			t.Fatalf("%s (%s): the insider was reached, at %v", c.name, c.host, in.seen)
		}
	}
}

// TestForbiddenAddressesWouldBeReached shows that the test above proves something:
// a client without the check gets to the insider by many of the same addresses.
func TestForbiddenAddressesWouldBeReached(t *testing.T) {
	t.Parallel()
	in := newInsider(t)
	resolver, _ := newResolver(t, names())
	dialer := &net.Dialer{Resolver: resolver, Timeout: 300 * time.Millisecond}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	reached := 0
	for _, name := range []string{"127.0.0.1", "127.1.2.3", "localhost", "inside.example", "mixed.example", "0.0.0.0", "[::ffff:127.0.0.1]", "[::1]", "[::]"} {
		before := in.connections()
		if _, err := get(t, &http.Client{Transport: transport}, "http://"+name+":"+in.port+"/"); err == nil && in.connections() > before {
			reached++
		}
	}
	if reached < 7 { // two need IPv6
		t.Errorf("reached by %d of 9 addresses, so the insider is not one", reached)
	}
}

// TestCheckBeforeDialingIsNotEnough is the mistake that checking at the dial
// prevents: a name is looked up, found to be harmless, and looked up again.
func TestCheckBeforeDialingIsNotEnough(t *testing.T) {
	t.Parallel()
	resolver, server := newResolver(t, names())
	addresses, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.example")
	if err != nil || len(addresses) != 1 {
		t.Fatalf("got %v and error %v", addresses, err)
	}
	if err := safehttp.Check(addresses[0].Unmap(), []netip.Prefix{harmless}); err != nil {
		t.Fatalf("the first answer is refused already: %v", err)
	}
	in := newInsider(t)
	_, err = get(t, safehttp.New(safehttp.Options{Resolver: resolver}), "http://rebind.example:"+in.port+"/")
	if !errors.Is(err, safehttp.ErrForbidden) {
		t.Errorf("got error %v, want %v", err, safehttp.ErrForbidden)
	}
	if server.times("rebind.example") < 2 || in.connections() > 0 {
		t.Errorf("asked %d times, reached %d times", server.times("rebind.example"), in.connections())
	}
}

func TestErrorsSayWhy(t *testing.T) {
	t.Parallel()
	client := safehttp.New(safehttp.Options{})
	for _, host := range []string{"127.0.0.1", "[::1]", "169.254.169.254", "10.1.2.3", "[::ffff:10.1.2.3]"} {
		if _, err := get(t, client, "http://"+host+":9/"); !errors.Is(err, safehttp.ErrForbidden) {
			t.Errorf("%s: got error %v, want %v", host, err, safehttp.ErrForbidden)
		}
	}
}

// TestRedirectsAreAnswers redirects from an allowed address to the insider's.
func TestRedirectsAreAnswers(t *testing.T) {
	t.Parallel()
	in := newInsider(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		outside := httptest.NewServer(http.RedirectHandler("http://localhost:"+in.port+"/", status))
		client := safehttp.New(safehttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		got, err := get(t, client, outside.URL)
		if err != nil || got != status {
			t.Errorf("%d: got %d and error %v", status, got, err)
		}
		client.CloseIdleConnections()
		outside.Close()
	}
	if in.connections() > 0 {
		t.Error("a redirect was followed")
	}
}

// TestProxiesAreNotUsed is not parallel: it changes the environment.
func TestProxiesAreNotUsed(t *testing.T) {
	in := newInsider(t)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+in.port)
	t.Setenv("http_proxy", "http://127.0.0.1:"+in.port)
	resolver, _ := newResolver(t, nil)
	// allowed, so that nothing but the proxy's absence keeps it from being asked
	client := safehttp.New(safehttp.Options{Resolver: resolver, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if _, err := get(t, client, "http://receiver.example/"); err == nil {
		t.Error("got an answer")
	}
	if in.connections() > 0 {
		t.Error("the proxy was asked")
	}
}

func TestAllowedNetworksAreReached(t *testing.T) {
	t.Parallel()
	in := newInsider(t)
	client := safehttp.New(safehttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	defer client.CloseIdleConnections()
	for host, allowed := range map[string]bool{"127.0.0.1": true, "[::ffff:127.0.0.1]": true, "127.0.0.2": false, "[::1]": false} {
		_, err := get(t, client, "http://"+host+":"+in.port+"/")
		if (err == nil) != allowed {
			t.Errorf("%s: got error %v, want it allowed: %t", host, err, allowed)
		}
	}
}

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "93.184.216.34": true, "172.15.255.255": true, "172.32.0.0": true, "100.63.255.255": true,
		"100.128.0.0": true, "192.0.1.1": true, "223.255.255.255": true, "2606:4700::1111": true, "2a00:1450::1": true,
		"64:ff9b::808:808": true, "::ffff:8.8.8.8": true, "2001:200::1": true,
		"64:ff9b::a00:1": false, "2001:1ff::1": false, "2001:db8::1": false, "2002:808:808::": false, "3fff::1": false,
		"4000::1": false, "5f00::1": false, "fe80::1": false, "fd12::1": false, "ff0e::1": false, "::": false, "::1": false,
		"::8.8.8.8": false, "100::1": false, "168.63.129.16": false, "240.0.0.1": false, "239.1.1.1": false, "192.0.2.1": false,
		"2606:4700::1111%eth0": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "64:ff9b::7f00:1": false,
	} {
		if got := safehttp.IsPublic(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got %t, want %t", text, got, want)
		}
	}
	if safehttp.IsPublic(netip.Addr{}) {
		t.Error("no address is a public one")
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	allow := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		url   string
		allow []netip.Prefix
		want  string // part of the error
	}{
		{"https://hooks.example.com/in?token=1", nil, ""},
		{"http://hooks.example.com:8080", nil, ""},
		{"https://8.8.8.8/", nil, ""},
		{"https://7.example/", nil, ""},
		{"https://127.0.0.1/", allow, ""},
		{"https://localhost/", allow, ""},
		{"https://127.0.0.1/", nil, "not a public one"},
		{"https://[::ffff:10.0.0.1]/", nil, "not a public one"},
		{"https://localhost./", nil, "not a public one"},
		{"https://api.localhost/", nil, "not a public one"},
		{"https://2130706433/", nil, "another way"},
		{"https://0x7f.1/", allow, "another way"},
		{"https://0177.0.0.01/", nil, "another way"},
		{"https://[::1%25lo]/", allow, "not a public one"},
		{"https://user:pass@hooks.example.com/", nil, "user or password"},
		{"https://hooks.example.com/#a", nil, "fragment"},
		{"ftp://hooks.example.com/", nil, "https://"},
		{"gopher://127.0.0.1:70/", nil, "https://"},
		{"//hooks.example.com/", nil, "https://"},
		{"https:///path", nil, "no host"},
		{"https://a b/", nil, "not a URL"},
	} {
		err := safehttp.CheckURL(c.url, c.allow)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %q", c.url, err, c.want)
		}
	}
}

// TestLargeHeadersAreRefused is one of the limits.
func TestLargeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("a", 4000))
		}
	}))
	defer server.Close()
	client := safehttp.New(safehttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	defer client.CloseIdleConnections()
	if status, err := get(t, client, server.URL); err == nil {
		t.Errorf("got the answer %d", status)
	}
}
