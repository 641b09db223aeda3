package webpush_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/push/internal/sendtest"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

const (
	p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	auth   = "BTBZMqHH6r4Tts7J_aSIgg"
)

func TestSubscriptions(t *testing.T) {
	t.Parallel()
	const endpoint = "https://push.example.com/send/abc?a=b"
	text := func(endpoint, p256dh, auth string) string {
		return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}}`, endpoint, p256dh, auth)
	}
	offCurve := "B" + strings.Repeat("A", 86)
	cases := []struct {
		name, text, want string
	}{
		{"as a browser has it", text(endpoint, p256dh, auth), ""},
		{"with padding", text(endpoint, p256dh+"=", auth+"=="), ""},
		{"with a port", text("https://push.example.com:8443/send", p256dh, auth), ""},
		{"nothing", "", "not a JSON object"},
		{"a list", "[]", "not a JSON object"},
		{"an empty object", "{}", "must start with https"},
		{"huge", strings.Repeat(" ", 9000), "more than"},
		{"http", text("http://push.example.com/send", p256dh, auth), "must start with https"},
		{"no host", text("https:///send", p256dh, auth), "no host"},
		{"a password", text("https://u:p@push.example.com/send", p256dh, auth), "user or password"},
		{"a fragment", text(endpoint+"#x", p256dh, auth), "fragment"},
		{"not a URL", text("https://push.example.com/%zz", p256dh, auth), "not a URL"},
		{"a long endpoint", text("https://push.example.com/"+strings.Repeat("x", 2048), p256dh, auth), "more than"},
		{"no key", text(endpoint, "", auth), "p256dh must be 65 bytes"},
		{"standard base64", text(endpoint, strings.ReplaceAll(p256dh, "_", "/"), auth), "p256dh must be 65 bytes"},
		{"a key off the curve", text(endpoint, offCurve, auth), "not a point"},
		{"no auth", text(endpoint, p256dh, ""), "auth must be 16 bytes"},
		{"a long auth", text(endpoint, p256dh, auth+"AAAA"), "auth must be 16 bytes"},
	}
	for _, tc := range cases {
		target, err := webpush.ParseSubscription([]byte(tc.text))
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "push.example.com") {
				t.Errorf("%s: got error %v, want %q", tc.name, err, tc.want)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(target.Token, "https://push.example.com") || target.P256dh == "" || target.Auth == "" {
			t.Errorf("%s: got %+v and error %v", tc.name, target, err)
		}
	}
}

// A target that cannot be one is never sent to, and its device may be forgotten.
func TestBrokenTargetsAreGone(t *testing.T) {
	t.Parallel()
	s := sendtest.Start(t, nil)
	c := client(t, s.WebPush())
	_, err := c.Send(t.Context(), provider.Target{Token: "x"}, &provider.Notification{})
	if e := sendtest.Failure(t, err); e.Kind != provider.Gone {
		t.Errorf("got %v, want %v", e.Kind, provider.Gone)
	}
}

func FuzzParseSubscription(f *testing.F) {
	f.Add([]byte(`{"endpoint":"https://push.example.com/a","keys":{"p256dh":"` + p256dh + `","auth":"` + auth + `"}}`))
	f.Add([]byte(`{"endpoint":"https://[::1]:99999/","keys":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		target, err := webpush.ParseSubscription(text)
		if err != nil {
			if target != (provider.Target{}) {
				t.Errorf("got %+v with error %v", target, err)
			}
			return
		}
		if err := webpush.CheckTarget(target); err != nil {
			t.Errorf("parsed but not accepted: %v", err)
		}
	})
}
