package health_test

import (
	"context"
	"math"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/health"
)

// A server that is known to only read is ready to: a disk without space is told, and
// takes nobody's reads away. Everything else fails as usual.
func TestDegraded(t *testing.T) {
	t.Parallel()
	var sentence atomic.Value
	sentence.Store("")
	config := health.Config{MinFreeBytes: math.MaxInt64, Degraded: func(context.Context) string { return sentence.Load().(string) }}
	_, app := register(t, config)
	url := pbtest.Serve(t, app)
	for _, c := range []struct {
		said, status, message string
		code                  int
	}{
		{"", health.StatusFailed, "There is too little space left.", http.StatusServiceUnavailable},
		{"It only reads.", health.StatusBusy, "It only reads.", http.StatusOK},
	} {
		sentence.Store(c.said)
		res, report, _ := fetch(t, http.MethodGet, url+health.ReadyPath, "")
		disk := result(t, report, "disk")
		if res.StatusCode != c.code || disk.Status != c.status || disk.Message != c.message {
			t.Errorf("%q: got %d and %+v, want %d and %s", c.said, res.StatusCode, disk, c.code, c.status)
		}
	}
	if _, err := app.DB().Delete("_migrations", nil).Execute(); err != nil {
		t.Fatal(err)
	}
	if res, _, _ := fetch(t, http.MethodGet, url+health.ReadyPath, ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("another check: got %d, want 503", res.StatusCode)
	}
}
