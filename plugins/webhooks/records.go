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
	app := p.app
	app.OnRecordCreate(Collection).Bind(record("Defaults", func(e *core.RecordEvent) error {
		if endpoint := endpointOf(e.Record); endpoint.version() == "" {
			endpoint.Set(fieldVersion, newestVersion)
		}
		return p.saveEndpoint(e)
	}))
	app.OnRecordUpdate(Collection).Bind(record("Defaults", func(e *core.RecordEvent) error {
		if e.Record.GetBool(fieldEnabled) && !e.Record.Original().GetBool(fieldEnabled) {
			e.Record.Set(fieldDisabledReason, "")
		}
		return p.saveEndpoint(e)
	}))
	app.OnRecordValidate(Collection).Bind(record("Validate", func(e *core.RecordEvent) error {
		if err := p.validate(e.App, endpointOf(e.Record)); err != nil {
			return err
		}
		return e.Next()
	}))
	app.OnRecordCreateExecute(Collection).Bind(record("Hide", p.hideCredentials))
	app.OnRecordUpdateExecute(Collection).Bind(record("Hide", p.hideCredentials))

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
		if err := e.App.RunInTransaction(p.followLog); err != nil {
			e.App.Logger().Error("The change log is still followed for webhooks.", slog.Any("error", err))
		}
		p.reconsider(e.Record.Id)
		return e.Next()
	}))
	app.OnCollectionAfterCreateSuccess().Bind(&hook.Handler[*core.CollectionEvent]{
		Id: "holdallWebhooksKeep",
		Func: func(e *core.CollectionEvent) error {
			p.keepHistoryOrLog(e.Context)
			return e.Next()
		},
	})
}

// saveEndpoint makes the save of an endpoint one transaction with all that goes
// with it.
func (p *Plugin) saveEndpoint(e *core.RecordEvent) error {
	enabled := e.Record.GetBool(fieldEnabled) && !e.Record.Original().GetBool(fieldEnabled)
	outer := e.App
	defer func() { e.App = outer }()
	return outer.RunInTransaction(func(tx core.App) error {
		e.App = tx
		if err := e.Next(); err != nil {
			return err
		}
		if enabled {
			if err := startAnew(tx, e.Record.Id, p.config.Clock.Now()); err != nil {
				return err
			}
		}
		return p.followLog(tx)
	})
}

// hideCredentials moves the credentials from the record, after validation, to
// where nobody is shown them. What a form leaves blank stays as it is, and a new
// secret is a rotation.
func (p *Plugin) hideCredentials(e *core.RecordEvent) error {
	secret, headers := e.Record.GetString(fieldSecret), e.Record.GetString(fieldHeaders)
	c, err := credentialsOf(e.App, e.Record.Id)
	if err != nil {
		return err
	}
	if secret == "" && c.Secret == "" {
		secret = NewSecret()
	}
	if current, err := p.open(c.Secret); secret != "" && (secret != current || err != nil) {
		p.rotate(&c, secret)
	}
	if !isBlank(headers) {
		c.Headers = headers
	}
	if err := p.saveCredentials(e.App, e.Record.Id, c); err != nil {
		return err
	}
	e.Record.Set(fieldSecret, "")
	e.Record.Set(fieldHeaders, nil)
	if err := e.Next(); err != nil {
		e.Record.Set(fieldSecret, secret) // the transaction is rolled back, and the save may be tried again
		e.Record.Set(fieldHeaders, headers)
		return err
	}
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
	refuse(fieldSecret, "secret", checkSecret(e.GetString(fieldSecret)))
	headers, err := parseHeaders(e.GetString(fieldHeaders))
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

func checkSecret(value string) error {
	if value == "" {
		return nil
	}
	key, err := decodeSecret(value)
	if err == nil && (len(key) < minKey || len(key) > maxKey || !strings.HasPrefix(value, secretPrefix)) {
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
