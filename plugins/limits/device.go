package limits

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
)

const (
	// DeviceCookie is the cookie that browsers are known by.
	DeviceCookie = "holdall_device"
	// DeviceHeader is the header that apps without cookies are known by. They send
	// "new", or what they were answered with last time.
	DeviceHeader = "Holdall-Device"
	// cookiePath has the routes of all sign-ins below it.
	cookiePath = "/api/collections/"
	// maxToken bounds a token of another account, in bytes, that is sent back.
	maxToken = 100
	// maxTokens is how many accounts a cookie is for, the last ones.
	maxTokens = 5
	// between separates the tokens in a cookie.
	between = "~"
)

// A token is four parts: of which account it is, which device, since when, and a
// signature with what signs the account's own tokens. So it ends with a change of
// the password, needs no table, and is worth nothing but a budget for guesses at
// this one account.
type token struct {
	account, device string
	since           time.Time
}

// accountTag names an account in a token without saying which it is.
func accountTag(record *core.Record) string {
	sum := sha256.Sum256([]byte(record.Collection().Id + "\x00" + record.Id))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func (t token) sign(record *core.Record) string {
	text := t.account + "." + t.device + "." + strconv.FormatInt(t.since.Unix(), 36)
	return text + "." + signature(record, text)
}

func signature(record *core.Record, text string) string {
	mac := hmac.New(sha256.New, []byte(record.TokenKey()+record.Collection().AuthToken.Secret))
	mac.Write([]byte("holdall device\x00" + record.Collection().Id + "\x00" + record.Id + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// verify returns the token if it is one of the record and signed.
func verify(record *core.Record, text string) (token, bool) {
	signed, mac, ok := cutLast(text)
	parts := strings.Split(signed, ".")
	if !ok || len(parts) != 3 || parts[0] != accountTag(record) || !hmac.Equal([]byte(mac), []byte(signature(record, signed))) {
		return token{}, false
	}
	seconds, err := strconv.ParseInt(parts[2], 36, 64)
	return token{account: parts[0], device: parts[1], since: time.Unix(seconds, 0)}, err == nil
}

func cutLast(text string) (before, after string, found bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// tokens are those of the request, from its header or its cookie.
func tokens(e *core.RequestEvent) []string {
	if header := e.Request.Header.Get(DeviceHeader); header != "" {
		return head(strings.Split(header, between))
	}
	cookie, err := e.Request.Cookie(DeviceCookie)
	if err != nil || cookie.Value == "" {
		return nil
	}
	return head(strings.Split(cookie.Value, between))
}

func head(list []string) []string { return list[:min(len(list), maxTokens)] }

func (p *Plugin) hasDevice(e *core.RequestEvent) bool { return len(tokens(e)) > 0 }

// knownDevice returns the device of the request if the account was signed in to
// from it, "" otherwise.
func (p *Plugin) knownDevice(e *core.RequestEvent, record *core.Record) string {
	if record == nil {
		return ""
	}
	t, ok := p.known(e, record)
	if !ok {
		return ""
	}
	return t.device
}

func (p *Plugin) known(e *core.RequestEvent, record *core.Record) (token, bool) {
	for _, text := range tokens(e) {
		if t, ok := verify(record, text); ok && p.config.Now().Sub(t.since) < p.config.Lockout.DeviceLifetime {
			return t, true
		}
	}
	return token{}, false
}

// announce lets the answer tell the device who it is, if it has the status: which
// it will have is known when it is written and not before. It returns what ends
// that.
func (p *Plugin) announce(e *core.RequestEvent, status int, record *core.Record) (restore func()) {
	if record == nil || p.config.Lockout.DeviceLifetime == -1 {
		return func() {}
	}
	inner := e.Response
	e.Response = &announcer{ResponseWriter: inner, status: status, tell: func() { p.tell(e, inner.Header(), record) }}
	return func() { e.Response = inner }
}

// tell makes the device known, or lets one stay so that has been for a while.
func (p *Plugin) tell(e *core.RequestEvent, header http.Header, record *core.Record) {
	now, lifetime := p.config.Now(), p.config.Lockout.DeviceLifetime
	t, ok := p.known(e, record)
	asked := e.Request.Header.Get(DeviceHeader) != ""
	if ok && !asked && now.Sub(t.since) < lifetime/4 {
		return
	}
	if !ok {
		t = token{account: accountTag(record), device: rand.Text()[:22]}
	}
	t.since = now
	list := []string{t.sign(record)}
	for _, other := range tokens(e) {
		if len(other) <= maxToken && strings.Count(other, ".") == 3 && !strings.HasPrefix(other, t.account+".") {
			list = append(list, other)
		}
	}
	value := strings.Join(head(list), between)
	if asked {
		header.Set(DeviceHeader, value)
		expose(e, header, DeviceHeader)
		return
	}
	cookie := http.Cookie{ //nolint:gosec // Secure wherever the client uses TLS
		Name: DeviceCookie, Value: value, Path: cookiePath, MaxAge: int(lifetime.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
		// who lies about this has a cookie less
		Secure: e.IsTLS() || e.Request.Header.Get("X-Forwarded-Proto") == "https",
	}
	header.Add("Set-Cookie", cookie.String())
}

// announcer adds to the header of an answer with one status.
type announcer struct {
	http.ResponseWriter
	status  int
	tell    func()
	written bool
}

func (w *announcer) WriteHeader(status int) {
	if !w.written && status == w.status {
		w.tell()
	}
	w.written = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *announcer) Write(b []byte) (int, error) {
	if !w.written {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController and PocketBase.
func (w *announcer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
