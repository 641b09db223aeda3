package requestlog

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
)

var RedactQuery = redactQuery

// Logger writes lines as requests do.
func (p *Plugin) Logger() *slog.Logger { return slog.New(p.lines) }

// Wrap returns next with a log that goes nowhere.
func Wrap(tb testing.TB, next http.Handler) http.Handler {
	tb.Helper()
	p, err := Register(core.NewBaseApp(core.BaseAppConfig{}), Config{Output: io.Discard})
	if err != nil {
		tb.Fatal(err)
	}
	return p.wrap(next)
}
