package webhooks

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// credentials are what an endpoint has that nobody is shown. They are stored in a
// table of their own, sealed, so that no answer, event, log or backup of the
// records can hold them.
type credentials struct {
	Secret        string `db:"secret"`
	Previous      string `db:"previous"` // signs too until PreviousUntil
	PreviousUntil int64  `db:"previousUntil"`
	Headers       string `db:"headers"` // a JSON object of texts
}

// credentialsOf returns those of an endpoint, as they are stored, and none for an
// endpoint that has none.
func credentialsOf(app core.App, endpoint string) (credentials, error) {
	var c credentials
	err := app.DB().NewQuery(`SELECT secret, previous, previousUntil, headers FROM _webhooksSecrets WHERE endpoint = {:endpoint}`).
		Bind(dbx.Params{"endpoint": endpoint}).One(&c)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("webhooks: read the credentials of an endpoint: %w", err)
	}
	return c, nil
}

// saveCredentials stores those of an endpoint, sealed.
func (p *Plugin) saveCredentials(tx core.App, endpoint string, c credentials) error {
	for _, value := range []*string{&c.Secret, &c.Previous, &c.Headers} {
		var err error
		if *value, err = p.seal(*value); err != nil {
			return err
		}
	}
	_, err := tx.DB().NewQuery(`INSERT INTO _webhooksSecrets (endpoint, secret, previous, previousUntil, headers)
		VALUES ({:endpoint}, {:secret}, {:previous}, {:until}, {:headers}) ON CONFLICT (endpoint) DO UPDATE SET
		secret = excluded.secret, previous = excluded.previous, previousUntil = excluded.previousUntil, headers = excluded.headers`).
		Bind(dbx.Params{
			"endpoint": endpoint, "secret": c.Secret, "previous": c.Previous, "until": c.PreviousUntil, "headers": c.Headers,
		}).Execute()
	if err != nil {
		return fmt.Errorf("webhooks: save the credentials of an endpoint: %w", err)
	}
	return nil
}

// rotate puts another secret in the place of the current one, which goes on to
// sign for the overlap, unless nobody can read it any more.
func (p *Plugin) rotate(c *credentials, secret string) {
	c.Previous, c.PreviousUntil = "", 0
	if _, err := p.open(c.Secret); err == nil && c.Secret != "" {
		c.Previous, c.PreviousUntil = c.Secret, p.config.Clock.Now().Add(p.config.Overlap).UnixMilli()
	}
	c.Secret = secret
}

// signing returns the secrets that sign now, the current one first.
func (p *Plugin) signing(c credentials, now time.Time) ([]string, error) {
	values := []string{c.Secret}
	if c.PreviousUntil > now.UnixMilli() {
		values = append(values, c.Previous)
	}
	var secrets []string
	for _, value := range values {
		plain, err := p.open(value)
		if err != nil {
			return nil, err
		}
		if plain != "" {
			secrets = append(secrets, plain)
		}
	}
	if len(secrets) == 0 {
		return nil, errors.New("webhooks: the endpoint has no secret")
	}
	return secrets, nil
}

// headers returns the further headers of an endpoint.
func (p *Plugin) headers(c credentials) (map[string]string, error) {
	raw, err := p.open(c.Headers)
	if err != nil {
		return nil, err
	}
	return parseHeaders(raw)
}

func parseHeaders(raw string) (map[string]string, error) {
	headers := map[string]string{}
	if isBlank(raw) {
		return headers, nil
	}
	if err := json.Unmarshal([]byte(raw), &headers); err != nil {
		return nil, errors.New("the headers must be an object of texts")
	}
	return headers, nil
}

// sealAll encrypts what was stored before there was a key.
func (p *Plugin) sealAll(app core.App) error {
	if p.config.EncryptionKey == "" {
		return nil
	}
	return app.RunInTransaction(func(tx core.App) error {
		open := []string{}
		err := tx.DB().NewQuery(`SELECT endpoint FROM _webhooksSecrets WHERE secret NOT LIKE 'enc:%'
			OR previous NOT IN ('') AND previous NOT LIKE 'enc:%' OR headers NOT IN ('') AND headers NOT LIKE 'enc:%'`).Column(&open)
		if err != nil {
			return fmt.Errorf("webhooks: look for open secrets: %w", err)
		}
		for _, id := range open {
			c, err := credentialsOf(tx, id)
			if err != nil {
				return err
			}
			if err := p.saveCredentials(tx, id, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// sealed is how values begin that are encrypted.
const sealed = "enc:"

// seal encrypts a value if there is a key. An empty value stays empty.
func (p *Plugin) seal(plain string) (string, error) {
	if p.config.EncryptionKey == "" || plain == "" || strings.HasPrefix(plain, sealed) {
		return plain, nil
	}
	text, err := security.Encrypt([]byte(plain), p.config.EncryptionKey)
	if err != nil {
		return "", fmt.Errorf("webhooks: encrypt a secret: %w", err)
	}
	return sealed + text, nil
}

// open is the opposite of seal.
func (p *Plugin) open(value string) (string, error) {
	text, ok := strings.CutPrefix(value, sealed)
	if !ok {
		return value, nil
	}
	if p.config.EncryptionKey == "" {
		return "", errors.New("webhooks: a secret is encrypted and there is no EncryptionKey")
	}
	plain, err := security.Decrypt(text, p.config.EncryptionKey)
	if err != nil {
		return "", errors.New("webhooks: a secret was encrypted with another EncryptionKey")
	}
	return string(plain), nil
}
