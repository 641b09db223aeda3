package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/holdall-go/holdall/internal/safehttp"
)

// keepFor is how long an endpoint's collections are logged in full once nobody
// renews it, which happens every keepEvery.
const (
	keepFor   = 30 * 24 * time.Hour
	keepEvery = 24 * time.Hour
)

// bindEndpoints keeps what is stored in the records of endpoints in order,
// whoever saves them: the dashboard, the API, Go code.
func (p *Plugin) bindEndpoints() {
	record := func(id string, do func(*core.RecordEvent) error) *hook.Handler[*core.RecordEvent] {
		return &hook.Handler[*core.RecordEvent]{Id: "holdallWebhooks" + id, Func: do}
	}
	before := func(do func(core.App, *endpoint) error) func(*core.RecordEvent) error {
		return func(e *core.RecordEvent) error {
			if err := do(e.App, endpointOf(e.Record)); err != nil {
				return err
			}
			return e.Next()
		}
	}
	app := p.app
	app.OnRecordCreate(Collection).Bind(record("Defaults", before(p.complete)))
	app.OnRecordUpdate(Collection).Bind(record("Defaults", func(e *core.RecordEvent) error {
		enabled := e.Record.GetBool(fieldEnabled) && !e.Record.Original().GetBool(fieldEnabled)
		p.carryOver(endpointOf(e.Record))
		if err := e.Next(); err != nil || !enabled {
			return err
		}
		return startAnew(e.App, e.Record.Id, p.config.Clock.Now())
	}))
	app.OnRecordValidate(Collection).Bind(record("Validate", before(p.validate)))
	app.OnRecordCreateExecute(Collection).Bind(record("Seal", before(p.sealEndpoint)))
	app.OnRecordUpdateExecute(Collection).Bind(record("Seal", before(p.sealEndpoint)))

	saved := record("Saved", func(e *core.RecordEvent) error {
		p.endpointSaved(e.Context, endpointOf(e.Record))
		return e.Next()
	})
	app.OnRecordAfterCreateSuccess(Collection).Bind(saved)
	app.OnRecordAfterUpdateSuccess(Collection).Bind(saved)
	app.OnRecordAfterDeleteSuccess(Collection).Bind(record("Deleted", func(e *core.RecordEvent) error {
		if err := forgetEndpoint(e.App, e.Record.Id); err != nil {
			e.App.Logger().Error("The deliveries of a deleted endpoint are still there.", slog.Any("error", err))
		}
		p.reconsider(e.Record.Id)
		return e.Next()
	}))
	app.OnRecordEnrich(Collection).Bind(&hook.Handler[*core.RecordEnrichEvent]{
		Id: "holdallWebhooksHide",
		Func: func(e *core.RecordEnrichEvent) error {
			err := e.Next()
			// superusers too: whoever needs the secret asks for it by name
			e.Record.Hide(fieldSecret, fieldPreviousSecret, fieldHeaders)
			return err
		},
	})
	app.OnCollectionAfterCreateSuccess().Bind(&hook.Handler[*core.CollectionEvent]{
		Id: "holdallWebhooksKeep",
		Func: func(e *core.CollectionEvent) error {
			p.keepHistoryOrLog(e.Context)
			return e.Next()
		},
	})
}

// complete gives a new endpoint what it was left without.
func (p *Plugin) complete(_ core.App, e *endpoint) error {
	if e.GetString(fieldSecret) == "" {
		e.Set(fieldSecret, NewSecret())
	}
	if e.version() == "" {
		e.Set(fieldVersion, newestVersion)
	}
	return nil
}

// carryOver keeps the secrets that a form without them would clear, and turns a
// new secret into a rotation.
func (p *Plugin) carryOver(e *endpoint) {
	was := endpointOf(e.Original())
	old, secret := was.GetString(fieldSecret), e.GetString(fieldSecret)
	switch {
	case secret == "":
		e.Set(fieldSecret, old)
	case secret != old && e.GetString(fieldPreviousSecret) == was.GetString(fieldPreviousSecret):
		p.rotate(e, old, secret)
	}
	if isBlank(e.GetString(fieldHeaders)) {
		e.Set(fieldHeaders, was.Get(fieldHeaders))
	}
	if e.enabled() && !was.enabled() {
		e.Set(fieldDisabledReason, "")
	}
}

// sealEndpoint encrypts what is secret, after validation and before it is stored.
func (p *Plugin) sealEndpoint(_ core.App, e *endpoint) error {
	for _, field := range []string{fieldSecret, fieldPreviousSecret} {
		value, err := p.seal(e.GetString(field))
		if err != nil {
			return err
		}
		e.Set(field, value)
	}
	raw := e.GetString(fieldHeaders)
	if p.config.EncryptionKey == "" || isBlank(raw) || raw == "{}" || raw[0] == '"' {
		return nil
	}
	value, err := p.seal(raw)
	if err != nil {
		return err
	}
	e.Set(fieldHeaders, value)
	return nil
}

// endpointSaved makes the log keep what the endpoint asks for, from now on.
func (p *Plugin) endpointSaved(ctx context.Context, e *endpoint) {
	if e.enabled() {
		p.keepHistoryOrLog(ctx)
	}
	p.reconsider(e.Id)
}

func (p *Plugin) keepHistoryOrLog(ctx context.Context) {
	if err := p.keepHistory(ctx); err != nil {
		p.app.Logger().Error("Webhooks may miss changes: the full log is not kept.", slog.Any("error", err))
	}
}

// keepHistory makes the log keep the rows of all collections that an endpoint
// asks for.
func (p *Plugin) keepHistory(ctx context.Context) error {
	if p.config.Log == nil {
		return nil
	}
	list, err := endpoints(p.app)
	if err != nil || len(list) == 0 {
		return err
	}
	collections, err := p.app.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		return fmt.Errorf("webhooks: list collections: %w", err)
	}
	var errs []error
	for _, c := range collections {
		if slices.ContainsFunc(list, func(e *endpoint) bool { return e.wantsCollection(c) }) {
			errs = append(errs, p.config.Log.KeepHistory(ctx, c.Id, time.Now().Add(keepFor)))
		}
	}
	return errors.Join(errs...)
}

// validate reports everything that is wrong with an endpoint, by field.
func (p *Plugin) validate(app core.App, e *endpoint) error {
	problems := validation.Errors{}
	refuse := func(field, code string, err error) {
		if err != nil {
			problems[field] = validation.NewError("validation_webhook_"+code, upperFirst(err.Error())+".")
		}
	}
	refuse(fieldURL, "url", p.checkURL(e.url()))
	collections, err := findCollections(app, e)
	refuse(fieldCollections, "collections", err)
	refuse(fieldFields, "fields", checkList(e.GetString(fieldFields)))
	if e.filter() != "" && err == nil {
		refuse(fieldFilter, "filter", checkFilter(app, e.filter(), collections))
	}
	for _, field := range []string{fieldSecret, fieldPreviousSecret} {
		refuse(field, "secret", p.checkSecret(e.GetString(field)))
	}
	headers, err := p.headers(e)
	if err == nil {
		err = checkHeaders(headers)
	}
	refuse(fieldHeaders, "headers", err)
	if len(problems) > 0 {
		return problems
	}
	return nil
}

func (p *Plugin) checkURL(url string) error {
	if url == "" {
		return nil // refused as required
	}
	if !p.config.AllowHTTP && !strings.HasPrefix(strings.ToLower(url), "https://") {
		return errors.New("it must start with https://")
	}
	return safehttp.CheckURL(url, p.config.Allow)
}

func (p *Plugin) checkSecret(value string) error {
	if value == "" {
		return nil
	}
	plain, err := p.open(value)
	if err != nil {
		return err
	}
	key, err := decodeSecret(plain)
	if err == nil && (len(key) < minKey || len(key) > maxKey || !strings.HasPrefix(plain, secretPrefix)) {
		err = fmt.Errorf("it must be %s and base64 of %d to %d bytes", secretPrefix, minKey, maxKey)
	}
	return err
}

func checkList(raw string) error {
	if isBlank(raw) {
		return nil
	}
	var list []string
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		return errors.New(`it must be a list of names, such as ["title"]`)
	}
	return nil
}

// findCollections returns the collections that the endpoint names.
func findCollections(app core.App, e *endpoint) ([]*core.Collection, error) {
	if err := checkList(e.GetString(fieldCollections)); err != nil {
		return nil, err
	}
	var found []*core.Collection
	for _, name := range e.collections() {
		c, err := app.FindCachedCollectionByNameOrId(name)
		if err != nil {
			return nil, fmt.Errorf("there is no collection %q", name)
		}
		if !deliverable(c) {
			return nil, fmt.Errorf("changes of %q cannot be sent", name)
		}
		found = append(found, c)
	}
	return found, nil
}

var (
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")
	headerValue = regexp.MustCompile(`^[\t\x20-\x7e]*$`)
)

const maxHeaderValue = 4000

// ownHeaders are those that the plugin or the connection sets.
var ownHeaders = []string{
	headerID, headerTimestamp, headerSignature, "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding",
	"Connection", "Host", "Upgrade", "Te", "Trailer", "Expect", "Proxy-Authorization", "Proxy-Connection", "Keep-Alive",
}

func checkHeaders(headers map[string]string) error {
	if len(headers) > 20 {
		return errors.New("there may be at most 20 headers")
	}
	for name, value := range headers {
		switch {
		case !headerName.MatchString(name):
			return fmt.Errorf("%q is not the name of a header", name)
		case slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)):
			return fmt.Errorf("the header %s cannot be changed", name)
		case len(value) > maxHeaderValue || !headerValue.MatchString(value):
			return fmt.Errorf("the value of the header %s must be printable ASCII of at most %d characters", name, maxHeaderValue)
		}
	}
	return nil
}

func upperFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
