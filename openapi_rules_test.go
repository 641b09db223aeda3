//go:build unix

package main_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// apiOperation is what the test looks at of an operation.
type apiOperation struct {
	Summary, Description string
	Parameters           []struct {
		Ref  string `json:"$ref"`
		Name string
	}
	Responses map[string]struct {
		Ref         string `json:"$ref"`
		Description string
		Headers     map[string]any
	}
}

// apiOf is the document of whoever has the token, by method and path.
func apiOf(t *testing.T, s *server, token string) map[string]apiOperation {
	t.Helper()
	var document struct {
		Paths map[string]map[string]apiOperation
	}
	s.must(t, http.MethodGet, "/api/openapi.json", token, "", &document)
	all := map[string]apiOperation{}
	for path, operations := range document.Paths {
		for method, op := range operations {
			all[strings.ToUpper(method)+" "+path] = op
		}
	}
	return all
}

// ofRules are the answers that rules add.
var ofRules = []string{
	"ListRefused", "SubscribeRefused", "KeyInvalid", "KeyConflict", "KeyReused", "TransactionTooLong", "PreconditionFailed", "TooManyRequests", "TooManyAttempts",
}

// told lists what rules have added to an operation: shared parameters, shared
// answers, headers, and the statuses of which they say more.
func (op apiOperation) told() string {
	var all []string
	for _, p := range op.Parameters {
		if name, ok := strings.CutPrefix(p.Ref, "#/components/parameters/i"); ok {
			all = append(all, "i"+name)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		if name := r.Ref[strings.LastIndex(r.Ref, "/")+1:]; slices.Contains(ofRules, name) {
			all = append(all, name)
		}
		if strings.Contains(r.Description, "`idempotency_") {
			all = append(all, status)
		}
		for _, header := range slices.Sorted(maps.Keys(r.Headers)) {
			if header != "X-Request-Id" {
				all = append(all, status+"+"+header)
			}
		}
	}
	return strings.Join(all, " ")
}

// Every route describes itself, and what plugins add to the operations of others is
// on those that have it, and on no others.
func TestPluginsDescribeWhatTheyDo(t *testing.T) {
	t.Parallel()
	s := serve(t, "", []string{"HOLDALL_RATE_LIMITS=true"}, "--demo")
	everything, public := apiOf(t, s, s.signIn(t, rootPassword)), apiOf(t, s, "")

	for name, op := range everything {
		if strings.Contains(op.Description, "has not been described") || op.Summary == "" {
			t.Errorf("%s is not described", name)
		}
		for status, r := range op.Responses {
			if r.Ref == "" && r.Headers["X-Request-Id"] == nil {
				t.Errorf("%s says nothing of X-Request-Id with status %s", name, status)
			}
		}
	}
	for name := range public {
		for _, closed := range []string{
			"/api/jobs", "/api/webhooks", "/api/push/messages", "/api/push/status", "/api/push/deliveries", "/api/push/devices",
			"/api/settings", "/api/logs", "/api/backups", "/api/crons", "/api/sql",
		} {
			if strings.Contains(name, " "+closed) {
				t.Errorf("guests are told of %s", name)
			}
		}
		if strings.Contains(name, "/_") && strings.Contains(name, "/records") {
			t.Errorf("guests are told of %s", name)
		}
	}
	for _, name := range []string{
		"GET /api/health/live", "GET /api/push/vapid-key", "POST /api/push/receipts", "POST /api/v1/hooks/erp/{organization}", "GET /api/v1/demo",
	} {
		if _, ok := public[name]; !ok {
			t.Errorf("guests are not told of %s", name)
		}
	}

	const keyed = "KeyInvalid KeyConflict KeyReused"
	for name, want := range map[string]string{
		"GET /api/collections/work_orders/records":         "ListRefused TooManyRequests",
		"GET /api/collections/work_orders/records/{id}":    "ifNoneMatch 200+ETag 304+ETag TooManyRequests",
		"POST /api/collections/work_orders/records":        "idempotencyKey 200+ETag 200+Idempotency-Replayed " + keyed + " TooManyRequests TransactionTooLong",
		"PATCH /api/collections/work_orders/records/{id}":  "idempotencyKey ifMatch 200+ETag 200+Idempotency-Replayed KeyInvalid KeyConflict PreconditionFailed KeyReused TooManyRequests TransactionTooLong",
		"DELETE /api/collections/work_orders/records/{id}": "idempotencyKey ifMatch 204+Idempotency-Replayed KeyInvalid KeyConflict PreconditionFailed KeyReused TooManyRequests TransactionTooLong",
		"POST /api/batch": "idempotencyKey 200+Idempotency-Replayed " + keyed + " TooManyRequests TransactionTooLong",
		"POST /api/collections/users/auth-with-password": "TooManyAttempts",
		"GET /api/collections/_webhooks/records":         "",
		"POST /api/settings/test/email":                  "",
		"GET /api/jobs":                                  "",
		"POST /api/jobs/{id}/retry":                      "", // operators' routes are without keys
		"POST /api/jobs/queues/{queue}/pause":            "",
		"POST /api/push/messages":                        "idempotencyKey 200+Idempotency-Replayed 400 KeyConflict KeyReused TransactionTooLong",
		"PUT /api/push/devices/{id}/badge":               "idempotencyKey 200+Idempotency-Replayed 400 KeyConflict KeyReused TooManyRequests TransactionTooLong",
		"GET /api/push/devices":                          "TooManyRequests",
		"POST /api/v1/organizations/{id}/invitations":    "429+Retry-After", // of its own, and without a key
		"GET /api/health/live":                           "",
		"GET /api/health/ready":                          "",
		"GET /api/realtime":                              "TooManyRequests",
		"POST /api/realtime":                             "SubscribeRefused TooManyRequests",
	} {
		op, ok := everything[name]
		if got := op.told(); !ok || got != want {
			t.Errorf("%s: got\n%q, want\n%q", name, got, want)
		}
	}
	if text := fmt.Sprint(everything["GET /api/realtime"]); !strings.Contains(text, "Last-Event-ID") || !strings.Contains(text, "reset") {
		t.Error("the stream of events says nothing of resuming")
	}
}
