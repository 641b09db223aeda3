package push

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// What a device can tell of a notification.
const (
	eventShown  = "shown"
	eventOpened = "opened"
)

const macBytes = 16

// receiptKey signs what notifications are named, so that nobody can make up
// receipts for what others were sent.
func (p *Plugin) receiptKey(app core.App) ([]byte, error) {
	p.mu.Lock()
	secret := p.secret
	p.mu.Unlock()
	if secret != nil {
		return secret, nil
	}
	text, err := p.key(app, keyReceipts, func() (string, error) { return rand.Text() + rand.Text(), nil })
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.secret = []byte(text)
	return p.secret, nil
}

// receiptOf is what a notification is named for the app: the delivery, signed.
func receiptOf(secret []byte, delivery int64) string {
	number := binary.BigEndian.AppendUint64(nil, uint64(delivery))
	return base64.RawURLEncoding.EncodeToString(append(number, mac(secret, number)...))
}

func mac(secret, number []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("push receipt\n"))
	h.Write(number)
	return h.Sum(nil)[:macBytes]
}

// errReceipt is what a receipt gets that was not signed here.
var errReceipt = errors.New("push: the receipt is not genuine")

// deliveryOf is the opposite of receiptOf.
func deliveryOf(secret []byte, receipt string) (int64, error) {
	raw, err := base64.RawURLEncoding.DecodeString(receipt)
	if err != nil || len(raw) != 8+macBytes || !hmac.Equal(raw[8:], mac(secret, raw[:8])) {
		return 0, errReceipt
	}
	return int64(binary.BigEndian.Uint64(raw)), nil // made from one
}

// saveReceipt notes that a notification was shown or opened, the first time.
func saveReceipt(app core.App, delivery int64, event string, now time.Time) error {
	column := map[string]string{eventShown: "shown", eventOpened: "opened"}[event]
	if column == "" {
		return errReceipt
	}
	_, err := app.NonconcurrentDB().NewQuery(`UPDATE _pushDeliveries SET ` + column + ` = {:now} WHERE id = {:id} AND ` + column + ` = 0`).
		Bind(dbx.Params{"id": delivery, "now": now.UnixMilli()}).Execute()
	if err != nil {
		return fmt.Errorf("push: save a receipt: %w", err)
	}
	return nil
}
