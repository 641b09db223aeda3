package fcm

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

const (
	scope = "https://www.googleapis.com/auth/firebase.messaging"
	// margin is how much of its life an access token must have left to be used, so
	// that it does not end on the way. Tokens live an hour.
	margin = 2 * time.Minute
	// pause is how long an error is answered with instead of asking again: with
	// many notifications waiting, one after another would wait for its own.
	pause = time.Second
)

// tokens gets access tokens by a signed assertion (RFC 7523), and keeps the last.
type tokens struct {
	config  jwt.Config
	client  *http.Client
	timeout time.Duration
	clock   clock.Clock

	turn chan struct{} // held by the one who asks for a token

	mu      sync.Mutex
	current string
	expires time.Time
	failure error
	failed  time.Time
}

func newTokens(a account, c Config) *tokens {
	return &tokens{
		config: jwt.Config{
			Email:        a.ClientEmail,
			PrivateKey:   []byte(a.PrivateKey),
			PrivateKeyID: a.PrivateKeyID,
			Scopes:       []string{scope},
			TokenURL:     c.TokenURL,
		},
		client:  c.HTTPClient,
		timeout: c.Timeout,
		clock:   c.Clock,
		turn:    make(chan struct{}, 1),
	}
}

// get returns a token that is good for a while. Callers that come while one is
// asked for share it.
func (t *tokens) get(ctx context.Context) (string, error) {
	if token, err := t.kept(); token != "" || err != nil {
		return token, err
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", &provider.Error{Kind: provider.Retry, Message: "there was no access token", Err: ctx.Err()}
	}
	if token, err := t.kept(); token != "" || err != nil {
		return token, err
	}
	token, lifetime, err := t.ask(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil { // the caller's own end says nothing about the service
			t.failure, t.failed = err, t.clock.Now()
		}
		return "", err
	}
	t.current, t.expires = token, t.clock.Now().Add(lifetime)
	t.failure = nil
	return token, nil
}

// kept is the last token if it is still good, or the error of a moment ago.
func (t *tokens) kept() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if t.current != "" && t.expires.Sub(now) > margin {
		return t.current, nil
	}
	if t.failure != nil && now.Sub(t.failed).Abs() < pause {
		return "", t.failure
	}
	return "", nil
}

// drop forgets a token that was refused, unless there is a newer one.
func (t *tokens) drop(token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == token {
		t.current = ""
	}
}

// ask gets a new token.
func (t *tokens) ask(ctx context.Context) (string, time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	// The library knows no context for the request itself.
	client := *t.client
	client.Transport = within{limited, t.client.Transport}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	token, err := t.config.TokenSource(context.WithValue(limited, oauth2.HTTPClient, &client)).Token()
	if err != nil {
		return "", 0, t.explain(limited, err)
	}
	if token.AccessToken == "" {
		return "", 0, &provider.Error{Kind: provider.Retry, Message: "the answer to the request for an access token has none"}
	}
	// What the service counts from its answer on is the one thing that does not
	// depend on whose clock is right.
	lifetime := time.Duration(0)
	if !token.Expiry.IsZero() {
		lifetime = time.Until(token.Expiry)
	}
	return token.AccessToken, lifetime, nil
}

// explain makes an error of ours of one of the library's, which may contain the
// whole answer.
func (t *tokens) explain(ctx context.Context, err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		cause := ctx.Err()
		if cause == nil {
			cause = errors.New(exchange.Mask(strings.TrimPrefix(err.Error(), "oauth2: "), t.config.Email))
		}
		return &provider.Error{Kind: provider.Retry, Message: "there was no access token", Err: cause}
	}
	e := &provider.Error{
		Kind:       provider.Retry,
		Status:     refused.Response.StatusCode,
		Code:       oauthCode(refused.Body),
		Message:    "the token service is out of order",
		RetryAfter: exchange.RetryAfter(refused.Response.Header, t.clock.Now()),
	}
	if e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests && e.Status != http.StatusRequestTimeout {
		e.Kind, e.Message = provider.Credentials, "the service account gets no access token; look at its key and at the clock"
	}
	return e
}

// within is a transport whose requests end with a context.
type within struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip makes the request.
func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	next := w.next
	if next == nil {
		next = http.DefaultTransport
	}
	return next.RoundTrip(r.WithContext(w.ctx))
}
