package requestlog

import (
	"io"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

var (
	ParseTraceparent = parseTraceparent
	RedactQuery      = redactQuery
)

// Wrap returns next with a log that goes nowhere.
func Wrap(tb testing.TB, next http.Handler) http.Handler {
	tb.Helper()
	p, err := Register(core.NewBaseApp(core.BaseAppConfig{}), Config{Output: io.Discard})
	if err != nil {
		tb.Fatal(err)
	}
	return p.wrap(next)
}
