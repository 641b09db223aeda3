package webpush

import (
	"crypto/ecdh"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// The bounds of a subscription, in bytes. Endpoints in use have up to 600.
const (
	maxEndpoint     = 2048
	maxSubscription = 8 << 10
)

// subscription is a target that can be sent to.
type subscription struct {
	endpoint *url.URL
	public   *ecdh.PublicKey
	auth     []byte
	target   provider.Target
}

// ParseSubscription reads what PushSubscription.toJSON() gives in a browser:
//
//	{"endpoint": "https://…", "expirationTime": null, "keys": {"p256dh": "…", "auth": "…"}}
func ParseSubscription(text []byte) (provider.Target, error) {
	if len(text) > maxSubscription {
		return provider.Target{}, fmt.Errorf("the subscription has more than %d bytes", maxSubscription)
	}
	var s struct {
		Endpoint string `json:"endpoint"`
		Keys     struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return provider.Target{}, errors.New("the subscription is not a JSON object of a browser's form")
	}
	target := provider.Target{Token: s.Endpoint, P256dh: s.Keys.P256dh, Auth: s.Keys.Auth}
	if err := CheckTarget(target); err != nil {
		return provider.Target{}, err
	}
	return target, nil
}

// CheckTarget says in words why a subscription cannot be one. The error does not
// contain the endpoint or the keys. Whether the endpoint may be reached is not
// looked at: that is for the HTTP client to decide.
func CheckTarget(to provider.Target) error {
	_, err := parseTarget(to)
	return err
}

func parseTarget(to provider.Target) (*subscription, error) {
	endpoint, err := parseEndpoint(to.Token)
	if err != nil {
		return nil, err
	}
	raw, err := decode(to.P256dh)
	if err != nil || len(raw) != publicSize {
		return nil, fmt.Errorf("the key p256dh must be %d bytes in base64url", publicSize)
	}
	public, err := ecdh.P256().NewPublicKey(raw)
	if err != nil {
		return nil, errors.New("the key p256dh is not a point of P-256")
	}
	auth, err := decode(to.Auth)
	if err != nil || len(auth) != authSize {
		return nil, fmt.Errorf("the key auth must be %d bytes in base64url", authSize)
	}
	return &subscription{endpoint: endpoint, public: public, auth: auth, target: to}, nil
}

func parseEndpoint(text string) (*url.URL, error) {
	if len(text) > maxEndpoint {
		return nil, fmt.Errorf("the endpoint has more than %d bytes", maxEndpoint)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the endpoint is not a URL")
	case u.Scheme != "https":
		return nil, errors.New("the endpoint must start with https://")
	case u.Hostname() == "":
		return nil, errors.New("the endpoint has no host")
	case u.User != nil:
		return nil, errors.New("the endpoint must not contain a user or password")
	case u.Fragment != "":
		return nil, errors.New("the endpoint must not contain a fragment")
	}
	return u, nil
}

// secrets are what an error must not contain of a request: whoever knows the
// path can send to the browser.
func (s *subscription) secrets(authorization string) []string {
	secrets := []string{s.target.Token, s.target.P256dh, s.target.Auth}
	for _, part := range strings.FieldsFunc(s.endpoint.EscapedPath(), func(r rune) bool { return r == '/' }) {
		if len(part) >= 16 {
			secrets = append(secrets, part)
		}
	}
	if s.endpoint.RawQuery != "" {
		secrets = append(secrets, s.endpoint.RawQuery)
	}
	token, _, _ := strings.Cut(strings.TrimPrefix(authorization, "vapid t="), ",")
	return append(secrets, token)
}
