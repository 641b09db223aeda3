package webpush_test

import (
	"testing"

	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

func FuzzAnswers(f *testing.F) {
	f.Add(403, []byte(`{"reason":"BadJwtToken"}`))
	f.Add(410, []byte(`{"code":410,"errno":106,"error":"Gone"}`))
	f.Add(201, []byte(nil))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := webpush.Refusal(&exchange.Answer{Status: status, Body: body})
		if accepted := status >= 200 && status < 300; accepted != (e == nil) {
			t.Fatalf("status %d: got %v", status, e)
		}
		if e == nil {
			return
		}
		if e.Kind < provider.Retry || e.Kind > provider.Refused || e.Kind == provider.Credentials || e.Message == "" {
			t.Errorf("status %d: got %+v", status, e)
		}
		if gone := status == 404 || status == 410; gone != (e.Kind == provider.Gone) {
			t.Errorf("status %d: got %v", status, e.Kind)
		}
	})
}
