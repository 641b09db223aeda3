package apns_test

import (
	"errors"
	"testing"

	"github.com/holdall-go/holdall/plugins/push/apns"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

func FuzzAnswers(f *testing.F) {
	f.Add(410, []byte(`{"reason":"Unregistered","timestamp":1772370000000}`))
	f.Add(403, []byte(`{"reason":"ExpiredProviderToken"}`))
	f.Add(500, []byte(`{"reason":[]}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		var e *provider.Error
		if !errors.As(apns.Refusal(&exchange.Answer{Status: status, Body: body}), &e) {
			t.Fatalf("status %d: got no error", status)
		}
		if e.Kind < provider.Retry || e.Kind > provider.Refused || e.Message == "" || len(e.Code) > 63 {
			t.Errorf("status %d: got %+v", status, e)
		}
	})
}

func FuzzCheckTarget(f *testing.F) {
	f.Add("00112233445566778899aabbccddeeff", "com.example.fieldwork")
	f.Add("../x", "a b")
	f.Fuzz(func(t *testing.T, token, topic string) {
		if apns.CheckTarget(provider.Target{Token: token, Topic: topic}) != nil {
			return
		}
		for _, c := range token + topic {
			if c <= ' ' || c >= 0x7f || c == '/' {
				t.Errorf("%q and %q are accepted", token, topic)
			}
		}
	})
}
