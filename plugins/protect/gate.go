package protect

import (
	"net/http"
	"strconv"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// CodeReadOnly is in data.code of the answer to a request that was refused because
// the app only reads.
const CodeReadOnly = "read_only"

// retryAfter is after how many seconds clients are told to try again.
const retryAfter = 30

// harmless are routes of PocketBase that do not write, or so little that people who
// only read must not be kept out by it: sign-ins.
var harmless = []string{
	"POST /api/collections/{collection}/auth-with-password",
	"POST /api/collections/{collection}/auth-with-oauth2", // new accounts are refused, see refuseSignUp
	"POST /api/collections/{collection}/auth-with-otp",
	"POST /api/collections/{collection}/auth-refresh",
	"POST /api/collections/{collection}/request-otp",
	"POST /api/collections/{collection}/request-password-reset",
	"POST /api/collections/{collection}/request-verification",
	"POST /api/collections/{collection}/impersonate/{id}",
	"POST /api/collections/{collection}/request-email-change",
	"POST /api/collections/meta/dry-run-view",
	"POST /api/oauth2-redirect",
	"POST /api/realtime",
	"POST /api/files/token",
	"POST /api/settings/test/s3",
	"POST /api/settings/test/email",
	"POST /api/settings/apple/generate-client-secret",
}

// superusersMay are what helps to get out. All routes with DELETE are besides.
var superusersMay = map[string]bool{
	"PATCH /api/settings":  true, // to keep fewer logs, or files in a bucket
	"POST /api/crons/{id}": true, // to run what tidies up
	"POST /api/sql":        true, // they know what they do
	"POST " + ClockPath:    true,
}

func allowedRoutes(more []string) map[string]bool {
	allowed := map[string]bool{}
	for _, route := range append(harmless, more...) {
		allowed[route] = true
	}
	return allowed
}

// gate refuses what writes while the app only reads.
func (p *Plugin) gate(e *core.RequestEvent) error {
	if p.mode.on.Load() && !p.passes(e) {
		return p.refusal(e)
	}
	err := e.Next()
	if err != nil && failureOf(err) == diskFailure && !isRead(e.Request.Method) && !e.Written() {
		// the first that the disk did not take; the client is not to blame
		if ofDatabase(err) {
			p.enter(WritesFail, err.Error())
		} else {
			p.suspect.Store(true) // it may be another disk: that of temporary files, say
		}
		p.wake()
		return p.refusal(e)
	}
	return err
}

func isRead(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// passes tells whether a request is served while the app only reads.
func (p *Plugin) passes(e *core.RequestEvent) bool {
	if isRead(e.Request.Method) || p.allowed[e.Request.Pattern] {
		return true
	}
	return e.HasSuperuserAuth() && (e.Request.Method == http.MethodDelete || superusersMay[e.Request.Pattern])
}

// refusal is the answer to a request that writes.
func (p *Plugin) refusal(e *core.RequestEvent) *router.ApiError {
	p.refused.Add(1)
	p.mode.mu.Lock()
	reason := p.mode.reason
	p.mode.mu.Unlock()
	header := e.Response.Header()
	header.Set("Retry-After", strconv.Itoa(retryAfter))
	if e.Request.Header.Get("Origin") != "" && header.Get("Access-Control-Allow-Origin") != "" {
		header.Add("Access-Control-Expose-Headers", "Retry-After")
	}
	answer := router.NewApiError(http.StatusServiceUnavailable, reason.sentence()+" Nothing was changed. Reading works; try again later.", nil)
	answer.Data = map[string]any{"code": CodeReadOnly}
	return answer
}

// refuseSignUp refuses sign-ins that would make an account.
func (p *Plugin) refuseSignUp(e *core.RecordAuthWithOAuth2RequestEvent) error {
	if e.IsNewRecord && p.mode.on.Load() {
		return p.refusal(e.RequestEvent)
	}
	return e.Next()
}
