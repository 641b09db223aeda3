package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdall-go/holdall/internal/safehttp"
)

// What the delivery log keeps of an answer, in bytes.
const (
	maxLoggedBody   = 4 << 10
	maxLoggedHeader = 8 << 10
	maxLoggedError  = 500
)

// masked stands in the delivery log for what nobody should read there.
const masked = "[masked]"

// userAgent is what receivers are told.
const userAgent = "Holdall-Webhooks/1"

// answer is what became of an attempt.
type answer struct {
	attempt
	retryAfter time.Duration
	// interrupted attempts do not count: the server stops.
	interrupted bool
}

func (a answer) success() bool { return a.Error == "" }

// try sends a delivery once.
func (p *Plugin) try(ctx context.Context, e *endpoint, d delivery) answer {
	started := p.config.Clock.Now()
	measured := time.Now()
	a := answer{attempt: attempt{
		Delivery: d.ID, At: started.UnixMilli(), URL: e.url(), RequestHeaders: "{}", ResponseHeaders: "{}",
	}}
	traced, end := p.trace(ctx, e, d)
	limited, cancel := context.WithTimeout(traced, p.config.Timeout)
	defer cancel()
	var err error
	defer func() { end(err) }()
	if err = p.exchange(limited, e, d, started, &a); err != nil {
		a.interrupted = ctx.Err() != nil
		a.Error = cut(p.describe(err), maxLoggedError)
	}
	a.Duration = time.Since(measured).Milliseconds()
	return a
}

// exchange makes the request and notes the answer. An error is a failed attempt.
func (p *Plugin) exchange(ctx context.Context, e *endpoint, d delivery, now time.Time, a *answer) error {
	c, err := credentialsOf(p.app, e.Id)
	if err != nil {
		return err
	}
	secrets, err := p.signing(c, now)
	if err != nil {
		return err
	}
	headers, err := p.headers(c)
	if err != nil {
		return err
	}
	if err := p.checkURL(e.url()); err != nil { // the configuration may have changed since it was saved
		return err
	}
	request, err := newRequest(ctx, e.url(), d, headers, secrets, now)
	if err != nil {
		return err
	}
	p.propagate(ctx, request.Header)
	mask := newMask(headers, secrets)
	a.RequestHeaders = mask.headers(request.Header, headers)

	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// more than is kept, so that no secret is cut in half before it is found
	body, err := io.ReadAll(io.LimitReader(response.Body, 2*maxLoggedBody))
	a.Status = response.StatusCode
	p.note(ctx, slog.Int("http.response.status_code", a.Status))
	a.ResponseHeaders = mask.headers(response.Header, nil)
	a.ResponseBody = mask.body(body)
	a.retryAfter = retryAfter(response.Header, now)
	switch {
	case a.Status >= 200 && a.Status < 300:
		return err // an answer that breaks off may not have been meant
	case a.Status >= 300 && a.Status < 400:
		return fmt.Errorf("the receiver answered %d, and redirects are not followed", a.Status)
	}
	return fmt.Errorf("the receiver answered %d", a.Status)
}

func newRequest(ctx context.Context, to string, d delivery, headers map[string]string, secrets []string, now time.Time) (*http.Request, error) {
	signature, err := Sign(d.Event, now, []byte(d.Payload), secrets...)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(d.Payload))
	if err != nil {
		return nil, errors.New("the URL cannot be used")
	}
	request.Header.Set("User-Agent", userAgent)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(headerID, d.Event)
	request.Header.Set(headerTimestamp, fmt.Sprint(now.Unix()))
	request.Header.Set(headerSignature, signature)
	return request, nil
}

// describe says what went wrong without the URL, which may hold a token.
func (p *Plugin) describe(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no complete answer within %v", p.config.Timeout)
	case errors.Is(err, safehttp.ErrForbidden):
		return err.Error() + "; Config.Allow permits networks of your own"
	}
	return err.Error()
}

// mask takes secrets out of what is logged.
type mask struct {
	replacer *strings.Replacer
}

// minSecret is how long a value must be to be looked for in an answer: shorter
// ones would be found where they are not meant.
const minSecret = 6

func newMask(headers map[string]string, secrets []string) mask {
	var values []string
	for _, value := range headers {
		values = append(values, value)
		values = append(values, strings.Fields(value)...) // "Bearer ..."
	}
	for _, secret := range secrets {
		values = append(values, secret, strings.TrimPrefix(secret, secretPrefix))
	}
	// the longest first, so that none is cut by one that it contains
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, value := range values {
		if len(value) < minSecret {
			continue
		}
		pairs = append(pairs, value, masked)
		if quoted, err := json.Marshal(value); err == nil {
			pairs = append(pairs, string(quoted[1:len(quoted)-1]), masked)
		}
	}
	return mask{strings.NewReplacer(pairs...)}
}

// sensitive are headers of answers that hold secrets of the receiver.
var sensitive = []string{"Set-Cookie", "Authorization", "Www-Authenticate", "Proxy-Authenticate"}

// headers returns headers as JSON. All values of extra are masked.
func (m mask) headers(header http.Header, extra map[string]string) string {
	shown := map[string]string{}
	size := 0
	for _, name := range sortedKeys(header) {
		value := m.replacer.Replace(strings.Join(header[name], ", "))
		if slices.Contains(sensitive, name) || hasHeader(extra, name) {
			value = masked
		}
		value = cut(value, maxLoggedHeader/4)
		if size += len(name) + len(value); size > maxLoggedHeader {
			break
		}
		shown[name] = value
	}
	encoded, err := json.Marshal(shown)
	if err != nil {
		return "{}"
	}
	return string(encoded)
}

func hasHeader(headers map[string]string, canonical string) bool {
	for name := range headers {
		if http.CanonicalHeaderKey(name) == canonical {
			return true
		}
	}
	return false
}

// body returns the beginning of an answer as text.
func (m mask) body(body []byte) string {
	return cut(m.replacer.Replace(strings.ToValidUTF8(string(body), "\uFFFD")), maxLoggedBody)
}

func sortedKeys(header http.Header) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// cut shortens a text to at most n bytes and does not cut a character.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
