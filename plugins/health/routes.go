package health

import (
	"net/http"
	"reflect"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// The paths of the routes.
const (
	LivePath  = "/api/health/live"
	ReadyPath = "/api/health/ready"
)

// routes adds the routes. They are exempt from rate limits, which would take a
// server out of rotation because of its visitors if a proxy asks in their name,
// and the dashboard's log has no line for each question.
func (p *Plugin) routes(e *core.ServeEvent) error {
	api := apidoc.On(e)
	apidoc.Route(api, apidoc.Op{
		ID: "health.live", Method: http.MethodGet, Path: LivePath, Summary: "Ask whether the process serves",
		Description: "Restart it when it does not answer. It has no checks.",
	}, live).Bind(apis.SkipSuccessActivityLog()).Unbind(apis.DefaultRateLimitMiddlewareId)
	apidoc.Route(api, apidoc.Op{
		ID: "health.ready", Method: http.MethodGet, Path: ReadyPath, Summary: "Ask whether the server can do its work",
		Description: "Send it no requests when it cannot. Superusers see details.",
		Answers: []apidoc.Answer{{
			Status: http.StatusServiceUnavailable, Description: "A check failed, or the server is shutting down.", Type: reflect.TypeFor[Report](),
		}},
	}, p.ready).Bind(apis.SkipSuccessActivityLog()).Unbind(apis.DefaultRateLimitMiddlewareId)
	return e.Next()
}

// live needs nothing: that it is answered says it all. It stays 200 while the
// server drains, or an orchestrator would kill it in the middle of that.
func live(e *core.RequestEvent, _ *apidoc.None) (*Report, error) {
	return answer(e, http.StatusOK, Report{Status: StatusOK, Checks: []Result{}})
}

func (p *Plugin) ready(e *core.RequestEvent, _ *apidoc.None) (*Report, error) {
	if p.config.Draining != nil && p.config.Draining() {
		return answer(e, http.StatusServiceUnavailable, Report{Status: StatusFailed, Checks: []Result{
			{Name: "serving", Status: StatusFailed, Message: "The server is shutting down."},
		}})
	}
	report := p.Ready(e.Request.Context())
	status := http.StatusOK
	if report.Status != StatusOK {
		status = http.StatusServiceUnavailable
	}
	// Only superusers: a request from the loopback address may have come through
	// a proxy on this machine.
	if !e.HasSuperuserAuth() {
		report = report.public()
	}
	return answer(e, status, report)
}

func answer(e *core.RequestEvent, status int, report Report) (*Report, error) {
	e.Response.Header().Set("Cache-Control", "no-store")
	return nil, e.JSON(status, report)
}
