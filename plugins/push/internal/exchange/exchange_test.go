package exchange_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	cases := map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"120":                           2 * time.Minute,
		" 5 ":                           5 * time.Second,
		"-5":                            0,
		"1.5":                           0,
		"99999999":                      24 * time.Hour,
		"9223372036854775807":           24 * time.Hour,
		"99999999999999999999":          0,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:59:00 GMT": 0,
		"Mon, 01 Mar 2027 12:00:00 GMT": 24 * time.Hour,
	}
	for value, want := range cases {
		if got := exchange.RetryAfter(http.Header{"Retry-After": {value}}, noon); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sun, 01 Mar 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if got := exchange.RetryAfter(http.Header{"Retry-After": {value}}, noon); got < 0 || got > 24*time.Hour {
			t.Errorf("%q: got %v", value, got)
		}
	})
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for ttl, want := range map[time.Duration]int64{
		-time.Hour: 0, 0: 0, 1: 1, time.Second: 1, time.Second + 1: 2, time.Hour: 3600, 2 * time.Hour: 3600, 1<<63 - 1: 3600,
	} {
		if got := exchange.Seconds(ttl, time.Hour); got != want {
			t.Errorf("%v: got %d, want %d", ttl, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for n, want := range []string{"", "a", "a", "a", "a☃", "a☃b", "a☃b"} {
		if got := exchange.Cut("a☃b", n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func do(t *testing.T, f roundTrip, secrets ...string) (*exchange.Answer, error) {
	t.Helper()
	s := exchange.New(&http.Client{Transport: f}, time.Minute, clocktest.New(noon))
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://example.com/secret", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return s.Do(t.Context(), request, secrets...)
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	requests := 0
	answer, err := do(t, func(*http.Request) (*http.Response, error) {
		requests++
		return &http.Response{StatusCode: 307, Header: http.Header{"Location": {"https://other.example"}}, Body: http.NoBody}, nil
	})
	if err != nil || answer.Status != 307 || requests != 1 {
		t.Errorf("got %+v, error %v and %d requests, want 307 of the only request", answer, err, requests)
	}
}

func TestAnswersAreReadInPart(t *testing.T) {
	t.Parallel()
	answer, err := do(t, func(*http.Request) (*http.Response, error) {
		endless := io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20)))
		return &http.Response{StatusCode: 500, Header: http.Header{"Retry-After": {"5"}}, Body: endless}, nil
	})
	if err != nil || len(answer.Body) != 64<<10 || answer.RetryAfter != 5*time.Second {
		t.Errorf("got %d bytes, error %v", len(answer.Body), err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (broken) Close() error             { return nil }

// What a refusal means is in the rest of it, but for 410. An acceptance that
// breaks off may be none.
func TestAnswersThatBreakOff(t *testing.T) {
	t.Parallel()
	for status, taken := range map[int]bool{410: true, 404: false, 201: false} {
		answer, err := do(t, func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: broken{}}, nil
		})
		if (err == nil) != taken || taken && answer.Status != status || !taken && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: got %+v and error %v", status, answer, err)
		}
	}
}

func TestCausesAreKeptWithoutSecrets(t *testing.T) {
	t.Parallel()
	_, err := do(t, func(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }, "token")
	var e *provider.Error
	if !errors.As(err, &e) || e.Kind != provider.Retry || !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "example.com/secret") {
		t.Errorf("got %v", err)
	}
	_, err = do(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("bad token a/b a%2Fb") }, "token", "a/b", "", "a", "a/bc")
	if got, want := err.Error(), "there was no answer: bad [masked] a/b a%2Fb"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = do(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("key/1 key%2F1") }, "key/1")
	if got, want := err.Error(), "there was no answer: [masked] [masked]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
