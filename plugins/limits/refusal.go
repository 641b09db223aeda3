package limits

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"
)

// The codes of refusals. Clients find them in data.code, or those of a parameter
// at its name.
const (
	CodeAttempts       = "too_many_attempts"
	CodeRate           = "rate_limit_exceeded"
	CodeConnections    = "too_many_connections"
	CodeQueryTimeout   = "query_timeout"
	CodeRequestTimeout = "request_timeout"
	CodeQuotaRequests  = "quota_requests_exceeded"
	CodeQuotaRows      = "quota_records_exceeded"
	CodeQuotaBytes     = "quota_bytes_exceeded"
	CodeParts          = "too_many_parts"
	CodePerPage        = "validation_per_page_too_large"
	CodeExpand         = "validation_expand_too_large"
	CodeFilter         = "validation_filter_too_complex"
	CodeSort           = "validation_too_many_sort_fields"
	CodeBatch          = "validation_batch_too_large"
)

// refusal is an answer with a code of its own.
func refusal(status int, code, message string) *router.ApiError {
	answer := router.NewApiError(status, message, nil)
	answer.Data = map[string]any{"code": code}
	return answer
}

// tooManyAttempts says how long to wait, and nothing of whether the account exists,
// or whose guesses it were.
func tooManyAttempts(e *core.RequestEvent, wait time.Duration) *router.ApiError {
	return tooMany(e, wait, CodeAttempts, "There were too many attempts.")
}

func tooMany(e *core.RequestEvent, wait time.Duration, code, message string) *router.ApiError {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	header := e.Response.Header()
	header.Set("Retry-After", strconv.Itoa(seconds))
	expose(e, header, "Retry-After")
	unit := " seconds."
	if seconds == 1 {
		unit = " second."
	}
	return refusal(http.StatusTooManyRequests, code, message+" Try again in "+strconv.Itoa(seconds)+unit)
}

// expose lets scripts of other origins read the header, if they may read the
// answer at all.
func expose(e *core.RequestEvent, header http.Header, name string) {
	if e.Request.Header.Get("Origin") != "" && header.Get("Access-Control-Allow-Origin") != "" {
		header.Add("Access-Control-Expose-Headers", name)
	}
}
