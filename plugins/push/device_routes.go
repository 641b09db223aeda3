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
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/holdall-go/holdall/internal/safehttp"
	"github.com/holdall-go/holdall/plugins/push/provider"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// What an app can say of its device, in characters.
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

// bindDeviceRoutes adds the routes of users and their devices.
func (p *Plugin) bindDeviceRoutes(r *router.Router[*core.RequestEvent]) {
	r.GET("/api/push/vapid-key", p.getVAPIDKey)
	r.POST("/api/push/receipts", p.postReceipt).Bind(apis.BodyLimit(4 << 10))
	own := r.Group("/api/push/devices").Bind(apis.RequireAuth(), apis.BodyLimit(32<<10))
	own.GET("", p.getDevices)
	own.POST("", p.postDevice)
	own.POST("/forget", p.postForget)
	own.DELETE("/{id}", p.deleteDevice)
	own.PUT("/{id}/badge", p.putBadge)
	own.PUT("/{id}/topics/{topic}", p.putTopic)
	own.DELETE("/{id}/topics/{topic}", p.deleteTopic)
}

// fail answers an error: a miss with 404, all else without telling more.
func fail(e *core.RequestEvent, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return e.NotFoundError("", nil)
	}
	e.App.Logger().Error("A request about push failed.", slog.String("path", e.Request.URL.Path), slog.Any("error", err))
	return e.InternalServerError("", err)
}

func (p *Plugin) getVAPIDKey(e *core.RequestEvent) error {
	p.mu.Lock()
	key := p.vapidKey
	p.mu.Unlock()
	if key == "" {
		return e.NotFoundError("The server does not use Web Push.", nil)
	}
	return e.JSON(http.StatusOK, map[string]any{"publicKey": key})
}

func (p *Plugin) getDevices(e *core.RequestEvent) error {
	records, err := devicesOf(e.App, e.Auth)
	if err != nil {
		return fail(e, err)
	}
	items := make([]Device, len(records))
	for i, r := range records {
		items[i] = deviceOf(r).public()
	}
	return e.JSON(http.StatusOK, map[string]any{"items": items})
}

// deviceBody is the body of a registration.
type deviceBody struct {
	Provider string `json:"provider"`
	Token    string `json:"token"`
	// Subscription is PushSubscription.toJSON() of a browser, in place of the two.
	Subscription *struct {
		Endpoint       string   `json:"endpoint"`
		ExpirationTime *float64 `json:"expirationTime"`
		Keys           struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	} `json:"subscription"`
	App      string    `json:"app"`
	Sandbox  bool      `json:"sandbox"`
	Platform string    `json:"platform"`
	Locale   string    `json:"locale"`
	Timezone string    `json:"timezone"`
	Topics   *[]string `json:"topics"`
	Badge    *int      `json:"badge"`
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

func (p *Plugin) postDevice(e *core.RequestEvent) error {
	var body deviceBody
	if err := readBody(e, &body); err != nil {
		return err
	}
	r := body.registration()
	problems := p.check(r)
	if body.Subscription != nil && (body.Provider != "" && body.Provider != ProviderWebPush || body.Token != "") {
		problems["subscription"] = validation.NewError("validation_push_subscription", "A subscription takes the place of provider and token.")
	}
	if len(problems) > 0 {
		return e.BadRequestError(messageInvalidBody, problems)
	}
	if r.Topics != nil {
		for _, topic := range *r.Topics {
			if allowed, err := p.mayJoin(e, topic); err != nil || !allowed {
				return refuseTopic(e, err)
			}
		}
	}
	d, err := p.register(e.App, e.Auth, r)
	if err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, d.public())
}

// check reports everything that is wrong with a registration, by field.
func (p *Plugin) check(r registration) validation.Errors {
	problems := validation.Errors{}
	refuse := func(bad bool, field, code, message string) {
		if bad {
			problems[field] = validation.NewError("validation_push_"+code, message)
		}
	}
	refuse(!p.sends(r.Provider), "provider", "provider", "The server does not send by this provider.")
	refuse(r.Token == "" || len(r.Token) > maxToken || hasControl(r.Token), "token", "token", "This is not a token.")
	switch r.Provider {
	case ProviderWebPush:
		bad := !strings.HasPrefix(r.Token, "https://") || len(r.Token) > maxToken || hasControl(r.Token) || len(serviceOf(r.Provider, r.Token)) > maxService || safehttp.CheckURL(r.Token, p.config.Allow) != nil
		bad = bad || webpush.CheckTarget(provider.Target{Token: r.Token, P256dh: r.P256dh, Auth: r.Auth}) != nil
		refuse(bad, "subscription", "subscription", "This is not what PushSubscription.toJSON() gives: an https endpoint on the public internet and two keys.")
		delete(problems, "token")
	case ProviderAPNs:
		_, err := hex.DecodeString(r.Token)
		refuse(err != nil, "token", "token", "A device token of APNs is hexadecimal.")
	}
	for field, value := range map[string]string{"app": r.App, "platform": r.Platform} {
		refuse(utf8.RuneCountInString(value) > maxLabel || hasControl(value), field, "text", "Must be at most 100 characters of text.")
	}
	refuse(r.Locale != "" && (len(r.Locale) > maxLocale || !localeName.MatchString(r.Locale)), "locale", "locale", "Must be a language such as de or de-AT.")
	refuse(r.Timezone != "" && (len(r.Timezone) > maxLabel || !validZone(r.Timezone)), "timezone", "timezone", "Must be a time zone such as Europe/Vienna.")
	refuse(r.Badge != nil && (*r.Badge < 0 || *r.Badge > maxBadge), "badge", "badge", "Must be in 0..99999.")
	if r.Topics != nil {
		refuse(len(*r.Topics) > maxTopics || slices.ContainsFunc(*r.Topics, func(t string) bool { return !topicName.MatchString(t) }),
			"topics", "topics", "Must be at most 100 names of letters, digits and _.:/-")
	}
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

// postForget removes a device by its token, for who signs out. It does nothing to
// the device of somebody else, who may have registered it since.
func (p *Plugin) postForget(e *core.RequestEvent) error {
	body := struct {
		Provider string `json:"provider"`
		Token    string `json:"token"`
		Endpoint string `json:"endpoint"`
	}{}
	if err := readBody(e, &body); err != nil {
		return err
	}
	if body.Endpoint != "" {
		body.Provider, body.Token = ProviderWebPush, body.Endpoint
	}
	if body.Provider == ProviderAPNs {
		body.Token = strings.ToLower(body.Token)
	}
	return p.forget(e, dbx.HashExp{fieldTokenHash: tokenHash(body.Provider, body.Token)})
}

// deleteDevice answers the same whether there was such a device or not, so that a
// repeated request succeeds, and tells nobody about the devices of others.
func (p *Plugin) deleteDevice(e *core.RequestEvent) error {
	return p.forget(e, dbx.HashExp{core.FieldNameId: e.Request.PathValue("id")})
}

func (p *Plugin) forget(e *core.RequestEvent, which dbx.HashExp) error {
	err := e.App.RunInTransaction(func(tx core.App) error {
		ids := []string{}
		which[fieldUserCollection], which[fieldUser] = e.Auth.Collection().Id, e.Auth.Id
		if err := tx.DB().Select(core.FieldNameId).From(Collection).Where(which).Column(&ids); err != nil {
			return err
		}
		return removeDevices(tx, p.now(), "the user signed out", ids...)
	})
	if err != nil {
		return fail(e, err)
	}
	return e.NoContent(http.StatusNoContent)
}

func (p *Plugin) putBadge(e *core.RequestEvent) error {
	body := struct {
		Badge *int `json:"badge"`
	}{}
	if err := readBody(e, &body); err != nil {
		return err
	}
	if body.Badge == nil || *body.Badge < 0 || *body.Badge > maxBadge {
		return e.BadRequestError(messageInvalidBody, validation.Errors{"badge": validation.NewError("validation_push_badge", "Must be in 0..99999.")})
	}
	d, err := ownDevice(e.App, e.Auth, e.Request.PathValue("id"))
	if err != nil {
		return fail(e, err)
	}
	d.Set(fieldBadge, *body.Badge)
	if err := e.App.Save(d.Record); err != nil {
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, d.public())
}

func (p *Plugin) putTopic(e *core.RequestEvent) error {
	topic := e.Request.PathValue("topic")
	if !topicName.MatchString(topic) {
		return e.BadRequestError("The name of a topic has up to 100 letters, digits and _.:/-", nil)
	}
	// whose the device is comes first, so that a stranger learns nothing of topics
	if _, err := ownDevice(e.App, e.Auth, e.Request.PathValue("id")); err != nil {
		return fail(e, err)
	}
	if allowed, err := p.mayJoin(e, topic); err != nil || !allowed {
		return refuseTopic(e, err)
	}
	return p.answerTopics(e, topic, true)
}

func (p *Plugin) deleteTopic(e *core.RequestEvent) error {
	return p.answerTopics(e, e.Request.PathValue("topic"), false)
}

func (p *Plugin) answerTopics(e *core.RequestEvent, topic string, on bool) error {
	d, err := subscribe(e.App, e.Auth, e.Request.PathValue("id"), topic, on)
	switch {
	case errors.Is(err, errTooManyTopics):
		return e.BadRequestError("A device can have at most 100 topics.", nil)
	case err != nil:
		return fail(e, err)
	}
	return e.JSON(http.StatusOK, d.public())
}
