package push

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// The names of the secrets that the plugin makes for itself.
const (
	keyVAPID    = "vapid"
	keyReceipts = "receipts"
)

// key returns a secret of the plugin, which make makes if there is none. One that
// was stored before there was an EncryptionKey is encrypted.
func (p *Plugin) key(app core.App, name string, generate func() (string, error)) (string, error) {
	var plain string
	err := app.RunInTransaction(func(tx core.App) error {
		values := []string{}
		err := tx.DB().NewQuery(`SELECT value FROM _pushKeys WHERE name = {:name}`).Bind(dbx.Params{"name": name}).Column(&values)
		if err != nil {
			return fmt.Errorf("push: read the key %s: %w", name, err)
		}
		stored := ""
		if len(values) > 0 {
			stored = values[0]
			plain, err = p.open(stored)
		} else {
			plain, err = generate()
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(stored, sealed) {
			return nil
		}
		value, err := p.seal(plain)
		if err != nil || value == stored {
			return err
		}
		_, err = tx.DB().NewQuery(`INSERT INTO _pushKeys (name, value) VALUES ({:name}, {:value}) ON CONFLICT (name) DO UPDATE SET value = {:value}`).
			Bind(dbx.Params{"name": name, "value": value}).Execute()
		if err != nil {
			return fmt.Errorf("push: store the key %s: %w", name, err)
		}
		return nil
	})
	return plain, err
}

// sealed is how values begin that are encrypted.
const sealed = "enc:"

func (p *Plugin) seal(plain string) (string, error) {
	if p.config.EncryptionKey == "" {
		return plain, nil
	}
	text, err := security.Encrypt([]byte(plain), p.config.EncryptionKey)
	if err != nil {
		return "", fmt.Errorf("push: encrypt a key: %w", err)
	}
	return sealed + text, nil
}

func (p *Plugin) open(value string) (string, error) {
	text, ok := strings.CutPrefix(value, sealed)
	if !ok {
		return value, nil
	}
	if p.config.EncryptionKey == "" {
		return "", errors.New("push: a key is encrypted and there is no EncryptionKey")
	}
	plain, err := security.Decrypt(text, p.config.EncryptionKey)
	if err != nil {
		return "", errors.New("push: a key was encrypted with another EncryptionKey")
	}
	return string(plain), nil
}
