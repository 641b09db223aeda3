package webpush

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
)

const (
	// tokenLife is how long a VAPID token is good for. RFC 8292 section 2 allows a
	// day; half of it leaves room for clocks that differ.
	tokenLife = 12 * time.Hour
	// tokenMargin is how much of its life a token must have left to be used, so
	// that it does not end on the way.
	tokenMargin = time.Hour
	// maxTokens bounds the tokens that are kept. There are four or five push
	// services, but anybody can register an endpoint of their own.
	maxTokens = 256
)

// GenerateKeys returns a new pair of VAPID keys (RFC 8292 section 3.2), in
// base64url without padding: the private one for Config.PrivateKey, and the
// public one for pages to subscribe with.
func GenerateKeys() (private, public string, err error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("webpush: make a key: %w", err)
	}
	return encode(key.Bytes()), encode(key.PublicKey().Bytes()), nil
}

// PublicKey returns the public key of a private one.
func PublicKey(private string) (string, error) {
	key, err := parsePrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("webpush: the private key %w", err)
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return "", fmt.Errorf("webpush: encode the public key: %w", err)
	}
	return encode(public), nil
}

// parsePrivateKey reads the 32 bytes of a scalar of P-256.
func parsePrivateKey(text string) (*ecdsa.PrivateKey, error) {
	raw, err := decode(text)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("must be 32 bytes in base64url")
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw)
	if err != nil {
		return nil, errors.New("is not a key of P-256")
	}
	return key, nil
}

// checkSubject returns an error unless the subject is a mailto: or https: URL.
func checkSubject(subject string) error {
	if address, ok := strings.CutPrefix(subject, "mailto:"); ok {
		_, err := mail.ParseAddress(address)
		return err
	}
	u, err := url.Parse(subject)
	if err != nil {
		return err
	}
	if u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("not an https: URL")
	}
	return nil
}

// vapid signs requests as RFC 8292 has it.
type vapid struct {
	key     *ecdsa.PrivateKey
	public  string
	subject string
	clock   clock.Clock

	mu     sync.Mutex
	tokens map[string]signedToken // by origin
}

type signedToken struct {
	text    string
	expires time.Time
}

func newVAPID(private, subject string, c clock.Clock) (*vapid, error) {
	key, err := parsePrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("webpush: PrivateKey %w", err)
	}
	public, err := PublicKey(private)
	if err != nil {
		return nil, err
	}
	return &vapid{key: key, public: public, subject: subject, clock: c, tokens: map[string]signedToken{}}, nil
}

// authorization is the header of that name (RFC 8292 section 3) for the push
// service at an origin.
func (v *vapid) authorization(audience string) (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.Now()
	token, ok := v.tokens[audience]
	// A token from the future was made before somebody set the clock back.
	if left := token.expires.Sub(now); !ok || left < tokenMargin || left > tokenLife {
		token.expires = now.Add(tokenLife)
		text, err := exchange.SignES256(v.key, "", map[string]any{
			"aud": audience, "exp": token.expires.Unix(), "sub": v.subject,
		})
		if err != nil {
			return "", err
		}
		token.text = text
		if len(v.tokens) >= maxTokens {
			clear(v.tokens)
		}
		v.tokens[audience] = token
	}
	return "vapid t=" + token.text + ", k=" + v.public, nil
}

// encode is base64url without padding, as everything around Web Push is written.
func encode(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

// decode reads base64url, with or without padding: some libraries add it.
func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
}
