// Package fcm sends notifications by Firebase Cloud Messaging, with its HTTP v1
// API: to Android, and to the iOS and web apps of a Firebase project.
//
//	client, err := fcm.New(fcm.Config{ServiceAccount: string(file)})
//	id, err := client.Send(ctx, provider.Target{Token: token}, &provider.Notification{Title: "Pump 4"})
//
// The app finds Data in the data of the message, and there besides link and
// notificationId, which are Link and ID. A silent notification has only data.
//
// Whoever registers a device chooses its token, so only errors about the access
// token are of kind Credentials. Those that say that our project does not fit
// this one device have Alert set instead.
package fcm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

const (
	defaultEndpoint = "https://fcm.googleapis.com"
	defaultTokenURL = "https://oauth2.googleapis.com/token" //nolint:gosec // an address, not a token
)

// Config is how to send. Only ServiceAccount is needed.
type Config struct {
	// ServiceAccount is the JSON key of a service account that may send messages,
	// the file that the Firebase console offers.
	ServiceAccount string

	// Endpoint is where the API is. Defaults to https://fcm.googleapis.com. It is
	// for tests.
	Endpoint string

	// TokenURL is where access tokens are. Defaults to the one that ServiceAccount
	// names. It is for tests.
	TokenURL string

	// HTTPClient makes the requests. Defaults to one with a pool of its own, that
	// uses no proxy.
	HTTPClient *http.Client

	// Timeout bounds a request with its answer. Defaults to 15 s.
	Timeout time.Duration

	// Clock defaults to that of the machine. It is for tests.
	Clock clock.Clock
}

// Validate returns an error that names each field with a value that cannot be
// used. It does not show what is in ServiceAccount.
func (c Config) Validate() error {
	var problems []error
	if _, err := parseAccount(c.ServiceAccount); err != nil {
		problems = append(problems, fmt.Errorf("fcm: ServiceAccount %w", err))
	}
	for name, value := range map[string]string{"Endpoint": c.Endpoint, "TokenURL": c.TokenURL} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			problems = append(problems, fmt.Errorf("fcm: %s must be an https: URL, got %q", name, value))
		}
	}
	if c.Timeout < 0 {
		problems = append(problems, fmt.Errorf("fcm: Timeout must not be negative, got %v", c.Timeout))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults(a account) Config {
	if c.Endpoint == "" {
		c.Endpoint = defaultEndpoint
	}
	if c.TokenURL == "" {
		c.TokenURL = a.TokenURI
	}
	if c.TokenURL == "" {
		c.TokenURL = defaultTokenURL
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

// Client sends notifications by FCM. It is safe for concurrent use.
type Client struct {
	service *exchange.Service
	clock   clock.Clock
	tokens  *tokens
	url     string
}

var _ provider.Provider = (*Client)(nil)

// New returns a client. It makes no request: the first access token is asked for
// when something is sent.
func New(c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	a, err := parseAccount(c.ServiceAccount)
	if err != nil {
		return nil, fmt.Errorf("fcm: ServiceAccount %w", err)
	}
	c = c.withDefaults(a)
	return &Client{
		service: exchange.New(c.HTTPClient, c.Timeout, c.Clock),
		clock:   c.Clock,
		tokens:  newTokens(a, c),
		url:     strings.TrimSuffix(c.Endpoint, "/") + "/v1/projects/" + url.PathEscape(a.ProjectID) + "/messages:send",
	}, nil
}

// Send hands the notification to FCM. id is the name of the message there, such
// as projects/example/messages/0:1500415314455276.
func (c *Client) Send(ctx context.Context, to provider.Target, n *provider.Notification) (string, error) {
	if to.Token == "" {
		return "", &provider.Error{Kind: provider.Gone, Message: "the registration token is empty"}
	}
	body, err := json.Marshal(newRequest(to.Token, n, c.clock.Now()))
	if err != nil {
		return "", fmt.Errorf("fcm: encode the message: %w", err)
	}
	access, err := c.tokens.get(ctx)
	if err != nil {
		return "", err
	}
	answer, err := c.post(ctx, body, to.Token, access)
	if err == nil && answer.Status == http.StatusUnauthorized && codeOf(answer.Body) != thirdPartyAuth {
		// It may have been revoked, or the clocks differ: a new one tells.
		c.tokens.drop(access)
		if access, err = c.tokens.get(ctx); err != nil {
			return "", err
		}
		answer, err = c.post(ctx, body, to.Token, access)
	}
	if err != nil {
		return "", err
	}
	if answer.Status != http.StatusOK {
		return "", refusal(answer, to.Token, access)
	}
	var accepted struct {
		Name string `json:"name"`
	}
	// It is accepted, whether its name can be read or not.
	_ = json.Unmarshal(answer.Body, &accepted)
	return accepted.Name, nil
}

func (c *Client) post(ctx context.Context, body []byte, token, access string) (*exchange.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("fcm: make a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+access)
	request.Header.Set("Content-Type", "application/json")
	return c.service.Do(ctx, request, token, access)
}
