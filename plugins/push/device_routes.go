package push

import (
	"database/sql"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/safehttp"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// What an app can say of its device, in characters. The tags of the bodies say the
// same.
const (
	maxToken   = 2000
	maxService = 300
	maxLabel   = 100
	maxLocale  = 35
	maxTopics  = 100
	maxBadge   = 99_999
)

var (
	topicName  = regexp.MustCompile(`^[A-Za-z0-9_.:/-]{1,100}$`)
	localeName = regexp.MustCompile(`^[A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8}){0,4}$`)
)

// Codes of what is wrong with fields, besides those in tags.
const (
	codeProvider     = "validation_push_provider"
	codeToken        = "validation_push_token"
	codeSubscription = "validation_push_subscription"
	codeTimezone     = "validation_push_timezone"
	codeService      = "validation_push_service"
)

// bindDeviceRoutes adds the routes of users and their devices.
func (p *Plugin) bindDeviceRoutes(api *apidoc.Router) {
	apidoc.Route(api, apidoc.Op{
		Method: "GET", Path: "/vapid-key", Summary: "Get the key for Web Push",
		Description: "What `PushManager.subscribe` of a browser takes as `applicationServerKey`. There is none if the server does not use Web Push.",
		Errors:      []int{http.StatusNotFound},
	}, p.getVAPIDKey)
	apidoc.Route(api, apidoc.Op{
		Method: "POST", Path: "/receipts", Summary: "Tell that a notification was shown or opened",
		Description: "For everybody who was sent one: its id is proof enough, as a service worker has no token of its user.",
		MaxBody:     4 << 10, AnyContentType: true, Errors: []int{http.StatusBadRequest},
	}, p.postReceipt)

	own := api.Group("/devices")
	op := func(method, path, summary, description string, errors ...int) apidoc.Op {
		return apidoc.Op{
			Method: method, Path: path, Summary: summary, Description: description,
			Access: apidoc.SignedIn, Errors: errors, MaxBody: 32 << 10, AnyContentType: true,
		}
	}
	const missing, forbidden = http.StatusNotFound, http.StatusForbidden
	register := op("POST", "", "Register a device",
		"At every start of the app, and when its token changes. A token belongs to who registered it last. Of too many devices of a user, those that were not seen for longest go.", forbidden)
	register.Problems = []apidoc.Problem{
		{Status: 400, Field: "provider", Code: codeProvider, When: "the server does not send by it"},
		{Status: 400, Field: "token", Code: codeToken, When: "it is not a token"},
		{Status: 400, Field: "subscription", Code: codeSubscription, When: "it is not what PushSubscription.toJSON() gives, or there are a provider and a token beside it"},
		{Status: 400, Field: "timezone", Code: codeTimezone, When: "it is not a time zone"},
	}
	apidoc.Route(own, op("GET", "", "List one's own devices", "Without their tokens, the one seen last first."), p.getDevices)
	apidoc.Route(own, register, p.postDevice)
	apidoc.Route(own, op("POST", "/forget", "Forget a device by its token", "Before signing out. It is done also if there is none such, or it is somebody else's and stays."), p.postForget)
	apidoc.Route(own, op("DELETE", "/{id}", "Forget a device", "It is done also if there is none such, or it is somebody else's and stays."), p.deleteDevice)
	apidoc.Route(own, op("PUT", "/{id}/badge", "Say which number the app's icon has", "When the app was opened.", missing), p.putBadge)
	apidoc.Route(own, op("PUT", "/{id}/topics/{topic}", "Subscribe a device to a topic", "It can have 100.", http.StatusBadRequest, forbidden, missing), p.putTopic)
	apidoc.Route(own, op("DELETE", "/{id}/topics/{topic}", "Unsubscribe a device from a topic", "", missing), p.deleteTopic)
}

// fail answers an error: a miss with 404, all else without telling more.
func fail(e *core.RequestEvent, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return e.NotFoundError("", nil)
	}
	e.App.Logger().Error("A request about push failed.", slog.String("path", e.Request.URL.Path), slog.Any("error", err))
	return e.InternalServerError("", err)
}

type vapidKey struct {
	PublicKey string `json:"publicKey" doc:"In base64url."`
}

func (p *Plugin) getVAPIDKey(e *core.RequestEvent, _ *apidoc.None) (*vapidKey, error) {
	p.mu.Lock()
	key := p.vapidKey
	p.mu.Unlock()
	if key == "" {
		return nil, e.NotFoundError("The server does not use Web Push.", nil)
	}
	return &vapidKey{key}, nil
}

type newReceipt struct {
	Body receiptBody
}

type receiptBody struct {
	Receipt string `json:"receipt" doc:"The id of the notification."`
	Event   string `json:"event" enum:"shown,opened"`
}

// postReceipt takes what a device tells of a notification. The receipt is proof
// enough of where it comes from: a service worker has no token of its user.
func (p *Plugin) postReceipt(e *core.RequestEvent, in *newReceipt) (*apidoc.None, error) {
	secret, err := p.receiptKey(e.App)
	if err != nil {
		return nil, fail(e, err)
	}
	id, err := deliveryOf(secret, in.Body.Receipt)
	if err == nil {
		err = saveReceipt(e.App, id, in.Body.Event, p.now())
	}
	if errors.Is(err, errReceipt) {
		return nil, e.BadRequestError("The receipt is not one of ours.", nil)
	}
	return done(e, err)
}

type deviceList struct {
	Items []Device `json:"items"`
}

func (p *Plugin) getDevices(e *core.RequestEvent, _ *apidoc.None) (*deviceList, error) {
	records, err := devicesOf(e.App, e.Auth)
	if err != nil {
		return nil, fail(e, err)
	}
	items := make([]Device, len(records))
	for i, r := range records {
		items[i] = deviceOf(r).public()
	}
	return &deviceList{items}, nil
}

type newDevice struct {
	Body deviceBody
}

// deviceBody is the body of a registration.
type deviceBody struct {
	Provider string `json:"provider,omitempty" null:"absent" doc:"One of those that the server sends by: webpush, fcm or apns." example:"fcm"`
	Token    string `json:"token,omitempty" null:"absent" maxLength:"2000" pattern:"^[^\\x00-\\x1f\\x7f]*$" code:"validation_push_token" message:"This is not a token." doc:"What the provider calls the device. Of APNs it is hexadecimal."`
	// Subscription is PushSubscription.toJSON() of a browser, in place of the two.
	Subscription *subscription `json:"subscription" doc:"What PushSubscription.toJSON() of a browser gives, in place of provider and token."`
	App          string        `json:"app,omitempty" null:"absent" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]*$" code:"validation_push_text" message:"Must be at most 100 characters of text." doc:"The app's bundle identifier, for APNs."`
	Sandbox      bool          `json:"sandbox,omitempty" null:"absent" doc:"Whether the token is of the sandbox of APNs."`
	Platform     string        `json:"platform,omitempty" null:"absent" maxLength:"100" pattern:"^[^\\x00-\\x1f\\x7f]*$" code:"validation_push_text" message:"Must be at most 100 characters of text." doc:"For people." example:"Android 16"`
	Locale       string        `json:"locale,omitempty" null:"absent" maxLength:"35" pattern:"^([A-Za-z]{2,8}([_-][A-Za-z0-9]{1,8}){0,4})?$" code:"validation_push_locale" message:"Must be a language such as de or de-AT." doc:"The language of notifications." example:"de-AT"`
	Timezone     string        `json:"timezone,omitempty" null:"absent" maxLength:"100" code:"validation_push_timezone" message:"Must be a time zone such as Europe/Vienna." doc:"For quiet hours." example:"Europe/Vienna"`
	Topics       *[]string     `json:"topics" maxItems:"100" pattern:"^[A-Za-z0-9_.:/-]{1,100}$" code:"validation_push_topics" message:"Must be at most 100 names of letters, digits and _.:/-" doc:"What it is subscribed to. Left out, or null, it keeps what it had."`
	Badge        *int          `json:"badge" minimum:"0" maximum:"99999" code:"validation_push_badge" message:"Must be in 0..99999." doc:"The number at the app's icon. Left out, or null, it keeps what it had."`
}

type subscription struct {
	Endpoint       string           `json:"endpoint" doc:"An https URL on the public internet."`
	ExpirationTime *float64         `json:"expirationTime" doc:"It is not looked at."`
	Keys           subscriptionKeys `json:"keys"`
}

type subscriptionKeys struct {
	P256dh string `json:"p256dh" doc:"In base64url."`
	Auth   string `json:"auth" doc:"In base64url."`
}

func (b deviceBody) registration() registration {
	r := registration{
		Provider: b.Provider, Token: b.Token, App: b.App, Sandbox: b.Sandbox, Platform: b.Platform,
		Locale: b.Locale, Timezone: b.Timezone, Badge: b.Badge,
	}
	if b.Subscription != nil {
		r.Provider, r.Token = ProviderWebPush, b.Subscription.Endpoint
		r.P256dh, r.Auth = unpadded(b.Subscription.Keys.P256dh), unpadded(b.Subscription.Keys.Auth)
	}
	if r.Provider == ProviderAPNs {
		r.Token = strings.ToLower(r.Token) // hexadecimal, and one token must be one device
	}
	if b.Topics != nil {
		topics := slices.Clone(*b.Topics)
		slices.Sort(topics)
		topics = slices.Compact(topics)
		r.Topics = &topics
	}
	return r
}

// unpadded is base64url as browsers write it.
func unpadded(key string) string { return strings.TrimRight(key, "=") }

func (p *Plugin) postDevice(e *core.RequestEvent, in *newDevice) (*Device, error) {
	r := in.Body.registration()
	problems := p.check(r)
	if in.Body.Subscription != nil && (in.Body.Provider != "" && in.Body.Provider != ProviderWebPush || in.Body.Token != "") {
		problems["subscription"] = validation.NewError(codeSubscription, "A subscription takes the place of provider and token.")
	}
	if len(problems) > 0 {
		return nil, e.BadRequestError(messageInvalidBody, problems)
	}
	if r.Topics != nil {
		for _, topic := range *r.Topics {
			if allowed, err := p.mayJoin(e, topic); err != nil || !allowed {
				return nil, refuseTopic(e, err)
			}
		}
	}
	d, err := p.register(e.App, e.Auth, r)
	return shown(e, d, err)
}

// shown answers with a device, or says what is wrong.
func shown(e *core.RequestEvent, d *device, err error) (*Device, error) {
	if err != nil {
		return nil, fail(e, err)
	}
	public := d.public()
	return &public, nil
}

// check reports what is wrong with a registration that the tags of its body do not
// tell, by field.
func (p *Plugin) check(r registration) validation.Errors {
	problems := validation.Errors{}
	refuse := func(bad bool, field, code, message string) {
		if bad {
			problems[field] = validation.NewError(code, message)
		}
	}
	refuse(!p.sends(r.Provider), "provider", codeProvider, "The server does not send by this provider.")
	refuse(r.Token == "", "token", codeToken, "This is not a token.")
	switch r.Provider {
	case ProviderWebPush:
		bad := !strings.HasPrefix(r.Token, "https://") || len(r.Token) > maxToken || hasControl(r.Token) || len(serviceOf(r.Provider, r.Token)) > maxService || safehttp.CheckURL(r.Token, p.config.Allow) != nil
		bad = bad || webpush.CheckTarget(provider.Target{Token: r.Token, P256dh: r.P256dh, Auth: r.Auth}) != nil
		refuse(bad, "subscription", codeSubscription, "This is not what PushSubscription.toJSON() gives: an https endpoint on the public internet and two keys.")
		delete(problems, "token")
	case ProviderAPNs:
		_, err := hex.DecodeString(r.Token)
		refuse(err != nil, "token", codeToken, "A device token of APNs is hexadecimal.")
	}
	refuse(r.Timezone != "" && !validZone(r.Timezone), "timezone", codeTimezone, "Must be a time zone such as Europe/Vienna.")
	return problems
}

// validZone tells whether this is a time zone by name: the server's own is none.
func validZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "" && name != "Local"
}

func hasControl(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// mayJoin tells whether the caller may subscribe to a topic.
func (p *Plugin) mayJoin(e *core.RequestEvent, topic string) (bool, error) {
	if p.config.Topics == nil {
		return true, nil
	}
	return p.config.Topics(e.App, e.Auth, topic)
}

// refuseTopic answers who may not subscribe.
func refuseTopic(e *core.RequestEvent, err error) error {
	if err != nil {
		return fail(e, err)
	}
	return e.ForbiddenError("You may not subscribe to this topic.", nil)
}

type forgetting struct {
	Body forgetBody
}

type forgetBody struct {
	Provider string `json:"provider,omitempty" null:"absent" doc:"As it was registered."`
	Token    string `json:"token,omitempty" null:"absent"`
	Endpoint string `json:"endpoint,omitempty" null:"absent" doc:"Of a browser's subscription, in place of the two."`
}

// postForget removes a device by its token, for who signs out. It does nothing to
// the device of somebody else, who may have registered it since.
func (p *Plugin) postForget(e *core.RequestEvent, in *forgetting) (*apidoc.None, error) {
	name, token := in.Body.Provider, in.Body.Token
	if in.Body.Endpoint != "" {
		name, token = ProviderWebPush, in.Body.Endpoint
	}
	if name == ProviderAPNs {
		token = strings.ToLower(token)
	}
	return p.forget(e, dbx.HashExp{fieldTokenHash: tokenHash(name, token)})
}

// ofDevice is a request about a device.
type ofDevice struct {
	ID string `path:"id"`
}

// deleteDevice answers the same whether there was such a device or not, so that a
// repeated request succeeds, and tells nobody about the devices of others.
func (p *Plugin) deleteDevice(e *core.RequestEvent, in *ofDevice) (*apidoc.None, error) {
	return p.forget(e, dbx.HashExp{core.FieldNameId: in.ID})
}

func (p *Plugin) forget(e *core.RequestEvent, which dbx.HashExp) (*apidoc.None, error) {
	return done(e, e.App.RunInTransaction(func(tx core.App) error {
		ids := []string{}
		which[fieldUserCollection], which[fieldUser] = e.Auth.Collection().Id, e.Auth.Id
		if err := tx.DB().Select(core.FieldNameId).From(Collection).Where(which).Column(&ids); err != nil {
			return err
		}
		return removeDevices(tx, p.now(), "the user signed out", ids...)
	}))
}

type newBadge struct {
	ofDevice
	Body badgeBody
}

type badgeBody struct {
	Badge int `json:"badge" minimum:"0" maximum:"99999" code:"validation_push_badge" message:"Must be in 0..99999."`
}

func (p *Plugin) putBadge(e *core.RequestEvent, in *newBadge) (*Device, error) {
	d, err := ownDevice(e.App, e.Auth, in.ID)
	if err != nil {
		return nil, fail(e, err)
	}
	d.Set(fieldBadge, in.Body.Badge)
	return shown(e, d, e.App.Save(d.Record))
}

type newTopic struct {
	ofDevice
	Topic string `path:"topic" pattern:"^[A-Za-z0-9_.:/-]{1,100}$" code:"validation_push_topic" message:"The name of a topic has up to 100 letters, digits and _.:/-"`
}

func (p *Plugin) putTopic(e *core.RequestEvent, in *newTopic) (*Device, error) {
	// whose the device is comes first, so that a stranger learns nothing of topics
	if _, err := ownDevice(e.App, e.Auth, in.ID); err != nil {
		return nil, fail(e, err)
	}
	if allowed, err := p.mayJoin(e, in.Topic); err != nil || !allowed {
		return nil, refuseTopic(e, err)
	}
	d, err := subscribe(e.App, e.Auth, in.ID, in.Topic, true)
	if errors.Is(err, errTooManyTopics) {
		return nil, e.BadRequestError("A device can have at most 100 topics.", nil)
	}
	return shown(e, d, err)
}

// oldTopic may have any name.
type oldTopic struct {
	ofDevice
	Topic string `path:"topic"`
}

func (p *Plugin) deleteTopic(e *core.RequestEvent, in *oldTopic) (*Device, error) {
	d, err := subscribe(e.App, e.Auth, in.ID, in.Topic, false)
	return shown(e, d, err)
}
