package pushtest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/pushtest"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// wait is how long anything may take.
const wait = time.Minute

var services = []string{pushtest.WebPush, pushtest.FCM, pushtest.APNs}

func start(t *testing.T) *pushtest.Server {
	t.Helper()
	s, err := pushtest.Start(pushtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// clients are one for each service, that use the HTTP client.
func clients(t *testing.T, s *pushtest.Server, h *http.Client) map[string]provider.Provider {
	t.Helper()
	w, f, a := s.WebPush(), s.FCM(), s.APNs()
	w.HTTPClient, f.HTTPClient, a.HTTPClient = h, h, h
	webPush, err := webpush.New(w)
	if err != nil {
		t.Fatal(err)
	}
	firebase, err := fcm.New(f)
	if err != nil {
		t.Fatal(err)
	}
	apple, err := apns.New(a)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]provider.Provider{pushtest.WebPush: webPush, pushtest.FCM: firebase, pushtest.APNs: apple}
}

func kindOf(err error) provider.Kind {
	var e *provider.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

func TestServicesFollowTheirScripts(t *testing.T) {
	t.Parallel()
	s := start(t)
	all := clients(t, s, s.Client())
	for _, service := range services {
		device, other := s.Device(service), s.Device(service)
		send := func(to provider.Target) provider.Kind {
			_, err := all[service].Send(t.Context(), to, &provider.Notification{Title: "a", Body: "b"})
			if err != nil && kindOf(err) == 0 {
				t.Fatal(err)
			}
			return kindOf(err)
		}
		s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Down, Times: 2}, pushtest.Answer{}, pushtest.Answer{Fault: pushtest.Gone})
		for i, want := range []provider.Kind{provider.Retry, provider.Retry, 0, provider.Gone, 0} {
			if got := send(device); got != want {
				t.Errorf("%s, request %d: got %v, want %v", service, i, got, want)
			}
		}
		s.Answer(service, pushtest.Answer{Fault: pushtest.Busy, Times: -1})
		if a, b := send(device), send(other); a != provider.Retry || b != provider.Retry {
			t.Errorf("%s is busy: got %v and %v", service, a, b)
		}
		s.Relent(service)
		s.Uninstall(device.Token)
		if a, b := send(device), send(other); a != provider.Gone || b != 0 {
			t.Errorf("%s without one device: got %v and %v", service, a, b)
		}
		if got, want := s.Count(service), (pushtest.Count{Requests: 9, Accepted: 3}); got != want {
			t.Errorf("%s: got %+v, want %+v", service, got, want)
		}
		if got, want := s.Count(other.Token), (pushtest.Count{Requests: 2, Accepted: 1}); got != want {
			t.Errorf("%s, a device: got %+v, want %+v", service, got, want)
		}
		got := s.Received(other.Token)
		if len(got) != 1 || got[0].Service != service || got[0].Title() != "a" || got[0].Text() != "b" || got[0].Header.Get("Authorization") != "" {
			t.Errorf("%s: got %+v", service, got)
		}
	}
	if problems := s.Problems(); len(problems) != 0 {
		t.Errorf("got problems %q", problems)
	}
}

// changed is a transport that changes a request, or sends it to another service's
// address, before it goes.
type changed struct {
	next   http.RoundTripper
	change func(*http.Request)
}

func (c changed) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/token") {
		r = r.Clone(r.Context())
		c.change(r)
	}
	return c.next.RoundTrip(r)
}

func TestWrongRequestsAreNoticed(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	// flip changes a character of the signature, which is not the last: that has
	// bits which do not count
	flip := func(end string) func(*http.Request) {
		return func(r *http.Request) {
			value := r.Header.Get("Authorization")
			at := len(value) - 10
			if end != "" {
				at = strings.Index(value, end) - 10
			}
			other := byte('A')
			if value[at] == 'A' {
				other = 'B'
			}
			r.Header.Set("Authorization", value[:at]+string(other)+value[at+1:])
		}
	}
	cases := []struct {
		service string
		name    string
		change  func(*http.Request)
		want    string
	}{
		{pushtest.WebPush, "no authorization", header("Authorization", ""), "not of the form"},
		{pushtest.WebPush, "bearer", header("Authorization", "Bearer x"), "not of the form"},
		{pushtest.WebPush, "signature", flip(", k="), "signature is invalid"},
		{pushtest.WebPush, "public key", flip(""), "the key is not of P-256"},
		{pushtest.WebPush, "no TTL", header("TTL", ""), "the TTL"},
		{pushtest.WebPush, "urgency", header("Urgency", "now"), "the urgency"},
		{pushtest.WebPush, "topic", header("Topic", strings.Repeat("x", 33)), "the topic"},
		{pushtest.WebPush, "encoding", header("Content-Encoding", "aesgcm"), "the content encoding"},
		{pushtest.WebPush, "not encrypted", body(`{"title":"a"}`), "cannot be decrypted"},
		{pushtest.WebPush, "too long", body(strings.Repeat("x", 4097)), "4097 bytes"},
		{pushtest.FCM, "project", func(r *http.Request) { r.URL.Path = "/v1/projects/other/messages:send" }, "the path"},
		{pushtest.FCM, "no JSON", body("x"), "the request"},
		{pushtest.FCM, "unknown field", body(`{"message":{"token":"x","title":"a"}}`), "unknown field"},
		{pushtest.FCM, "no token", body(`{"message":{}}`), "there is no token"},
		{pushtest.FCM, "priority", body(`{"message":{"token":"x","android":{"priority":"URGENT"}}}`), "the priority"},
		{pushtest.FCM, "ttl", body(`{"message":{"token":"x","android":{"priority":"HIGH","ttl":"60"}}}`), "the ttl"},
		{pushtest.FCM, "reserved key", body(`{"message":{"token":"x","data":{"from":"a"}}}`), "reserved key"},
		{pushtest.FCM, "a number as data", body(`{"message":{"token":"x","data":{"a":1}}}`), "the message"},
		{pushtest.APNs, "no authorization", header("Authorization", ""), "no provider token"},
		{pushtest.APNs, "signature", flip(""), "signature is invalid"},
		{pushtest.APNs, "topic", header("Apns-Topic", "com.example.other"), "the topic"},
		{pushtest.APNs, "priority", header("Apns-Priority", "high"), "the priority"},
		{pushtest.APNs, "push type", header("Apns-Push-Type", "voip"), "the push type"},
		{pushtest.APNs, "background alert", header("Apns-Push-Type", "background"), "does not fit"},
		{pushtest.APNs, "expiration", header("Apns-Expiration", "1h"), "the expiration"},
		{pushtest.APNs, "collapse id", header("Apns-Collapse-Id", strings.Repeat("x", 65)), "65 bytes"},
		{pushtest.APNs, "no payload", body(""), "no payload"},
		{pushtest.APNs, "too long", body(strings.Repeat("x", 4097)), "4097 bytes"},
		{pushtest.APNs, "no JSON", body("x"), "the payload"},
		{pushtest.APNs, "device token", func(r *http.Request) { r.URL.Path = "/3/device/xyz" }, "not hex"},
	}
	s := start(t)
	seen := 0
	for _, tc := range cases {
		device := s.Device(tc.service)
		h := &http.Client{Transport: changed{s.Client().Transport, tc.change}}
		_, err := clients(t, s, h)[tc.service].Send(t.Context(), device, &provider.Notification{Title: "a"})
		if err == nil {
			t.Errorf("%s, %s: it is accepted", tc.service, tc.name)
		}
		problems := s.Problems()[seen:]
		seen += len(problems)
		if len(problems) != 1 || !strings.HasPrefix(problems[0], tc.service+": ") || !strings.Contains(problems[0], tc.want) {
			t.Errorf("%s, %s: got error %v and problems %q, want %q", tc.service, tc.name, err, problems, tc.want)
		}
		if got := s.Received(device.Token); len(got) != 0 {
			t.Errorf("%s, %s: got %d notifications, want none", tc.service, tc.name, len(got))
		}
	}
}

func TestAPNsIsOverHTTP2(t *testing.T) {
	t.Parallel()
	s := start(t)
	old := s.Client().Transport.(*http.Transport).Clone()
	old.Protocols = new(http.Protocols)
	old.Protocols.SetHTTP1(true)
	old.TLSClientConfig.NextProtos = nil
	t.Cleanup(old.CloseIdleConnections)
	_, err := clients(t, s, &http.Client{Transport: old})[pushtest.APNs].Send(t.Context(), s.Device(pushtest.APNs), &provider.Notification{})
	if problems := s.Problems(); err == nil || len(problems) != 1 || !strings.Contains(problems[0], "HTTP/1.1") {
		t.Errorf("got error %v and problems %q", err, problems)
	}
}

func TestManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	s := start(t)
	all := clients(t, s, s.Client())
	const workers, each = 8, 40
	var sent atomic.Int64
	var group sync.WaitGroup
	for i := range workers {
		service := services[i%len(services)]
		device := s.Device(service)
		group.Go(func() {
			for range each {
				if _, err := all[service].Send(t.Context(), device, &provider.Notification{Title: "a"}); err != nil {
					t.Error(err)
					return
				}
				sent.Add(1)
			}
			if got := len(s.Received(device.Token)); got != 16 {
				t.Errorf("%s: got %d notifications, want the last 16", service, got)
			}
		})
	}
	group.Wait()
	accepted := 0
	for _, service := range services {
		accepted += s.Count(service).Accepted
	}
	if got := sent.Load(); got != workers*each || accepted != workers*each {
		t.Errorf("got %d sent and %d accepted, want %d", got, accepted, workers*each)
	}
	if problems := s.Problems(); len(problems) != 0 {
		t.Errorf("got problems %q", problems)
	}
}

func TestCloseEndsWhatHangs(t *testing.T) {
	t.Parallel()
	pbtest.NoGoroutineLeak(t)
	s := start(t)
	device := s.Device(pushtest.APNs)
	s.Answer(device.Token, pushtest.Answer{Fault: pushtest.Hang})
	all := clients(t, s, s.Client())
	failed := make(chan error, 1)
	go func() {
		_, err := all[pushtest.APNs].Send(context.WithoutCancel(t.Context()), device, &provider.Notification{})
		failed <- err
	}()
	pbtest.Eventually(t, wait, func() error {
		if s.Count(pushtest.APNs).Requests == 0 {
			return errors.New("the request has not come")
		}
		return nil
	})
	s.Close()
	s.Close()
	if err := <-failed; kindOf(err) != provider.Retry {
		t.Errorf("got %v, want an error of kind %v", err, provider.Retry)
	}
}
