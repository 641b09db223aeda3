// Package apns sends notifications by the Apple Push Notification service, over
// HTTP/2 and with provider tokens.
//
//	client, err := apns.New(apns.Config{
//		KeyID: "ABC123DEFG", TeamID: "DEF123GHIJ", PrivateKey: string(p8), Topic: "com.example.fieldwork",
//	})
//	id, err := client.Send(ctx, provider.Target{Token: token}, &provider.Notification{Title: "Pump 4"})
//
// The app finds beside aps what else the notification has: id, link, image and
// data, as far as they are not empty. An image is for a notification service
// extension to load.
package apns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

const (
	productionHost = "https://api.push.apple.com"
	sandboxHost    = "https://api.sandbox.push.apple.com"
)

// maxTTL is the longest that APNs keeps a message.
const maxTTL = 30 * 24 * time.Hour

// Config is how to send. KeyID, TeamID, PrivateKey and Topic are needed.
type Config struct {
	// KeyID names the key: the ten characters in the name of its file.
	KeyID string

	// TeamID is the team's that the key was made for, ten characters.
	TeamID string

	// PrivateKey is the content of the .p8 file: a P-256 key in PEM.
	PrivateKey string

	// Topic is the bundle identifier of the app, for devices that name none.
	Topic string

	// Endpoint defaults to https://api.push.apple.com. It is for tests.
	Endpoint string

	// SandboxEndpoint is for devices in Apple's development environment. Defaults to
	// https://api.sandbox.push.apple.com. It is for tests.
	SandboxEndpoint string

	// HTTPClient makes the requests and has to speak HTTP/2. Defaults to one with a
	// pool of its own, that uses no proxy.
	HTTPClient *http.Client

	// Timeout bounds a request with its answer. Defaults to 15 s.
	Timeout time.Duration

	// Clock defaults to that of the machine. It is for tests.
	Clock clock.Clock
}

// identifier is what Apple's identifiers of keys and teams look like.
var identifier = regexp.MustCompile(`^[A-Z0-9]{10}$`)

// topics are bundle identifiers, some with a suffix such as .voip.
var topics = regexp.MustCompile(`^[A-Za-z0-9.-]{1,255}$`)

// Validate returns an error that names each field with a value that cannot be
// used. It does not show what is in PrivateKey.
func (c Config) Validate() error {
	var problems []error
	for name, value := range map[string]string{"KeyID": c.KeyID, "TeamID": c.TeamID} {
		if !identifier.MatchString(value) {
			problems = append(problems, fmt.Errorf("apns: %s must be 10 capital letters and digits, got %q", name, value))
		}
	}
	if _, err := parsePrivateKey(c.PrivateKey); err != nil {
		problems = append(problems, err)
	}
	if !topics.MatchString(c.Topic) {
		problems = append(problems, fmt.Errorf("apns: Topic must be a bundle identifier, got %q", c.Topic))
	}
	for name, value := range map[string]string{"Endpoint": c.Endpoint, "SandboxEndpoint": c.SandboxEndpoint} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			problems = append(problems, fmt.Errorf("apns: %s must be an https: URL, got %q", name, value))
		}
	}
	if c.Timeout < 0 {
		problems = append(problems, fmt.Errorf("apns: Timeout must not be negative, got %v", c.Timeout))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.Endpoint == "" {
		c.Endpoint = productionHost
	}
	if c.SandboxEndpoint == "" {
		c.SandboxEndpoint = sandboxHost
	}
	if c.HTTPClient == nil {
		c.HTTPClient = exchange.NewClient()
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	return c
}

// Client sends notifications by APNs. It is safe for concurrent use.
type Client struct {
	service *exchange.Service
	config  Config
	token   *token
}

var _ provider.Provider = (*Client)(nil)

// New returns a client. It makes no request.
func New(c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	key, err := parsePrivateKey(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	return &Client{
		service: exchange.New(c.HTTPClient, c.Timeout, c.Clock),
		config:  c,
		token:   &token{key: key, keyID: c.KeyID, teamID: c.TeamID, clock: c.Clock},
	}, nil
}

// deviceToken is a device token in hex. Apple does not promise a length.
var deviceToken = regexp.MustCompile(`^([0-9A-Fa-f]{2}){8,100}$`)

// CheckTarget says in words why a device cannot be one. The error does not
// contain the token.
func CheckTarget(to provider.Target) error {
	if !deviceToken.MatchString(to.Token) {
		return errors.New("the device token must be 8 to 100 bytes in hex")
	}
	if to.Topic != "" && !topics.MatchString(to.Topic) {
		return errors.New("the topic is not a bundle identifier")
	}
	return nil
}

// Send hands the notification to APNs. id is the apns-id, a UUID.
func (c *Client) Send(ctx context.Context, to provider.Target, n *provider.Notification) (string, error) {
	if err := CheckTarget(to); err != nil {
		return "", &provider.Error{Kind: provider.Gone, Message: err.Error()}
	}
	body, err := encodePayload(n)
	if err != nil {
		return "", err
	}
	bearer, err := c.token.get()
	if err != nil {
		return "", err
	}
	answer, err := c.post(ctx, to, n, body, bearer)
	if err == nil && reason(answer.Body) == expired {
		renewed, ok, failure := c.token.renew(bearer)
		if failure != nil {
			return "", failure
		}
		if ok {
			bearer = renewed
			answer, err = c.post(ctx, to, n, body, bearer)
		}
	}
	if err != nil {
		return "", err
	}
	if answer.Status == http.StatusOK {
		return answer.Header.Get("Apns-Id"), nil
	}
	return "", refusal(answer)
}

func (c *Client) post(ctx context.Context, to provider.Target, n *provider.Notification, body []byte, bearer string) (*exchange.Answer, error) {
	host := c.config.Endpoint
	if to.Sandbox {
		host = c.config.SandboxEndpoint
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost,
		strings.TrimSuffix(host, "/")+"/3/device/"+strings.ToLower(to.Token), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("apns: the request cannot be made")
	}
	h := request.Header
	h.Set("Authorization", "bearer "+bearer)
	h.Set("Content-Type", "application/json")
	h.Set("Apns-Topic", c.config.Topic)
	if to.Topic != "" {
		h.Set("Apns-Topic", to.Topic)
	}
	h.Set("Apns-Push-Type", "alert")
	h.Set("Apns-Priority", "5")
	if n.Silent {
		h.Set("Apns-Push-Type", "background") // which must have priority 5
	} else if n.High {
		h.Set("Apns-Priority", "10")
	}
	h.Set("Apns-Expiration", "0")
	if seconds := exchange.Seconds(n.TTL, maxTTL); seconds > 0 {
		h.Set("Apns-Expiration", strconv.FormatInt(c.config.Clock.Now().Unix()+seconds, 10))
	}
	if n.CollapseKey != "" {
		h.Set("Apns-Collapse-Id", exchange.CollapseID(n.CollapseKey))
	}
	return c.service.Do(ctx, request, to.Token, strings.ToLower(to.Token), bearer)
}
