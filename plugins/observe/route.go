package observe

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// scrapes is how many may be answered at a time.
const scrapes = 4

// bindRoute adds GET /metrics, for superusers and those with the token.
func (p *Plugin) bindRoute(e *core.ServeEvent) {
	handler := p.handler()
	apidoc.Describe[apidoc.None, apidoc.None](apidoc.On(e), apidoc.Op{
		Method: http.MethodGet, Path: Path, Summary: "Read the metrics", Tags: []string{"operations"},
		Description: "In Prometheus' text format or in OpenMetrics, whichever is asked for. For superusers, and for those with the token that the operator has set.",
		Access:      apidoc.Superusers, Status: http.StatusOK, Errors: []int{http.StatusServiceUnavailable},
		Produces: []string{"text/plain", "application/openmetrics-text"},
	})
	e.Router.GET(Path, func(e *core.RequestEvent) error {
		switch {
		case e.HasSuperuserAuth() || p.knows(bearer(e.Request.Header)):
			handler.ServeHTTP(e.Response, e.Request)
			return nil
		case e.Auth != nil:
			return e.ForbiddenError("The metrics are for superusers and for those with the token of the metrics.", nil)
		default:
			return e.UnauthorizedError("The metrics need a superuser's token or the token of the metrics.", nil)
		}
	}).Bind(apis.SkipSuccessActivityLog())
}

// handler writes the metrics.
func (p *Plugin) handler() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: scrapes, Timeout: 30 * time.Second,
		ErrorHandling: promhttp.ContinueOnError, // one part that is broken must not hide the others
	})
}

// private lets only those with the token to next, if there is one.
func (p *Plugin) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.config.Token != "" && !p.knows(bearer(r.Header)) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "The metrics need their token.", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// knows tells whether the token is that of the metrics.
func (p *Plugin) knows(token string) bool {
	if p.config.Token == "" {
		return false
	}
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(p.config.Token))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
