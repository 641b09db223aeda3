// Package pushtest has a server that speaks for the push services: Web Push, FCM
// with the OAuth service it needs, and APNs, over TLS and HTTP/2. It checks what it
// is sent as they would, signatures and encryption included, and refuses it in
// their words. A test, or a program that demonstrates something, tells it to be
// out of order in the ways that they are.
//
//	s, err := pushtest.Start(pushtest.Options{})
//	defer s.Close()
//	client, err := apns.New(s.APNs())
//	device := s.Device(pushtest.APNs)
//	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "3"})
//	_, err = client.Send(ctx, device, &provider.Notification{Title: "Pump 4"}) // 429
//	_, err = client.Send(ctx, device, &provider.Notification{Title: "Pump 4"}) // taken
//	s.Received(device.Token)[0].Title()                                        // "Pump 4"
package pushtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
)

// The services, by which [Server.Device], [Server.Answer] and [Server.Count] tell
// them apart. OAuth is where FCM's access tokens come from.
const (
	WebPush = "webpush"
	FCM     = "fcm"
	APNs    = "apns"
	OAuth   = "oauth"
)

// Options are how the services behave. The zero value works.
type Options struct {
	// Clock is what tokens are checked by. Defaults to that of the machine. FCM's
	// assertions are checked by that of the machine always, as they are made by it.
	Clock clock.Clock

	// TokenLife is how long FCM's access tokens are good for. Defaults to 1 h.
	TokenLife time.Duration
}

// Server is the services. It is safe for concurrent use.
type Server struct {
	// URL is where all of them are, https://127.0.0.1 with a port.
	URL string

	clock     clock.Clock
	tokenLife time.Duration
	http      *http.Server
	client    *http.Client
	stop      chan struct{} // closed to end what hangs
	stopOnce  sync.Once
	ended     chan struct{} // closed when Serve has returned

	vapid   string                 // private key, base64url
	account func() *rsa.PrivateKey // of the service account; making it takes long
	signing *ecdsa.PrivateKey      // of APNs

	mu       sync.Mutex
	devices  map[string]*device
	scripts  map[string][]Answer
	counts   map[string]*Count
	problems []string
	access   map[string]time.Time // access tokens and when they end
	bearers  map[string]bool      // APNs' provider tokens, false if expired by force
	serial   int
}

// Start returns a server that listens on a free port.
func Start(o Options) (*Server, error) {
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.TokenLife == 0 {
		o.TokenLife = time.Hour
	}
	s := &Server{
		clock: o.Clock, tokenLife: o.TokenLife,
		stop: make(chan struct{}), ended: make(chan struct{}),
		devices: map[string]*device{}, scripts: map[string][]Answer{}, counts: map[string]*Count{},
		access: map[string]time.Time{}, bearers: map[string]bool{},
	}
	if err := s.makeKeys(); err != nil {
		return nil, fmt.Errorf("pushtest: %w", err)
	}
	certificate, pool, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("pushtest: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("pushtest: listen: %w", err)
	}
	s.URL = "https://" + listener.Addr().String()
	s.http = &http.Server{
		Handler:           s.routes(),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: time.Minute,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 1000},
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
	}}
	go func() {
		defer close(s.ended)
		_ = s.http.ServeTLS(listener, "", "") // ends by Close
	}()
	return s, nil
}

// Close ends the server, and what hangs there. It may be called twice.
func (s *Server) Close() {
	s.stopOnce.Do(func() {
		close(s.stop)
		s.client.CloseIdleConnections()
		_ = s.http.Close()
		<-s.ended
	})
}

// Client returns a client that trusts the server's certificate.
func (s *Server) Client() *http.Client { return s.client }

// Answer tells what to answer the next requests with. The key is the token of a
// device, or the name of a service for requests to any of its devices, which comes
// first. Afterwards what is in order is accepted again.
func (s *Server) Answer(key string, answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[key] = append(s.scripts[key], answers...)
}

// Relent forgets what [Server.Answer] was told for the key.
func (s *Server) Relent(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.scripts, key)
}

// Uninstall ends the registration of a device for good.
func (s *Server) Uninstall(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.devices, token)
}

// Count is what came in.
type Count struct {
	// Requests are all of them, Accepted those that were in order and not told to
	// be answered otherwise.
	Requests, Accepted int
}

// Count returns how much came to a service, or for a device by its token.
func (s *Server) Count(key string) Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.counts[key]; c != nil {
		return *c
	}
	return Count{}
}

// Received returns the last notifications that were accepted for a device, the
// oldest first: at most 16, so that a test may send many.
func (s *Server) Received(token string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[token]; d != nil {
		return slices.Clone(d.received)
	}
	return nil
}

// Problems returns what was wrong with requests, in words, the first 100. None is
// what a test of a correct sender wants, whatever was answered.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// RevokeAccessTokens makes FCM refuse all access tokens that there are.
func (s *Server) RevokeAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// ExpireProviderTokens makes APNs answer ExpiredProviderToken to all provider
// tokens that it has seen.
func (s *Server) ExpireProviderTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for bearer := range s.bearers {
		s.bearers[bearer] = false
	}
}

// ProviderTokens returns how many different provider tokens APNs has seen.
func (s *Server) ProviderTokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.bearers)
}

const (
	maxProblems = 100
	maxReceived = 16
)

// violation is a request that is not in order, and the answer to it.
type violation struct {
	status int
	code   string
	text   string
}

func (v *violation) Error() string { return v.text }

// refusedQuietly is a request that is answered so without being the sender's
// mistake.
type refusedQuietly struct{ answer Answer }

func (*refusedQuietly) Error() string { return "refused" }

func violated(status int, code, format string, arguments ...any) error {
	return &violation{status, code, fmt.Sprintf(format, arguments...)}
}

// note counts a request and returns what to answer it with, nil to accept. err is
// what is wrong with it.
func (s *Server) note(service, token string, m *Message, err error) *Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wrong *violation
	if errors.As(err, &wrong) && len(s.problems) < maxProblems {
		s.problems = append(s.problems, service+": "+wrong.text)
	}
	s.count(service).Requests++
	if token != "" {
		s.count(token).Requests++
	}
	for _, key := range []string{service, token} {
		if a := s.next(key); a != nil && a.Fault != Accept {
			return a
		}
	}
	var quietly *refusedQuietly
	if errors.As(err, &quietly) {
		return &quietly.answer
	}
	if wrong != nil {
		return &Answer{Fault: Custom, Status: wrong.status, Code: wrong.code}
	}
	d := s.devices[token]
	if d == nil && service != OAuth {
		return &Answer{Fault: Gone}
	}
	s.count(service).Accepted++
	if token != "" {
		s.count(token).Accepted++
	}
	if m != nil {
		if len(d.received) == maxReceived {
			d.received = append(d.received[:0], d.received[1:]...)
		}
		d.received = append(d.received, *m)
	}
	return nil
}

func (s *Server) count(key string) *Count {
	c := s.counts[key]
	if c == nil {
		c = &Count{}
		s.counts[key] = c
	}
	return c
}

// next takes one request's answer from the script of the key.
func (s *Server) next(key string) *Answer {
	script := s.scripts[key]
	if len(script) == 0 {
		return nil
	}
	a := script[0]
	switch {
	case a.Times < 0:
	case a.Times > 1:
		script[0].Times--
	default:
		s.scripts[key] = script[1:]
	}
	return &a
}
