package limits

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
)

const (
	// outermost lets attempts be counted before other handlers look at them.
	outermost = -9999
	// bodyPriority is after whoever rewrites bodies.
	bodyPriority = 850
)

// The keys of what is noted on a request.
const (
	notedOutcome = "holdallLimitsOutcome"
	notedEmail   = "holdallLimitsEmail"
)

// The routes whose bodies say whom they are about.
const (
	authWithOTP   = "POST /api/collections/{collection}/auth-with-otp"
	requestOTP    = "POST /api/collections/{collection}/request-otp"
	requestReset  = "POST /api/collections/{collection}/request-password-reset"
	unknownCaller = "unknown"
)

// bindAttempts counts passwords in their hook, which runs before the hash is
// compared, and the others, whose hooks come too late, around their routes.
func (p *Plugin) bindAttempts(app core.App) {
	app.OnRecordAuthWithPasswordRequest().Bind(&hook.Handler[*core.RecordAuthWithPasswordRequestEvent]{
		Id: "holdallLimitsPassword", Func: p.countPassword, Priority: outermost,
	})
	app.OnRecordRequestOTPRequest().Bind(&hook.Handler[*core.RecordCreateOTPRequestEvent]{
		Id: "holdallLimitsPromise", Func: p.promiseOTP, Priority: -outermost,
	})
	app.OnRecordAuthRequest().Bind(&hook.Handler[*core.RecordAuthRequestEvent]{
		Id: "holdallLimitsSignedIn", Func: p.signedIn, Priority: outermost,
	})
	app.OnRecordConfirmPasswordResetRequest().Bind(&hook.Handler[*core.RecordConfirmPasswordResetRequestEvent]{
		Id: "holdallLimitsReset", Func: p.passwordReset, Priority: outermost,
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "holdallLimitsRouter",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{Id: "holdallLimitsAttempts", Func: p.countRoute, Priority: bodyPriority})
			return e.Next()
		},
	})
}

func (p *Plugin) countRoute(e *core.RequestEvent) error {
	switch e.Request.Pattern {
	case authWithOTP:
		return p.countOTP(e)
	case requestOTP, requestReset:
		return p.countMail(e)
	default:
		return e.Next()
	}
}

// countPassword counts a password before it is compared.
func (p *Plugin) countPassword(e *core.RecordAuthWithPasswordRequestEvent) error {
	lanes := p.signInLanes(e.RequestEvent, e.Collection, e.Identity, e.Record)
	return p.attempt(e.RequestEvent, lanes, e.Next)
}

// countOTP counts a one-time password before it is compared.
func (p *Plugin) countOTP(e *core.RequestEvent) error {
	var form struct { // named as PocketBase's, so that they are read alike
		OTPId    string `form:"otpId" json:"otpId"`
		Password string `form:"password" json:"password"`
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil || !collection.IsAuth() || e.BindBody(&form) != nil || form.OTPId == "" || form.Password == "" {
		return e.Next() // which refuses it
	}
	identity, record := p.ownerOfOTP(e.App, collection, form.OTPId)
	return p.attempt(e, p.signInLanes(e, collection, identity, record), e.Next)
}

// ownerOfOTP returns who the one-time password was sent to, or for whom it was
// asked when there is nobody: both are counted alike.
func (p *Plugin) ownerOfOTP(app core.App, collection *core.Collection, id string) (identity string, record *core.Record) {
	otp, err := app.FindOTPById(id)
	if err != nil || otp.CollectionRef() != collection.Id {
		if email := p.guard.store.promised(id); email != "" {
			return email, nil
		}
		return id, nil
	}
	record, err = app.FindRecordById(collection, otp.RecordRef())
	if err != nil {
		return id, nil
	}
	if email := record.Email(); email != "" {
		return email, record
	}
	return record.Id, record
}

// countMail counts each mail that is asked for.
func (p *Plugin) countMail(e *core.RequestEvent) error {
	var form struct {
		Email string `form:"email" json:"email"`
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil || !collection.IsAuth() || e.BindBody(&form) != nil || !strings.Contains(form.Email, "@") {
		return e.Next()
	}
	e.Set(notedEmail, form.Email)
	var record *core.Record
	if p.hasDevice(e) { // there is nothing to find out for others
		record, _ = e.App.FindAuthRecordByEmail(collection, form.Email)
	}
	delay := p.config.Lockout.Mail
	var lanes []lane
	if device := p.knownDevice(e, record); device != "" {
		lanes = append(lanes, newLane(kindMailAccount, collection.Id+"\x00"+record.Id+"\x00"+device, form.Email, delay, false))
	} else {
		lanes = append(lanes, newLane(kindMailAccount, collection.Id+"\x00"+fold(form.Email), form.Email, delay, false))
		if address, counted := p.address(e); counted {
			lanes = append(lanes, newLane(kindMailAddress, address, address, delay, false))
		}
	}
	if err := p.begin(e, lanes); err != nil {
		return err
	}
	defer func() { p.guard.end(lanes, failed) }() // each is counted
	return e.Next()
}

// promiseOTP answers for nobody as PocketBase does, but with an id that is
// remembered: guesses at it are then counted like those at anybody's.
func (p *Plugin) promiseOTP(e *core.RecordCreateOTPRequestEvent) error {
	email, _ := e.Get(notedEmail).(string)
	if e.Record != nil || email == "" || e.Written() {
		return e.Next()
	}
	id := core.GenerateDefaultRandomId()
	p.guard.store.promise(id, email, p.config.Now())
	if err := e.JSON(http.StatusOK, map[string]string{"otpId": id}); err != nil {
		return err
	}
	return errors.New("limits: there is nobody to send a one-time password to")
}

// signInLanes are the budgets that a guess is taken from: a known device has one
// of its own, and everybody else that of the account and that of the address.
func (p *Plugin) signInLanes(e *core.RequestEvent, collection *core.Collection, identity string, record *core.Record) []lane {
	l := p.config.Lockout
	if device := p.knownDevice(e, record); device != "" {
		return []lane{newLane(kindDevice, collection.Id+"\x00"+record.Id+"\x00"+device, identity, l.Device, true)}
	}
	lanes := []lane{newLane(kindAccount, accountKey(collection.Id, identity), identity, l.Account, true)}
	if address, counted := p.address(e); counted {
		lanes = append(lanes, newLane(kindAddress, address, address, l.Address, false))
	}
	return lanes
}

func accountKey(collection, identity string) string { return collection + "\x00" + fold(identity) }

// fold makes one of what some database may take for the same.
func fold(identity string) string { return strings.ToLower(strings.TrimSpace(identity)) }

func newLane(kind, key, label string, delay Delay, own bool) lane {
	return lane{key: laneKey(kind, key), kind: kind, label: readable(label), delay: delay, own: own}
}

func laneKey(kind, key string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + key))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// readable is what people are shown. What is neither an address nor of mail may
// be a password in the wrong place.
func readable(label string) string {
	const longest, shown = 100, 2
	runes := []rune(fold(label))
	if strings.ContainsAny(label, "@/") || len(runes) <= shown {
		return string(runes[:min(len(runes), longest)])
	}
	return string(runes[:shown]) + "***"
}

// address returns the network that the request comes from, and whether it is
// counted.
func (p *Plugin) address(e *core.RequestEvent) (network string, counted bool) {
	ip, err := netip.ParseAddr(e.RealIP())
	if err != nil {
		return unknownCaller, true
	}
	ip = ip.Unmap().WithZone("")
	for _, exempt := range p.config.Exempt {
		if exempt.Contains(ip) {
			return networkOf(ip), false
		}
	}
	return networkOf(ip), true
}

// networkOf is what one customer of a provider has: an address of IPv4, a /64 of
// IPv6.
func networkOf(ip netip.Addr) string {
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return unknownCaller
	}
	return prefix.String()
}

// attempt does what compares a password, unless it is refused, and counts it
// unless it succeeds.
func (p *Plugin) attempt(e *core.RequestEvent, lanes []lane, next func() error) error {
	if err := p.begin(e, lanes); err != nil {
		return err
	}
	o := failed // if it panics, too
	defer func() { p.guard.end(lanes, o) }()
	err := next()
	o = outcomeOf(e, err)
	return err
}

func (p *Plugin) begin(e *core.RequestEvent, lanes []lane) error {
	if wait := p.guard.begin(e.Request.Context(), lanes); wait > 0 {
		return tooManyAttempts(e, wait)
	}
	return nil
}

func outcomeOf(e *core.RequestEvent, err error) outcome {
	if noted, ok := e.Get(notedOutcome).(outcome); ok {
		return noted
	}
	var answer *router.ApiError
	if errors.As(err, &answer) && answer.Status >= http.StatusInternalServerError {
		return uncounted
	}
	if err == nil && e.Status() < http.StatusBadRequest {
		return uncounted // somebody else has answered it
	}
	return failed
}

// signedIn runs when the password was right. Only a whole sign-in clears what was
// counted: who knows the first of two factors must not get guesses at the second
// by it.
func (p *Plugin) signedIn(e *core.RecordAuthRequestEvent) error {
	if e.AuthMethod == "" { // a refreshed token, or one for somebody else
		return e.Next()
	}
	e.RequestEvent.Set(notedOutcome, uncounted)
	restore := p.announce(e.RequestEvent, http.StatusOK, e.Record)
	err := e.Next()
	restore()
	switch {
	case err == nil:
		e.RequestEvent.Set(notedOutcome, succeeded)
	case !errors.Is(err, apis.ErrMFA):
		e.RequestEvent.Set(notedOutcome, failed)
	}
	return err
}

// passwordReset makes the device known of whoever has read the mail: strangers
// who guess cannot keep them out.
func (p *Plugin) passwordReset(e *core.RecordConfirmPasswordResetRequestEvent) error {
	restore := p.announce(e.RequestEvent, http.StatusNoContent, e.Record)
	defer restore()
	return e.Next()
}
