package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// The sizes of RFC 8188 and RFC 8291, in bytes.
const (
	saltSize   = 16
	authSize   = 16
	publicSize = 65 // an uncompressed point of P-256
	keySize    = 16
	nonceSize  = 12
	tagSize    = 16
	headerSize = saltSize + 4 + 1 + publicSize
	recordSize = 4096
	maxMessage = 4096 // what every push service takes, RFC 8030 section 7.2
)

// MaxPayload is how long the JSON of a notification may be, in bytes: what is
// left of the 4096 that a push service has to take (RFC 8291 section 4).
const MaxPayload = maxMessage - headerSize - tagSize - 1

// lastRecord ends the plain text of the last record, before the padding (RFC 8188
// section 2). A message of Web Push has one record.
const lastRecord = 2

// paddingStep is what the length of a message is rounded up to, so that it tells
// the push service little about the content.
const paddingStep = 128

// padding is how many zeros follow a text of n bytes.
func padding(n int) int {
	return min((n+paddingStep-1)/paddingStep*paddingStep, MaxPayload) - n
}

// encrypt returns the body of RFC 8291 section 4: the header of RFC 8188 section
// 2.1 and one record. Neither ephemeral nor salt may be used twice.
func encrypt(plain []byte, pad int, to *ecdh.PublicKey, auth []byte, ephemeral *ecdh.PrivateKey, salt [saltSize]byte) ([]byte, error) {
	key, nonce, err := contentKey(to, auth, ephemeral, salt[:])
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	record := make([]byte, len(plain)+1+pad)
	copy(record, plain)
	record[len(plain)] = lastRecord

	body := make([]byte, 0, headerSize+len(record)+tagSize)
	body = append(body, salt[:]...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, publicSize)
	body = append(body, ephemeral.PublicKey().Bytes()...)
	return aead.Seal(body, nonce, record, nil), nil
}

// contentKey derives the key and the nonce of the only record (RFC 8291 section
// 3.4).
func contentKey(to *ecdh.PublicKey, auth []byte, ephemeral *ecdh.PrivateKey, salt []byte) (key, nonce []byte, err error) {
	shared, err := ephemeral.ECDH(to)
	if err != nil {
		return nil, nil, fmt.Errorf("agree on a secret: %w", err)
	}
	info := "WebPush: info\x00" + string(to.Bytes()) + string(ephemeral.PublicKey().Bytes())
	secret, err := hkdf.Key(sha256.New, shared, auth, info, sha256.Size)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the secret: %w", err)
	}
	pseudorandom, err := hkdf.Extract(sha256.New, secret, salt)
	if err != nil {
		return nil, nil, fmt.Errorf("derive the key: %w", err)
	}
	if key, err = hkdf.Expand(sha256.New, pseudorandom, "Content-Encoding: aes128gcm\x00", keySize); err != nil {
		return nil, nil, fmt.Errorf("derive the key: %w", err)
	}
	if nonce, err = hkdf.Expand(sha256.New, pseudorandom, "Content-Encoding: nonce\x00", nonceSize); err != nil {
		return nil, nil, fmt.Errorf("derive the nonce: %w", err)
	}
	return key, nonce, nil
}
