package webhooks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/tools/security"
)

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
