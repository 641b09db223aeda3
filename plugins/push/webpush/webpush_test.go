package webpush_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/internal/safehttp"
	"github.com/holdall-go/holdall/plugins/push/internal/sendtest"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

func client(t *testing.T, c webpush.Config) *webpush.Client {
	t.Helper()
	client, err := webpush.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestBrowsersGetTheNotification(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	c := client(t, s.WebPush())
	badge := 0
	cases := []struct {
		name    string
		n       provider.Notification
		payload string
		headers map[string]string
	}{
		{
			name:    "empty",
			payload: `{}`,
			headers: map[string]string{"Ttl": "0", "Urgency": "normal", "Topic": ""},
		},
		{
			name: "everything",
			n: provider.Notification{
				ID: "d1", Title: "Pump 4 ☃", Body: "Pressure", Image: "https://example.com/a.png", Link: "/orders/1", Badge: &badge,
				Sound: "ping", Data: map[string]string{"order": "1"}, CollapseKey: "order/1", TTL: 90 * time.Minute, High: true,
			},
			payload: `{"id":"d1","title":"Pump 4 ☃","body":"Pressure","image":"https://example.com/a.png","link":"/orders/1",` +
				`"badge":0,"tag":"order/1","sound":"ping","data":{"order":"1"}}`,
			headers: map[string]string{"Ttl": "5400", "Urgency": "high", "Topic": "8tWTE5rXClZdxjLGjD74lDLTsCiUjzfg"},
		},
		{
			name:    "a part of a second is not none",
			n:       provider.Notification{TTL: time.Millisecond},
			payload: `{}`,
			headers: map[string]string{"Ttl": "1"},
		},
		{
			name:    "no longer than services keep it",
			n:       provider.Notification{TTL: 1000 * time.Hour},
			payload: `{}`,
			headers: map[string]string{"Ttl": "2419200"},
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			device := s.Device(pushtest.WebPush)
			id, err := c.Send(t.Context(), device, &tc.n)
			if err != nil || !strings.HasPrefix(id, s.URL+"/message/") {
				t.Fatalf("got id %q and error %v", id, err)
			}
			got := s.Received(device.Token)
			if len(got) != 1 || string(got[0].Body) != tc.payload {
				t.Fatalf("got %d messages, of which the first is %s\nwant %s", len(got), got[0].Body, tc.payload)
			}
			for name, want := range tc.headers {
				if value := got[0].Header.Get(name); value != want {
					t.Errorf("%s: got %q, want %q", name, value, want)
				}
			}
		})
	}
	sendtest.NoProblems(t, s)
}

func TestAnswersDecideWhatHappensNext(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	sendtest.NoProblems(t, s)
	c := client(t, s.WebPush())
	custom := func(status int, body string) pushtest.Answer {
		return pushtest.Answer{Fault: pushtest.Custom, Status: status, Body: body}
	}
	in3 := time.Now().Add(3 * time.Hour).UTC().Format(http.TimeFormat)
	cases := []struct {
		name   string
		answer pushtest.Answer
		want   provider.Error
	}{
		{"410", pushtest.Answer{Fault: pushtest.Gone}, provider.Error{Kind: provider.Gone, Status: 410}},
		{"404", custom(404, `{"errno":102}`), provider.Error{Kind: provider.Gone, Status: 404}},
		{"429", pushtest.Answer{Fault: pushtest.Busy}, provider.Error{Kind: provider.Retry, Status: 429}},
		{"429 with seconds", pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "120"}, provider.Error{Kind: provider.Retry, Status: 429, RetryAfter: 2 * time.Minute}},
		{"503 with a date", pushtest.Answer{Fault: pushtest.Down, RetryAfter: in3}, provider.Error{Kind: provider.Retry, Status: 503, RetryAfter: 3 * time.Hour}},
		{"500", custom(500, "oops"), provider.Error{Kind: provider.Retry, Status: 500}},
		{"401", pushtest.Answer{Fault: pushtest.AuthError}, provider.Error{Kind: provider.Retry, Status: 401, Alert: true}},
		{"403", custom(403, ""), provider.Error{Kind: provider.Refused, Status: 403, Alert: true}},
		{"403 for the token", custom(403, `{"reason":"BadJwtToken"}`), provider.Error{Kind: provider.Retry, Status: 403, Code: "BadJwtToken", Alert: true}},
		{"413", custom(413, ""), provider.Error{Kind: provider.Refused, Status: 413}},
		{"400", custom(400, `{"reason":"VapidPkHashMismatch"}`), provider.Error{Kind: provider.Refused, Status: 400, Code: "VapidPkHashMismatch"}},
		{"a reason of their own", custom(400, `{"reason":"hello"}`), provider.Error{Kind: provider.Refused, Status: 400}},
		{"a redirect", custom(307, "x"), provider.Error{Kind: provider.Retry, Status: 307}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			device := s.Device(pushtest.WebPush)
			s.Answer(device.Token, tc.answer)
			_, err := c.Send(t.Context(), device, &provider.Notification{Title: "a"})
			got := *sendtest.Failure(t, err)
			if got.Message == "" {
				t.Error("the error has no message")
			}
			// a date has whole seconds, and some may have passed
			if got.RetryAfter > tc.want.RetryAfter-time.Hour && got.RetryAfter <= tc.want.RetryAfter {
				got.RetryAfter = tc.want.RetryAfter
			}
			if got.Message = ""; got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if _, err := c.Send(t.Context(), device, &provider.Notification{Title: "a"}); err != nil {
				t.Errorf("the next time: got error %v", err)
			}
		})
	}
}

func TestSubscriptionsAreBoundToTheKey(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	device := s.Device(pushtest.WebPush)
	config := s.WebPush()
	if _, err := client(t, config).Send(t.Context(), device, &provider.Notification{}); err != nil {
		t.Fatal(err)
	}
	var err error
	if config.PrivateKey, _, err = webpush.GenerateKeys(); err != nil {
		t.Fatal(err)
	}
	_, err = client(t, config).Send(t.Context(), device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Refused || e.Status != 403 || !e.Alert {
		t.Errorf("got %+v, want 403, refused, with an alert", e)
	}
}

func TestWhatNoServiceTakesIsNotSent(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	c := client(t, s.WebPush())
	device := s.Device(pushtest.WebPush)
	fits := strings.Repeat("x", webpush.MaxPayload-len(`{"body":""}`))
	if _, err := c.Send(t.Context(), device, &provider.Notification{Body: fits}); err != nil {
		t.Errorf("the longest payload: got error %v", err)
	}
	for name, n := range map[string]provider.Notification{"a byte too long": {Body: fits + "x"}, "silent": {Silent: true}} {
		_, err := c.Send(t.Context(), device, &n)
		if e := sendtest.Failure(t, err); e.Kind != provider.Refused {
			t.Errorf("%s: got %v, want %v", name, e.Kind, provider.Refused)
		}
	}
	if got := s.Count(pushtest.WebPush).Requests; got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

func TestUnansweredRequests(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	config := s.WebPush()
	config.Timeout = 50 * time.Millisecond
	impatient := client(t, config)
	patient := client(t, s.WebPush())

	t.Run("time limit", func(t *testing.T) {
		device := s.Device(pushtest.WebPush)
		s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Hang})
		_, err := impatient.Send(t.Context(), device, &provider.Notification{})
		if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		device := s.Device(pushtest.WebPush)
		s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Hang})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := patient.Send(ctx, device, &provider.Notification{})
		if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, context.Canceled) {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("reset", func(t *testing.T) {
		device := s.Device(pushtest.WebPush)
		s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Reset})
		_, err := patient.Send(t.Context(), device, &provider.Notification{})
		if e := sendtest.Failure(t, err); e.Kind != provider.Retry || e.Status != 0 {
			t.Errorf("got %+v", e)
		}
		if _, err := patient.Send(t.Context(), device, &provider.Notification{}); err != nil {
			t.Errorf("the next time: got error %v", err)
		}
	})
}

func TestPrivateAddressesAreNotReached(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	config := s.WebPush()
	config.HTTPClient = nil
	_, err := client(t, config).Send(t.Context(), s.Device(pushtest.WebPush), &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, safehttp.ErrForbidden) {
		t.Errorf("got %+v, want that the address is forbidden", e)
	}
	if got := s.Count(pushtest.WebPush).Requests; got != 0 {
		t.Errorf("got %d requests, want none", got)
	}
}

func TestTokensAreKeptForTheirTime(t *testing.T) {
	t.Parallel()
	now := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	var mu sync.Mutex
	seen := map[string]bool{}
	s := sendtest.Start(t, now)
	sendtest.NoProblems(t, s)
	config := s.WebPush()
	config.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		seen[r.Header.Get("Authorization")] = true
		mu.Unlock()
		return s.Client().Transport.RoundTrip(r)
	})}
	c := client(t, config)
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{0, 1}, {10 * time.Hour, 1}, {2 * time.Hour, 2}, {-5 * time.Hour, 3}} {
		now.Advance(step.advance)
		for range 2 {
			if _, err := c.Send(t.Context(), s.Device(pushtest.WebPush), &provider.Notification{}); err != nil {
				t.Fatal(err)
			}
		}
		if len(seen) != step.want {
			t.Errorf("after %v more: got %d tokens, want %d", step.advance, len(seen), step.want)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Whatever a server answers that a user has chosen, and however the connection
// ends, nobody reads the subscription or our token in the log.
func TestErrorsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	device := s.Device(pushtest.WebPush)
	echo := func(r *http.Request) []string {
		return []string{r.URL.String(), r.Header.Get("Authorization"), device.P256dh, device.Auth, r.URL.Path, strings.TrimPrefix(r.URL.Path, "/push/")}
	}
	var secrets []string
	cases := map[string]roundTrip{
		"the cause": func(r *http.Request) (*http.Response, error) {
			secrets = echo(r)
			return nil, errors.New("malformed answer: " + strings.Join(secrets, " "))
		},
		"the body": func(r *http.Request) (*http.Response, error) {
			text, _ := json.Marshal(map[string]string{"reason": "Bad" + strings.Join(echo(r), " "), "message": strings.Join(echo(r), " ")})
			return answer(400, string(text)), nil
		},
		"a body that breaks off": func(r *http.Request) (*http.Response, error) {
			response := answer(201, "")
			response.Body = brokenBody{errors.New(strings.Join(echo(r), " "))}
			return response, nil
		},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		config := s.WebPush()
		config.HTTPClient = &http.Client{Transport: cases[name]}
		_, err := client(t, config).Send(t.Context(), device, &provider.Notification{})
		if err == nil {
			t.Fatalf("%s: got no error", name)
		}
		secrets = append(secrets, config.PrivateKey, device.Token, device.P256dh, device.Auth)
		for _, secret := range secrets {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error %q contains %q", name, err, secret)
			}
		}
	}
}

func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// brokenBody cannot be read.
type brokenBody struct{ err error }

func (b brokenBody) Read([]byte) (int, error) { return 0, b.err }

func (brokenBody) Close() error { return nil }

func TestConfigsAreChecked(t *testing.T) {
	t.Parallel()
	private, public, err := webpush.GenerateKeys()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := webpush.PublicKey(private); err != nil || got != public {
		t.Errorf("PublicKey: got %q and error %v, want %q", got, err, public)
	}
	c := client(t, webpush.Config{PrivateKey: private, Subject: "https://example.com/contact"})
	if got := c.PublicKey(); got != public {
		t.Errorf("got %q, want %q", got, public)
	}
	zero := strings.Repeat("A", 43)
	cases := []struct {
		name     string
		config   webpush.Config
		validate string
		create   string
	}{
		{"nothing", webpush.Config{}, "", "PrivateKey is missing"},
		{"no subject", webpush.Config{PrivateKey: private}, "", "Subject is missing"},
		{"padding", webpush.Config{PrivateKey: private + "=", Subject: "mailto:ops@example.com"}, "", ""},
		{"short key", webpush.Config{PrivateKey: private[:20], Subject: "mailto:ops@example.com"}, "PrivateKey must be 32 bytes", "PrivateKey must"},
		{"zero key", webpush.Config{PrivateKey: zero, Subject: "mailto:ops@example.com"}, "PrivateKey is not a key", "PrivateKey is not"},
		{"address without scheme", webpush.Config{PrivateKey: private, Subject: "ops@example.com"}, "Subject must", "Subject must"},
		{"no address", webpush.Config{PrivateKey: private, Subject: "mailto:ops"}, "Subject must", "Subject must"},
		{"http subject", webpush.Config{PrivateKey: private, Subject: "http://example.com"}, "Subject must", "Subject must"},
		{"timeout", webpush.Config{PrivateKey: private, Subject: "mailto:ops@example.com", Timeout: -1}, "Timeout must", "Timeout must"},
	}
	for _, tc := range cases {
		_, err := webpush.New(tc.config)
		for what, got := range map[string]struct {
			err  error
			want string
		}{"Validate": {tc.config.Validate(), tc.validate}, "New": {err, tc.create}} {
			if (got.err != nil) != (got.want != "") || got.err != nil && !strings.Contains(got.err.Error(), got.want) {
				t.Errorf("%s: %s: got error %v, want %q", tc.name, what, got.err, got.want)
			}
			if got.err != nil && tc.config.PrivateKey != "" && strings.Contains(got.err.Error(), tc.config.PrivateKey) {
				t.Errorf("%s: %s: the error %q contains the key", tc.name, what, got.err)
			}
		}
	}
}
