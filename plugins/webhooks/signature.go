package webhooks

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// secretPrefix is how secrets of Standard Webhooks begin.
const secretPrefix = "whsec_"

// The bounds of a key in bytes, as Standard Webhooks recommends them.
const (
	minKey = 24
	maxKey = 64
)

// NewSecret returns a random secret.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// decodeSecret returns the key of a secret, with or without its prefix.
func decodeSecret(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return nil, fmt.Errorf("it must be %s and base64", secretPrefix)
	}
	if len(key) == 0 {
		return nil, errors.New("it is empty")
	}
	return key, nil
}

// Sign returns the value of the webhook-signature header for a message: one
// signature for each secret, so that a receiver who knows any of them accepts it.
func Sign(id string, at time.Time, body []byte, secrets ...string) (string, error) {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := decodeSecret(secret)
		if err != nil {
			return "", fmt.Errorf("webhooks: a secret cannot be used: %w", err)
		}
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(standardMAC(key, id, strconv.FormatInt(at.Unix(), 10), body))
	}
	return strings.Join(signatures, " "), nil
}

func standardMAC(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}
