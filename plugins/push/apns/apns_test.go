package apns_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/internal/sendtest"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// noon is the time of tests that look at times.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func client(t *testing.T, c apns.Config) *apns.Client {
	t.Helper()
	client, err := apns.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestNotifications(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, clocktest.New(noon))
	sendtest.NoProblems(t, s)
	c := client(t, s.APNs())
	badge := 0
	cases := []struct {
		name    string
		n       provider.Notification
		sandbox bool
		payload string
		headers map[string]string
	}{
		{
			name:    "empty",
			payload: `{"aps":{"alert":{}}}`,
			headers: map[string]string{"Push-Type": "alert", "Priority": "5", "Expiration": "0", "Collapse-Id": ""},
		},
		{
			name: "everything",
			n: provider.Notification{
				ID: "d1", Title: "Pump 4", Body: "Pressure", Image: "https://example.com/a.png", Link: "/orders/1", Badge: &badge,
				Sound: "default", Data: map[string]string{"order": "1"}, CollapseKey: "order/1", TTL: time.Hour, High: true,
			},
			payload: `{"aps":{"alert":{"title":"Pump 4","body":"Pressure"},"badge":0,"sound":"default","mutable-content":1},` +
				`"id":"d1","link":"/orders/1","image":"https://example.com/a.png","data":{"order":"1"}}`,
			headers: map[string]string{"Push-Type": "alert", "Priority": "10", "Expiration": "1772370000", "Collapse-Id": "order/1", "Topic": "com.example.fieldwork"},
		},
		{
			name:    "silent",
			n:       provider.Notification{Title: "not shown", Sound: "default", Silent: true, High: true, Data: map[string]string{"sync": "1"}},
			payload: `{"aps":{"content-available":1},"data":{"sync":"1"}}`,
			headers: map[string]string{"Push-Type": "background", "Priority": "5"},
		},
		{
			name:    "a long collapse key",
			n:       provider.Notification{CollapseKey: strings.Repeat("order", 20)},
			payload: `{"aps":{"alert":{}}}`,
			headers: map[string]string{"Collapse-Id": "icBubgUJzj1scO0LrwbkV7XRgmRtFeQUSzbeCOIOCIs"},
		},
		{
			name:    "a collapse key that is no header",
			n:       provider.Notification{CollapseKey: "order\r\n1"},
			payload: `{"aps":{"alert":{}}}`,
			headers: map[string]string{"Collapse-Id": "eUqToUl4FJVGTIaDJrYSQke-EEN1SNO0GG7N5GDxgCE"},
		},
		{
			name:    "sandbox",
			sandbox: true,
			payload: `{"aps":{"alert":{}}}`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			device := s.Device(pushtest.APNs)
			device.Sandbox = tc.sandbox
			id, err := c.Send(t.Context(), device, &tc.n)
			if err != nil || len(id) != 36 {
				t.Fatalf("got id %q and error %v", id, err)
			}
			received := s.Received(device.Token)
			if len(received) != 1 {
				t.Fatalf("got %d notifications, want 1", len(received))
			}
			if got := string(received[0].Body); got != tc.payload {
				t.Errorf("got  %s\nwant %s", got, tc.payload)
			}
			if got := received[0].Sandbox; got != tc.sandbox {
				t.Errorf("sandbox: got %t, want %t", got, tc.sandbox)
			}
			for name, want := range tc.headers {
				if got := received[0].Header.Get("Apns-" + name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestAnswersDecideWhatHappensNext(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	sendtest.NoProblems(t, s)
	c := client(t, s.APNs())
	custom := func(status int, reason string) pushtest.Answer {
		return pushtest.Answer{Fault: pushtest.Custom, Status: status, Code: reason}
	}
	date := time.Now().Add(3 * time.Hour).UTC().Format(http.TimeFormat)
	cases := []struct {
		answer pushtest.Answer
		status int
		reason string
		kind   provider.Kind
		alert  bool
		after  time.Duration
	}{
		{answer: pushtest.Answer{Fault: pushtest.Gone}, status: 410, reason: "Unregistered", kind: provider.Gone},
		{answer: custom(410, "ExpiredToken"), status: 410, reason: "ExpiredToken", kind: provider.Gone},
		{answer: custom(400, "BadDeviceToken"), status: 400, reason: "BadDeviceToken", kind: provider.Gone},
		{answer: custom(400, "DeviceTokenNotForTopic"), status: 400, reason: "DeviceTokenNotForTopic", kind: provider.Refused, alert: true},
		{answer: custom(400, "TopicDisallowed"), status: 400, reason: "TopicDisallowed", kind: provider.Refused, alert: true},
		{answer: custom(400, "BadCollapseId"), status: 400, reason: "BadCollapseId", kind: provider.Refused},
		{answer: custom(400, "IdleTimeout"), status: 400, reason: "IdleTimeout", kind: provider.Retry},
		{answer: pushtest.Answer{Fault: pushtest.AuthError}, status: 403, reason: "InvalidProviderToken", kind: provider.Credentials},
		{answer: custom(403, "SomethingNew"), status: 403, reason: "SomethingNew", kind: provider.Credentials},
		{answer: custom(413, "PayloadTooLarge"), status: 413, reason: "PayloadTooLarge", kind: provider.Refused},
		{answer: pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "7"}, status: 429, reason: "TooManyRequests", kind: provider.Retry, after: 7 * time.Second},
		{answer: custom(429, "TooManyProviderTokenUpdates"), status: 429, reason: "TooManyProviderTokenUpdates", kind: provider.Retry},
		{answer: custom(500, "InternalServerError"), status: 500, reason: "InternalServerError", kind: provider.Retry},
		{answer: pushtest.Answer{Fault: pushtest.Down, RetryAfter: date}, status: 503, reason: "ServiceUnavailable", kind: provider.Retry, after: 3 * time.Hour},
		{answer: pushtest.Answer{Fault: pushtest.Custom, Status: 502, Body: "<html>"}, status: 502, kind: provider.Retry},
		{answer: pushtest.Answer{Fault: pushtest.Custom, Status: 410, Body: "<html>"}, status: 410, kind: provider.Gone},
		{answer: pushtest.Answer{Fault: pushtest.Custom, Status: 404, Body: `{"reason":"BadPath"}`}, status: 404, reason: "BadPath", kind: provider.Refused},
	}
	for _, tc := range cases {
		t.Run(tc.kind.String()+" "+tc.reason, func(t *testing.T) {
			t.Parallel()
			device := s.Device(pushtest.APNs)
			s.Answer(device.Token, tc.answer)
			_, err := c.Send(t.Context(), device, &provider.Notification{Title: "a"})
			e := sendtest.Failure(t, err)
			if e.Kind != tc.kind || e.Status != tc.status || e.Code != tc.reason || e.Alert != tc.alert || e.Message == "" {
				t.Errorf("got %+v, want %v, %d, %q, alert %t", e, tc.kind, tc.status, tc.reason, tc.alert)
			}
			// a date has whole seconds, and some may have passed
			if tc.after != e.RetryAfter && (e.RetryAfter > tc.after || e.RetryAfter < tc.after-time.Hour) {
				t.Errorf("retry after: got %v, want %v", e.RetryAfter, tc.after)
			}
			if strings.Contains(err.Error(), device.Token) {
				t.Errorf("the error %q contains the token", err)
			}
			if _, err := c.Send(t.Context(), device, &provider.Notification{Title: "a"}); err != nil {
				t.Errorf("the next time: got error %v", err)
			}
		})
	}
}

func TestProviderTokensAreKeptForTheirTime(t *testing.T) {
	t.Parallel()
	now := clocktest.New(noon)
	s := sendtest.Start(t, now)
	sendtest.NoProblems(t, s)
	c := client(t, s.APNs())
	for _, step := range []struct {
		advance time.Duration
		want    int
	}{{0, 1}, {21 * time.Minute, 1}, {23 * time.Minute, 1}, {2 * time.Minute, 2}, {-2 * time.Hour, 3}} {
		now.Advance(step.advance)
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if _, err := c.Send(t.Context(), s.Device(pushtest.APNs), &provider.Notification{}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := s.ProviderTokens(); got != step.want {
			t.Errorf("after %v more: got %d provider tokens, want %d", step.advance, got, step.want)
		}
	}
}

func TestExpiredProviderTokensAreRenewedOnce(t *testing.T) {
	t.Parallel()
	now := clocktest.New(noon)
	s := sendtest.Start(t, now)
	sendtest.NoProblems(t, s)
	c := client(t, s.APNs())
	send := func() error {
		_, err := c.Send(t.Context(), s.Device(pushtest.APNs), &provider.Notification{})
		return err
	}
	if err := send(); err != nil {
		t.Fatal(err)
	}
	s.ExpireProviderTokens()
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if err := send(); err != nil {
				t.Errorf("expired: got error %v", err)
			}
		})
	}
	group.Wait()
	if got := s.ProviderTokens(); got != 2 {
		t.Errorf("got %d provider tokens, want 2", got)
	}

	// APNs takes no more than one within 20 minutes
	s.ExpireProviderTokens()
	if e := sendtest.Failure(t, send()); e.Kind != provider.Credentials || e.Code != "ExpiredProviderToken" {
		t.Errorf("expired again: got %+v", e)
	}
	now.Advance(21 * time.Minute)
	if err := send(); err != nil {
		t.Errorf("expired 21 minutes later: got error %v", err)
	}
	if got := s.ProviderTokens(); got != 3 {
		t.Errorf("got %d provider tokens, want 3", got)
	}
}

func TestForeignKeysAreRefused(t *testing.T) {
	t.Parallel()
	s, other := sendtest.Start(t, nil), sendtest.Start(t, nil)
	config := s.APNs()
	config.PrivateKey = other.APNs().PrivateKey
	_, err := client(t, config).Send(t.Context(), s.Device(pushtest.APNs), &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Credentials || e.Code != "InvalidProviderToken" {
		t.Errorf("got %+v, want InvalidProviderToken", e)
	}
}

func TestWhatAPNsDoesNotTakeIsNotSent(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	sendtest.NoProblems(t, s)
	c := client(t, s.APNs())
	device := s.Device(pushtest.APNs)
	fits := strings.Repeat("x", apns.MaxPayload-len(`{"aps":{"alert":{"body":""}}}`))
	if _, err := c.Send(t.Context(), device, &provider.Notification{Body: fits}); err != nil {
		t.Errorf("the longest payload: got error %v", err)
	}
	cases := []struct {
		name string
		to   provider.Target
		body string
		want provider.Kind
	}{
		{"a byte too long", device, fits + "x", provider.Refused},
		{"no token", provider.Target{}, "", provider.Gone},
		{"a path", provider.Target{Token: "../../../" + device.Token}, "", provider.Gone},
		{"half a byte", provider.Target{Token: device.Token + "a"}, "", provider.Gone},
		{"a topic that is no header", provider.Target{Token: device.Token, Topic: "a\r\nb"}, "", provider.Gone},
	}
	for _, tc := range cases {
		_, err := c.Send(t.Context(), tc.to, &provider.Notification{Body: tc.body})
		if e := sendtest.Failure(t, err); e.Kind != tc.want {
			t.Errorf("%s: got %v, want %v", tc.name, e.Kind, tc.want)
		}
	}
	if got := s.Count(pushtest.APNs).Requests; got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
	device.Token = strings.ToUpper(device.Token)
	if _, err := c.Send(t.Context(), device, &provider.Notification{}); err != nil {
		t.Errorf("capital letters: got error %v", err)
	}
}

func TestTopicsOfDevices(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	device := s.Device(pushtest.APNs)
	device.Topic = "com.example.other"
	_, err := client(t, s.APNs()).Send(t.Context(), device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Code != "DeviceTokenNotForTopic" {
		t.Errorf("got %+v, want DeviceTokenNotForTopic", e)
	}
}

func TestUnansweredRequests(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	sendtest.NoProblems(t, s)
	patient, config := client(t, s.APNs()), s.APNs()
	config.Timeout = 50 * time.Millisecond
	device := s.Device(pushtest.APNs)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Hang})
	_, err := client(t, config).Send(t.Context(), device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer in time: got %+v", e)
	}
	s.Relent(device.Token)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Reset})
	_, err = patient.Send(t.Context(), device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || e.Status != 0 {
		t.Errorf("reset: got %+v", e)
	}
	if _, err := patient.Send(t.Context(), device, &provider.Notification{}); err != nil {
		t.Errorf("the next time: got error %v", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Not what APNs says, nor what breaks on the way, puts a token into the log.
func TestErrorsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	device := s.Device(pushtest.APNs)
	cases := map[string]func(seen string) (*http.Response, error){
		"the cause": func(seen string) (*http.Response, error) { return nil, errors.New("malformed answer " + seen) },
		"the answer": func(seen string) (*http.Response, error) {
			return &http.Response{StatusCode: 400, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"reason":"` + seen + `"}`))}, nil
		},
	}
	for name, answer := range cases {
		var bearer string
		config := s.APNs()
		config.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			bearer = strings.TrimPrefix(r.Header.Get("Authorization"), "bearer ")
			return answer(bearer + " " + r.URL.String())
		})}
		_, err := client(t, config).Send(t.Context(), device, &provider.Notification{})
		if err == nil || bearer == "" {
			t.Fatalf("%s: got error %v and token %q", name, err, bearer)
		}
		for _, secret := range []string{bearer, device.Token} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error %q contains %q", name, err, secret)
			}
		}
	}
}

func TestConfigsAreChecked(t *testing.T) {
	t.Parallel()
	good := sendtest.Start(t, nil).APNs()
	cases := []struct {
		name   string
		change func(c *apns.Config)
		want   string
	}{
		{"good", func(*apns.Config) {}, ""},
		{"the hosts of Apple", func(c *apns.Config) { c.Endpoint, c.SandboxEndpoint, c.HTTPClient = "", "", nil }, ""},
		{"no key id", func(c *apns.Config) { c.KeyID = "" }, "KeyID must be 10"},
		{"no team id", func(c *apns.Config) { c.TeamID = "team" }, "TeamID must be 10"},
		{"no key", func(c *apns.Config) { c.PrivateKey = "secret" }, "PrivateKey must be an EC key of P-256"},
		{"another curve", func(c *apns.Config) { c.PrivateKey = p384(t) }, "PrivateKey must be an EC key of P-256"},
		{"no topic", func(c *apns.Config) { c.Topic = "" }, "Topic must be a bundle identifier"},
		{"http", func(c *apns.Config) { c.SandboxEndpoint = "http://example.com" }, "SandboxEndpoint must be an https: URL"},
		{"timeout", func(c *apns.Config) { c.Timeout = -time.Second }, "Timeout must not be negative"},
	}
	for _, tc := range cases {
		config := good
		tc.change(&config)
		_, err := apns.New(config)
		if (err != nil) != (tc.want != "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: got error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func p384(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
