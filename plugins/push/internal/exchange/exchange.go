// Package exchange makes the requests that the clients of the push services send,
// so that all of them bound what they wait for and read, and none lets a token or
// a key into an error.
//
//	answer, err := service.Do(ctx, request, target.Token, jwt)
package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// maxBody is how much of an answer is read, in bytes. What services say fits.
const maxBody = 64 << 10

// maxRetryAfter bounds what a service may ask for.
const maxRetryAfter = 24 * time.Hour

// Service is the way to a push service.
type Service struct {
	client  *http.Client
	timeout time.Duration
	clock   clock.Clock
}

// Answer is what a service said.
type Answer struct {
	Status int
	Header http.Header
	// Body is the beginning of the body. It may contain anything, also what the
	// request contained.
	Body []byte
	// RetryAfter is how long the service wants to be left alone, at most a day.
	RetryAfter time.Duration
}

// New returns a service that is reached by the client. A request with its answer
// takes at most timeout. Redirects are answers and are not followed: nobody but
// the service itself is to get the headers.
func New(client *http.Client, timeout time.Duration, c clock.Clock) *Service {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Service{client: &own, timeout: timeout, clock: c}
}

// Do sends the request and returns the answer, whatever its status. An error is
// a [*provider.Error] of kind Retry, in which the secrets do not appear.
func (s *Service) Do(ctx context.Context, request *http.Request, secrets ...string) (*Answer, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := s.client.Do(request.WithContext(limited)) //nolint:gosec // the client for addresses that users name is one of safehttp
	if err != nil {
		return nil, s.noAnswer(err, secrets)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	// Of half an answer the code is missing that tells one refusal from another,
	// and an acceptance may be one of a proxy on its way down: sending twice is
	// better than not at all. Only 410 says it all.
	if err != nil && response.StatusCode != http.StatusGone {
		return nil, s.noAnswer(err, secrets)
	}
	return &Answer{
		Status:     response.StatusCode,
		Header:     response.Header,
		Body:       body,
		RetryAfter: RetryAfter(response.Header, s.clock.Now()),
	}, nil
}

// noAnswer says why there is none, without the URL, in which there may be a token.
func (s *Service) noAnswer(err error, secrets []string) *provider.Error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if masked := Mask(err.Error(), secrets...); masked != err.Error() {
		err = errors.New(masked)
	}
	message := "there was no answer"
	if errors.Is(err, context.DeadlineExceeded) {
		message = fmt.Sprintf("there was no answer within %v", s.timeout)
	}
	return &provider.Error{Kind: provider.Retry, Message: message, Err: err}
}

// minSecret is how long a secret must be to be looked for: shorter ones would be
// found where they are not meant.
const minSecret = 4

// Mask takes the secrets out of a text that somebody else has written.
func Mask(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		text = strings.ReplaceAll(text, secret, "[masked]")
		if escaped := url.PathEscape(secret); escaped != secret {
			text = strings.ReplaceAll(text, escaped, "[masked]")
		}
	}
	return text
}

// RetryAfter reads the header of that name in both of its forms (RFC 9110
// section 10.2.3), 0 if there is none or it has passed.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(max(0, min(seconds, int64(maxRetryAfter/time.Second)))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter))
	}
	return 0
}

// Seconds are the whole seconds of a time to live, rounded up so that a short one
// does not become none, and at most limit.
func Seconds(ttl, limit time.Duration) int64 {
	if ttl <= 0 {
		return 0
	}
	return int64((min(ttl, limit) + time.Second - 1) / time.Second)
}

// Cut shortens a text to at most n bytes and does not cut a character.
func Cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// NewClient returns a client for a service that the operator chose. It keeps few
// connections, prefers HTTP/2, and notices those that are dead.
func NewClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{Transport: &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		MaxResponseHeaderBytes: 64 << 10,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 30 * time.Second,
			PingTimeout:     10 * time.Second,
			// one connection, as the services ask for, and not one for each
			// request that comes before the limit of the first is known
			StrictMaxConcurrentRequests: true,
		},
	}}
}
