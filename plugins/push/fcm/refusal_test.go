package fcm_test

import (
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/push/fcm"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

func FuzzAnswers(f *testing.F) {
	f.Add(404, []byte(`{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND","details":[{"errorCode":"UNREGISTERED"}]}}`))
	f.Add(400, []byte(`{"error":{"details":[{"fieldViolations":[{"field":"message.token"}]}],"status":"INVALID_ARGUMENT"}}`))
	f.Add(503, []byte(`{"error":[]}`))
	f.Add(400, []byte(`{"error":{"message":"c3VwZXItc2VjcmV0LXRva2Vu"}}`))
	const secret = "c3VwZXItc2VjcmV0LXRva2Vu"
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := fcm.Refusal(&exchange.Answer{Status: status, Body: body}, secret)
		if e.Kind < provider.Retry || e.Kind > provider.Refused || e.Message == "" || len(e.Message) > 500 {
			t.Errorf("status %d: got %+v", status, e)
		}
		if strings.Contains(e.Error(), secret) {
			t.Errorf("the error %q contains the secret", e)
		}
	})
}
