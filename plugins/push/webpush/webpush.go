// Package webpush sends notifications to browsers: Web Push (RFC 8030) with
// encrypted messages (RFC 8188, RFC 8291) and VAPID (RFC 8292).
//
//	private, _, err := webpush.GenerateKeys() // once, and keep it
//	client, err := webpush.New(webpush.Config{PrivateKey: private, Subject: "mailto:ops@example.com"})
//	id, err := client.Send(ctx, target, &provider.Notification{Title: "Pump 4", Body: "Pressure is low"})
//
// A page subscribes with the public key, [Client.PublicKey], as
// applicationServerKey, and the subscription's toJSON() is what
// [ParseSubscription] makes a target of. Its service worker gets the notification
// as JSON, the [Payload]:
//
//	self.addEventListener('push', (event) => {
//		const n = event.data.json();
//		event.waitUntil(self.registration.showNotification(n.title, {
//			body: n.body, image: n.image, tag: n.tag, data: { id: n.id, link: n.link, ...n.data },
//		}));
//	});
//
// Whoever registers a device chooses the address that is sent to, so the default
// HTTP client reaches the public internet only, and the answer of one address is
// never taken for one about all of them: a refused signature is an error of kind
// Retry with Alert set, not of kind Credentials, or anybody with a server of their
// own could stop everybody's notifications.
package webpush

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/internal/safehttp"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// maxTTL is the longest that push services keep a message.
const maxTTL = 28 * 24 * time.Hour

// maxID is how long the name of a message may be to be kept, in bytes.
const maxID = 1024

// Config is how to send. A client needs PrivateKey and Subject.
type Config struct {
	// PrivateKey is the VAPID key, as [GenerateKeys] returns it. Subscriptions are
	// bound to it: with another one, every browser has to subscribe again.
	PrivateKey string

	// Subject is where push services can reach the operator, a mailto: or https:
	// URL (RFC 8292 section 2.1). Some services refuse messages without it.
	Subject string

	// HTTPClient makes the requests. Defaults to one that reaches the public
	// internet only.
	HTTPClient *http.Client

	// Timeout bounds a request with its answer. Defaults to 15 s.
	Timeout time.Duration

	// Clock defaults to that of the machine. It is for tests.
	Clock clock.Clock
}

// Validate returns an error that names each field with a value that cannot be
// used. An empty PrivateKey or Subject is none, as whoever calls [New] may fill
// them in.
func (c Config) Validate() error {
	var problems []error
	if c.PrivateKey != "" {
		if _, err := parsePrivateKey(c.PrivateKey); err != nil {
			problems = append(problems, fmt.Errorf("webpush: PrivateKey %w", err))
		}
	}
	if c.Subject != "" {
		if err := checkSubject(c.Subject); err != nil {
			problems = append(problems, fmt.Errorf("webpush: Subject must be a mailto: or https: URL, got %q", c.Subject))
		}
	}
	if c.Timeout < 0 {
		problems = append(problems, fmt.Errorf("webpush: Timeout must not be negative, got %v", c.Timeout))
	}
	return errors.Join(problems...)
}

func (c Config) withDefaults() Config {
	if c.HTTPClient == nil {
		c.HTTPClient = safehttp.New(safehttp.Options{})
	}
	if c.Timeout == 0 {
		c.Timeout = 15 * time.Second
	}
	if c.Clock == nil {
		c.Clock = clock.System()
	}
	return c
}

// Client sends notifications by Web Push. It is safe for concurrent use.
type Client struct {
	service *exchange.Service
	vapid   *vapid
}

var _ provider.Provider = (*Client)(nil)

// New returns a client. It makes no request.
func New(c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.PrivateKey == "" {
		return nil, errors.New("webpush: PrivateKey is missing")
	}
	if c.Subject == "" {
		return nil, errors.New("webpush: Subject is missing")
	}
	c = c.withDefaults()
	signer, err := newVAPID(c.PrivateKey, c.Subject, c.Clock)
	if err != nil {
		return nil, err
	}
	return &Client{service: exchange.New(c.HTTPClient, c.Timeout, c.Clock), vapid: signer}, nil
}

// PublicKey is what pages subscribe with, in base64url (RFC 8292 section 4).
func (c *Client) PublicKey() string { return c.vapid.public }

// Send encrypts the notification for the browser and hands it to its push
// service. id is the address of the message there, if the service tells it.
func (c *Client) Send(ctx context.Context, to provider.Target, n *provider.Notification) (string, error) {
	s, err := parseTarget(to)
	if err != nil {
		return "", &provider.Error{Kind: provider.Gone, Message: err.Error()}
	}
	request, authorization, err := c.request(ctx, s, n)
	if err != nil {
		return "", err
	}
	answer, err := c.service.Do(ctx, request, s.secrets(authorization)...)
	if err != nil {
		return "", err
	}
	if problem := refusal(answer); problem != nil {
		return "", problem
	}
	if id := answer.Header.Get("Location"); len(id) <= maxID {
		return id, nil
	}
	return "", nil
}

// request returns the request of RFC 8030 section 5 and the secret that it carries.
func (c *Client) request(ctx context.Context, s *subscription, n *provider.Notification) (*http.Request, string, error) {
	body, err := c.body(s, n)
	if err != nil {
		return nil, "", err
	}
	authorization, err := c.vapid.authorization(origin(s.endpoint))
	if err != nil {
		return nil, "", fmt.Errorf("webpush: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return nil, "", &provider.Error{Kind: provider.Gone, Message: "the endpoint cannot be used"}
	}
	h := request.Header
	h.Set("Authorization", authorization)
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Encoding", "aes128gcm")
	h.Set("TTL", strconv.FormatInt(exchange.Seconds(n.TTL, maxTTL), 10))
	h.Set("Urgency", urgency(n))
	if n.CollapseKey != "" {
		h.Set("Topic", exchange.Topic(n.CollapseKey))
	}
	return request, authorization, nil
}

// body is the encrypted payload.
func (c *Client) body(s *subscription, n *provider.Notification) ([]byte, error) {
	if n.Silent {
		return nil, &provider.Error{Kind: provider.Refused, Message: "browsers have to show what they are sent, and this notification is silent"}
	}
	plain, err := encodePayload(n)
	if err != nil {
		return nil, err
	}
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("webpush: make a key: %w", err)
	}
	var salt [saltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	body, err := encrypt(plain, padding(len(plain)), s.public, s.auth, ephemeral, salt)
	if err != nil {
		return nil, fmt.Errorf("webpush: encrypt: %w", err)
	}
	return body, nil
}

// urgency of RFC 8030 section 5.3.
func urgency(n *provider.Notification) string {
	if n.High {
		return "high"
	}
	return "normal"
}

// origin of RFC 6454 section 6.2, which is the audience of VAPID tokens.
func origin(endpoint *url.URL) string {
	host := strings.ToLower(endpoint.Host)
	if endpoint.Port() == "443" {
		host = strings.TrimSuffix(host, ":443")
	}
	return "https://" + host
}
