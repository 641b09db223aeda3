package fcm_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/clock/clocktest"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/internal/sendtest"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// noon is the time of tests that look at times.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func client(t *testing.T, c fcm.Config) *fcm.Client {
	t.Helper()
	client, err := fcm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestMessages(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, clocktest.New(noon))
	sendtest.NoProblems(t, s)
	c := client(t, s.FCM())
	badge, long := 3, strings.Repeat("order", 20)
	cases := []struct {
		name string
		n    provider.Notification
		want string
	}{
		{
			name: "empty",
			want: `{"notification": {},
				"android": {"priority": "NORMAL", "ttl": "0s", "notification": {}},
				"apns": {"headers": {"apns-push-type": "alert", "apns-priority": "5", "apns-expiration": "0"}, "payload": {"aps": {}}},
				"webpush": {"headers": {"TTL": "0", "Urgency": "normal"}}}`,
		},
		{
			name: "everything",
			n: provider.Notification{
				ID: "d1", Title: "Pump 4", Body: "Pressure", Image: "https://example.com/a.png", Link: "https://app.example.com/orders/1",
				Badge: &badge, Sound: "default", Data: map[string]string{"order": "1"}, CollapseKey: "order/1", TTL: time.Hour, High: true,
			},
			want: `{"notification": {"title": "Pump 4", "body": "Pressure", "image": "https://example.com/a.png"},
				"data": {"order": "1", "link": "https://app.example.com/orders/1", "notificationId": "d1"},
				"android": {"priority": "HIGH", "ttl": "3600s", "collapse_key": "order/1",
					"notification": {"sound": "default", "tag": "order/1", "notification_count": 3}},
				"apns": {"headers": {"apns-push-type": "alert", "apns-priority": "10", "apns-expiration": "1772370000", "apns-collapse-id": "order/1"},
					"payload": {"aps": {"badge": 3, "sound": "default", "mutable-content": 1}}, "fcm_options": {"image": "https://example.com/a.png"}},
				"webpush": {"headers": {"TTL": "3600", "Urgency": "high", "Topic": "8tWTE5rXClZdxjLGjD74lDLTsCiUjzfg"},
					"fcm_options": {"link": "https://app.example.com/orders/1"}}}`,
		},
		{
			name: "silent",
			n:    provider.Notification{Title: "not shown", Silent: true, High: true, Link: "/orders/1", Data: map[string]string{"link": "own", "sync": "1"}},
			want: `{"data": {"link": "own", "sync": "1"},
				"android": {"priority": "HIGH", "ttl": "0s"},
				"apns": {"headers": {"apns-push-type": "background", "apns-priority": "5", "apns-expiration": "0"}, "payload": {"aps": {"content-available": 1}}},
				"webpush": {"headers": {"TTL": "0", "Urgency": "high"}}}`,
		},
		{
			name: "a long collapse key and a long time",
			n:    provider.Notification{CollapseKey: long, TTL: 1000 * time.Hour},
			want: `{"notification": {},
				"android": {"priority": "NORMAL", "ttl": "2419200s", "collapse_key": "` + long + `", "notification": {"tag": "` + long + `"}},
				"apns": {"headers": {"apns-push-type": "alert", "apns-priority": "5", "apns-expiration": "1774785600",
					"apns-collapse-id": "icBubgUJzj1scO0LrwbkV7XRgmRtFeQUSzbeCOIOCIs"}, "payload": {"aps": {}}},
				"webpush": {"headers": {"TTL": "2419200", "Urgency": "normal", "Topic": "icBubgUJzj1scO0LrwbkV7XRgmRtFeQU"}}}`,
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			device := s.Device(pushtest.FCM)
			id, err := c.Send(t.Context(), device, &tc.n)
			if err != nil || !strings.HasPrefix(id, "projects/example-project/messages/") {
				t.Fatalf("got id %q and error %v", id, err)
			}
			received := s.Received(device.Token)
			if len(received) != 1 {
				t.Fatalf("got %d messages, want 1", len(received))
			}
			got, want := decode(t, string(received[0].Body)), decode(t, tc.want)
			delete(got, "token")
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnswersDecideWhatHappensNext(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	sendtest.NoProblems(t, s)
	c := client(t, s.FCM())
	custom := func(status int, code string) pushtest.Answer {
		return pushtest.Answer{Fault: pushtest.Custom, Status: status, Code: code}
	}
	body := func(status int, body string) pushtest.Answer {
		return pushtest.Answer{Fault: pushtest.Custom, Status: status, Body: body}
	}
	date := time.Now().Add(3 * time.Hour).UTC().Format(http.TimeFormat)
	cases := []struct {
		name   string
		answer pushtest.Answer
		kind   provider.Kind
		status int
		code   string
		alert  bool
		after  time.Duration
	}{
		{name: "gone", answer: pushtest.Answer{Fault: pushtest.Gone}, kind: provider.Gone, status: 404, code: "UNREGISTERED"},
		{name: "sender", answer: custom(403, "SENDER_ID_MISMATCH"), kind: provider.Refused, status: 403, code: "SENDER_ID_MISMATCH", alert: true},
		{name: "quota", answer: pushtest.Answer{Fault: pushtest.Busy, RetryAfter: "60"}, kind: provider.Retry, status: 429, code: "QUOTA_EXCEEDED", after: time.Minute},
		{name: "down", answer: pushtest.Answer{Fault: pushtest.Down, RetryAfter: date}, kind: provider.Retry, status: 503, code: "UNAVAILABLE", after: 3 * time.Hour},
		{name: "internal", answer: custom(500, "INTERNAL"), kind: provider.Retry, status: 500, code: "INTERNAL"},
		{name: "third party", answer: custom(401, "THIRD_PARTY_AUTH_ERROR"), kind: provider.Retry, status: 401, code: "THIRD_PARTY_AUTH_ERROR", alert: true},
		{name: "argument", answer: custom(400, "INVALID_ARGUMENT"), kind: provider.Refused, status: 400, code: "INVALID_ARGUMENT"},
		{
			name: "token", kind: provider.Gone, status: 400, code: "INVALID_ARGUMENT",
			answer: body(400, `{"error":{"code":400,"message":"x","status":"INVALID_ARGUMENT","details":[
				{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"INVALID_ARGUMENT"},
				{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"message.token","description":"x"}]}]}}`),
		},
		{
			name: "token in words", kind: provider.Gone, status: 400, code: "INVALID_ARGUMENT",
			answer: body(400, `{"error":{"message":"The registration token is not a valid FCM registration token","status":"INVALID_ARGUMENT"}}`),
		},
		{name: "permission", answer: custom(403, "PERMISSION_DENIED"), kind: provider.Credentials, status: 403, code: "PERMISSION_DENIED"},
		{name: "project", answer: custom(404, "NOT_FOUND"), kind: provider.Credentials, status: 404, code: "NOT_FOUND"},
		{name: "a page", answer: body(404, `<html>`), kind: provider.Refused, status: 404},
		{name: "a proxy", answer: body(502, `bad gateway`), kind: provider.Retry, status: 502},
		{name: "429 without a code", answer: body(429, `{}`), kind: provider.Retry, status: 429},
		{name: "a redirect", answer: body(302, `moved`), kind: provider.Retry, status: 302},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			device := s.Device(pushtest.FCM)
			s.Answer(device.Token, tc.answer)
			_, err := c.Send(t.Context(), device, &provider.Notification{Title: "a"})
			e := sendtest.Failure(t, err)
			if e.Kind != tc.kind || e.Status != tc.status || e.Code != tc.code || e.Alert != tc.alert {
				t.Errorf("got %+v, want %v, %d, %q, alert %t", e, tc.kind, tc.status, tc.code, tc.alert)
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

func TestAccessTokensAreShared(t *testing.T) {
	t.Parallel()
	now := clocktest.New(noon)
	s := sendtest.Start(t, now)
	sendtest.NoProblems(t, s)
	c := client(t, s.FCM())
	send := func(want int) {
		t.Helper()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if _, err := c.Send(t.Context(), s.Device(pushtest.FCM), &provider.Notification{}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if got := s.Count(pushtest.OAuth).Requests; got != want {
			t.Errorf("got %d requests for an access token, want %d", got, want)
		}
	}
	send(1)
	now.Advance(57 * time.Minute)
	send(1)
	now.Advance(2 * time.Minute) // within the margin of its end
	send(2)
	s.RevokeAccessTokens()
	send(3)
}

func TestRefusedAccessTokensAreReplacedOnce(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	sendtest.NoProblems(t, s)
	c := client(t, s.FCM())
	device := s.Device(pushtest.FCM)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.AuthError})
	if _, err := c.Send(t.Context(), device, &provider.Notification{}); err != nil {
		t.Errorf("refused once: got error %v", err)
	}
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.AuthError, Times: 2})
	_, err := c.Send(t.Context(), device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Credentials || e.Code != "UNAUTHENTICATED" {
		t.Errorf("refused twice: got %+v, want %v", e, provider.Credentials)
	}
	if got := s.Count(device.Token).Requests; got != 4 {
		t.Errorf("got %d requests, want 4", got)
	}
}

func TestFailingTokenService(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		answer pushtest.Answer
		kind   provider.Kind
		code   string
		after  time.Duration
	}{
		{"refuses the account", pushtest.Answer{Fault: pushtest.AuthError}, provider.Credentials, "invalid_grant", 0},
		{"down", pushtest.Answer{Fault: pushtest.Down, RetryAfter: "9"}, provider.Retry, "", 9 * time.Second},
		{"busy", pushtest.Answer{Fault: pushtest.Busy}, provider.Retry, "", 0},
		{"reset", pushtest.Answer{Fault: pushtest.Reset}, provider.Retry, "", 0},
		{"not JSON", pushtest.Answer{Fault: pushtest.Custom, Status: 200, Body: "<html>"}, provider.Retry, "", 0},
		{"no token", pushtest.Answer{Fault: pushtest.Custom, Status: 200, Body: `{"expires_in":3600}`}, provider.Retry, "", 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			now := clocktest.New(noon)
			s := sendtest.Start(t, now)
			sendtest.NoProblems(t, s)
			c := client(t, s.FCM())
			device := s.Device(pushtest.FCM)
			s.Answer(pushtest.OAuth, tc.answer)
			for range 3 { // the first asks, the others are told what it was told
				_, err := c.Send(t.Context(), device, &provider.Notification{})
				if e := sendtest.Failure(t, err); e.Kind != tc.kind || e.Code != tc.code || e.RetryAfter != tc.after {
					t.Errorf("got %+v, want %v, %q and %v", e, tc.kind, tc.code, tc.after)
				}
			}
			now.Advance(2 * time.Second)
			if _, err := c.Send(t.Context(), device, &provider.Notification{}); err != nil {
				t.Errorf("later: got error %v", err)
			}
			if got := s.Count(pushtest.OAuth).Requests; got > 2 && tc.name != "reset" {
				t.Errorf("got %d requests for an access token, want 2", got)
			}
		})
	}
}

func TestUnansweredRequests(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	patient, config := client(t, s.FCM()), s.FCM()
	config.Timeout = 50 * time.Millisecond
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()

	s.Answer(pushtest.OAuth, pushtest.Answer{Fault: pushtest.Hang, Times: -1})
	_, err := client(t, config).Send(t.Context(), s.Device(pushtest.FCM), &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no access token in time: got %+v", e)
	}
	_, err = patient.Send(cancelled, s.Device(pushtest.FCM), &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("no access token before the end: got %+v", e)
	}

	s.Relent(pushtest.OAuth)
	if _, err := patient.Send(t.Context(), s.Device(pushtest.FCM), &provider.Notification{}); err != nil {
		t.Fatalf("a cancelled request spoils the next: %v", err)
	}
	device := s.Device(pushtest.FCM)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Hang})
	_, err = patient.Send(cancelled, device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || !errors.Is(err, context.Canceled) {
		t.Errorf("no answer before the end: got %+v", e)
	}
	s.Relent(device.Token)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Reset})
	_, err = patient.Send(t.Context(), device, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Retry || e.Status != 0 {
		t.Errorf("reset: got %+v", e)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Not what FCM says, nor what breaks on the way, puts a token into the log.
func TestErrorsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	device := s.Device(pushtest.FCM)
	var mu sync.Mutex
	secrets := []string{device.Token}
	cases := map[string]func(r *http.Request, seen string) (*http.Response, error){
		"the cause": func(_ *http.Request, seen string) (*http.Response, error) { return nil, errors.New(seen) },
		"the answer": func(_ *http.Request, seen string) (*http.Response, error) {
			text, err := json.Marshal(map[string]any{"error": map[string]any{"message": seen, "status": seen}})
			return &http.Response{StatusCode: 400, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(text)))}, err
		},
	}
	for name, answer := range cases {
		config := s.FCM()
		config.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/token") {
				return s.Client().Transport.RoundTrip(r)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			access := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			mu.Lock()
			secrets = append(secrets, access)
			mu.Unlock()
			return answer(r, access+" "+string(body))
		})}
		_, err := client(t, config).Send(t.Context(), device, &provider.Notification{})
		if err == nil {
			t.Fatalf("%s: got no error", name)
		}
		for _, secret := range secrets {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error %q contains %q", name, err, secret)
			}
		}
	}
	if len(secrets) < 3 {
		t.Errorf("got %d secrets, want 3", len(secrets))
	}
}

func TestConfigsAreChecked(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	good := s.FCM()
	with := func(change func(account map[string]any)) string {
		account := decode(t, good.ServiceAccount)
		change(account)
		text, err := json.Marshal(account)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	cases := []struct {
		name   string
		change func(c *fcm.Config)
		want   string
	}{
		{"good", func(*fcm.Config) {}, ""},
		{"no account", func(c *fcm.Config) { c.ServiceAccount = "" }, "ServiceAccount is missing"},
		{"no JSON", func(c *fcm.Config) { c.ServiceAccount = "secret" }, "is not the JSON key"},
		{"no project", func(c *fcm.Config) { c.ServiceAccount = with(func(a map[string]any) { delete(a, "project_id") }) }, "no project_id"},
		{"no email", func(c *fcm.Config) { c.ServiceAccount = with(func(a map[string]any) { delete(a, "client_email") }) }, "no client_email"},
		{"no key", func(c *fcm.Config) { c.ServiceAccount = with(func(a map[string]any) { a["private_key"] = "secret" }) }, "no RSA key"},
		{"a user's credentials", func(c *fcm.Config) { c.ServiceAccount = with(func(a map[string]any) { a["type"] = "authorized_user" }) }, "service_account"},
		{"http", func(c *fcm.Config) { c.Endpoint = "http://fcm.example.com" }, "Endpoint must be an https: URL"},
		{"token URL", func(c *fcm.Config) { c.TokenURL = "token" }, "TokenURL must be an https: URL"},
		{"timeout", func(c *fcm.Config) { c.Timeout = -time.Second }, "Timeout must not be negative"},
	}
	for _, tc := range cases {
		config := good
		tc.change(&config)
		_, err := fcm.New(config)
		if (err != nil) != (tc.want != "") || err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: got error %v, want %q", tc.name, err, tc.want)
		}
	}
	_, err := client(t, good).Send(t.Context(), provider.Target{}, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Gone {
		t.Errorf("no token: got %v, want %v", e.Kind, provider.Gone)
	}
}
