package pushtest

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
)

// Fault is a way of not accepting.
type Fault int

const (
	// Accept is none: the request is answered as it deserves.
	Accept Fault = iota
	// Gone: the device is not registered.
	Gone
	// Busy is 429.
	Busy
	// Down is 503.
	Down
	// AuthError: the sender is not accepted. Web Push and FCM answer 401, APNs 403
	// with InvalidProviderToken, OAuth 400 with invalid_grant.
	AuthError
	// Hang answers nothing until the client gives up.
	Hang
	// Reset breaks the connection, with all requests that are on it.
	Reset
	// Custom is Status with Code, or with Body.
	Custom
)

// Answer is what to answer requests with.
type Answer struct {
	Fault Fault
	// Times is for how many requests. Defaults to 1; -1 is for all that follow.
	Times int
	// RetryAfter is the header, seconds or a date. Empty is none.
	RetryAfter string
	// Status and Code are for Custom: the HTTP status, and the service's word for
	// it, such as QUOTA_EXCEEDED or TopicDisallowed.
	Status int
	Code   string
	// Body, if not empty, is for Custom what is answered instead of the service's
	// JSON.
	Body string
}

// faults are the statuses and words of the services.
var faults = map[string]map[Fault]Answer{
	WebPush: {
		Gone:      {Status: 410},
		Busy:      {Status: 429},
		Down:      {Status: 503},
		AuthError: {Status: 401},
	},
	FCM: {
		Gone:      {Status: 404, Code: "UNREGISTERED"},
		Busy:      {Status: 429, Code: "QUOTA_EXCEEDED"},
		Down:      {Status: 503, Code: "UNAVAILABLE"},
		AuthError: {Status: 401, Code: "UNAUTHENTICATED"},
	},
	APNs: {
		Gone:      {Status: 410, Code: "Unregistered"},
		Busy:      {Status: 429, Code: "TooManyRequests"},
		Down:      {Status: 503, Code: "ServiceUnavailable"},
		AuthError: {Status: 403, Code: "InvalidProviderToken"},
	},
	OAuth: {
		Busy:      {Status: 429},
		Down:      {Status: 503},
		AuthError: {Status: 400, Code: "invalid_grant"},
	},
}

// refuse answers a request that is not accepted.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, service string, a Answer) {
	switch a.Fault {
	case Hang:
		select {
		case <-r.Context().Done():
		case <-s.stop:
		}
		panic(http.ErrAbortHandler)
	case Reset:
		reset(r)
		panic(http.ErrAbortHandler)
	case Custom:
	default:
		known := faults[service][a.Fault]
		a.Status, a.Code = known.Status, known.Code
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Body != "" {
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body)
		return
	}
	writeJSON(w, a.Status, errorBody(service, a, s.clock.Now().UnixMilli()))
}

// errorBody is how a service puts it.
func errorBody(service string, a Answer, now int64) any {
	switch service {
	case FCM:
		return fcmError(a)
	case APNs:
		if a.Status == http.StatusGone {
			return map[string]any{"reason": a.Code, "timestamp": now}
		}
		return map[string]any{"reason": a.Code}
	case OAuth:
		return map[string]any{"error": a.Code, "error_description": "The assertion is not accepted."}
	default:
		if a.Code == "" {
			return map[string]any{"code": a.Status, "error": http.StatusText(a.Status)}
		}
		return map[string]any{"reason": a.Code}
	}
}

// fcmError is the error model of Google's APIs, with FCM's code in the details.
func fcmError(a Answer) any {
	status := map[int]string{
		400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
		429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
	}[a.Status]
	details := []any{}
	if a.Code != "" && a.Code != status || a.Status >= 500 || a.Status == http.StatusBadRequest {
		details = append(details, map[string]any{
			"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": a.Code,
		})
	}
	return map[string]any{"error": map[string]any{
		"code": a.Status, "message": "Request refused.", "status": status, "details": details,
	}}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}

// connKey is where the connection of a request is, in its context.
type connKey struct{}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// reset closes the connection of a request so that the client's system sees a
// reset and not an end.
func reset(r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(net.Conn)
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	if plain, ok := c.(*net.TCPConn); ok {
		_ = plain.SetLinger(0)
		_ = plain.Close()
	}
}
