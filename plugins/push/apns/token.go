package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/holdall-go/holdall/internal/clock"
	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
)

const (
	// tokenAge is when a provider token is replaced. APNs takes those of the last
	// hour, and no more than one new one within 20 minutes.
	tokenAge = 45 * time.Minute
	// renewPause is the least time between two that are made because APNs says
	// that the last one has expired.
	renewPause = 20 * time.Minute
)

// parsePrivateKey says what is wrong without showing any of the key.
func parsePrivateKey(text string) (*ecdsa.PrivateKey, error) {
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(text))
	if err != nil || key.Curve != elliptic.P256() {
		return nil, errors.New("apns: PrivateKey must be an EC key of P-256 in PEM, the content of the .p8 file")
	}
	return key, nil
}

// token makes provider tokens and keeps the last.
type token struct {
	key           *ecdsa.PrivateKey
	keyID, teamID string
	clock         clock.Clock

	mu      sync.Mutex
	text    string
	issued  time.Time
	renewed time.Time
}

// get returns a token that APNs takes.
func (t *token) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	// One from the future was made before somebody set the clock back.
	if age := t.clock.Now().Sub(t.issued); t.text != "" && age >= 0 && age < tokenAge {
		return t.text, nil
	}
	return t.sign()
}

// renew replaces a token of which APNs says that it has expired, which it does
// when the clock was wrong. ok is false if that has just been done and did not
// help.
func (t *token) renew(refused string) (text string, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text != refused {
		return t.text, true, nil // somebody else has been here
	}
	now := t.clock.Now()
	if !t.renewed.IsZero() && now.Sub(t.renewed).Abs() < renewPause {
		return "", false, nil
	}
	t.renewed = now
	text, err = t.sign()
	return text, true, err
}

func (t *token) sign() (string, error) {
	now := t.clock.Now()
	text, err := exchange.SignES256(t.key, t.keyID, map[string]any{"iss": t.teamID, "iat": now.Unix()})
	if err != nil {
		return "", fmt.Errorf("apns: %w", err)
	}
	t.text, t.issued = text, now
	return text, nil
}
