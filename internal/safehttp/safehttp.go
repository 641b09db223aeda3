// Package safehttp makes HTTP clients for addresses that somebody else chose:
// clients that reach the public internet and nothing else.
//
//	client := safehttp.New(safehttp.Options{})
//
// The address is checked when the connection is made, after every resolution of a
// name, so that neither a name that resolves to another address the second time
// nor a way of writing an address that nobody thought of gets through. Redirects
// are answers and are not followed. Proxies of the environment are not used:
// behind one the check would see the address of the proxy.
package safehttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// ErrForbidden is wrapped by the error of a request to an address that is not of
// the public internet.
var ErrForbidden = errors.New("the address is not a public one")

// Options are what a client may do. The zero value works.
type Options struct {
	// Allow are networks that may be reached although they are not public, such
	// as the one of a receiver in the same data centre.
	Allow []netip.Prefix

	// DialTimeout bounds resolving and connecting. Defaults to 10 s.
	DialTimeout time.Duration

	// HeaderTimeout bounds the wait for the answer's header once the request is
	// written. Defaults to 30 s. Whoever reads the body bounds that by the
	// context of the request.
	HeaderTimeout time.Duration

	// MaxIdlePerHost is how many idle connections to one host are kept. Defaults to 4.
	MaxIdlePerHost int

	// Resolver looks names up. Defaults to that of package net.
	Resolver *net.Resolver
}

func (o Options) withDefaults() Options {
	if o.DialTimeout == 0 {
		o.DialTimeout = 10 * time.Second
	}
	if o.HeaderTimeout == 0 {
		o.HeaderTimeout = 30 * time.Second
	}
	if o.MaxIdlePerHost == 0 {
		o.MaxIdlePerHost = 4
	}
	return o
}

// New returns a client. Make one and keep it: its connections are reused.
func New(o Options) *http.Client {
	o = o.withDefaults()
	dialer := &net.Dialer{
		Timeout:   o.DialTimeout,
		KeepAlive: 30 * time.Second,
		Resolver:  o.Resolver,
		// Called with the address that is about to be connected to, for each
		// address of a name, and never with a name.
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return check(network, address, o.Allow)
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true, // a small answer could become a large one
			TLSHandshakeTimeout:    o.DialTimeout,
			ResponseHeaderTimeout:  o.HeaderTimeout,
			ExpectContinueTimeout:  time.Second,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    o.MaxIdlePerHost,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// check decides about an address of the form that [net.Dialer.Control] is given.
func check(network, address string, allow []netip.Prefix) error {
	if !strings.HasPrefix(network, "tcp") {
		return fmt.Errorf("%w: network %s", ErrForbidden, network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrForbidden, address)
	}
	if err := Check(to.Addr(), allow); err != nil {
		return err
	}
	return nil
}

// Check returns an error that wraps [ErrForbidden] unless the address is of the
// public internet or in one of the networks.
func Check(address netip.Addr, allow []netip.Prefix) error {
	// Addresses with a zone are of this link, and no prefix contains them.
	plain := address.Unmap()
	for _, network := range allow {
		if network.Contains(plain) {
			return nil
		}
	}
	if !IsPublic(address) {
		return fmt.Errorf("%w: %s", ErrForbidden, address)
	}
	return nil
}

// CheckURL tells early, and in words, what a client would not or should not
// send to. Names are not resolved: what they resolve to is decided at each
// connection.
func CheckURL(raw string, allow []netip.Prefix) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("it is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("it must start with https:// or http://")
	case u.Hostname() == "":
		return errors.New("it has no host")
	case u.User != nil:
		return errors.New("it must not contain a user or password")
	case u.Fragment != "":
		return errors.New("it must not contain a fragment")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		return Check(address, allow)
	}
	if isNumeric(host) {
		return fmt.Errorf("%w: %s is another way to write an IPv4 address", ErrForbidden, host)
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if local && Check(netip.MustParseAddr("127.0.0.1"), allow) != nil {
		return fmt.Errorf("%w: %s", ErrForbidden, host)
	}
	return nil
}

// isNumeric tells whether the last label of a host is a number, which some
// resolvers take for an IPv4 address: 2130706433, 0x7f.1, 0177.0.0.1, 127.1. No
// top-level domain is one.
func isNumeric(host string) bool {
	last := host[strings.LastIndex(host, ".")+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
