package provider_test

import (
	"errors"
	"io"
	"testing"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]provider.Error{
		"404 UNREGISTERED: it is gone": {Kind: provider.Gone, Status: 404, Code: "UNREGISTERED", Message: "it is gone"},
		"503 it is busy":               {Kind: provider.Retry, Status: 503, Message: "it is busy"},
		"no answer: unexpected EOF":    {Kind: provider.Retry, Message: "no answer", Err: io.ErrUnexpectedEOF},
	}
	for want, e := range cases {
		if got := e.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := errors.Is(&e, io.ErrUnexpectedEOF); got != (e.Err != nil) {
			t.Errorf("%s: got %t that it wraps its cause", want, got)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, want := range map[provider.Kind]string{
		provider.Retry: "retry", provider.Gone: "gone", provider.Credentials: "credentials", provider.Refused: "refused", 9: "kind 9",
	} {
		if got := kind.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
