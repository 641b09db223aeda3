package limits

import (
	"net/http/httptest"

	"github.com/pocketbase/pocketbase/core"
)

// Charge is what a request costs by itself.
func Charge(p *Plugin) func(e *core.RequestEvent, cost int) error { return p.charge }

// Event is a request without a router.
func Event(app core.App) *core.RequestEvent {
	e := &core.RequestEvent{App: app}
	e.Request, e.Response = httptest.NewRequest("GET", "/api/health", nil), httptest.NewRecorder()
	return e
}
