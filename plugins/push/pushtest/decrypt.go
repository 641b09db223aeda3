package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// The layout of RFC 8188 section 2.1, in bytes.
const (
	saltEnd   = 16
	sizeEnd   = saltEnd + 4
	idStart   = sizeEnd + 1
	minRecord = 18
)

// Decrypt reads a message of Web Push as a browser does (RFC 8291): key and auth
// are those of the subscription. It shares no code with the sender's side.
func Decrypt(body []byte, key *ecdh.PrivateKey, auth []byte) ([]byte, error) {
	if len(body) < idStart {
		return nil, errors.New("the message has no header")
	}
	idEnd := idStart + int(body[sizeEnd])
	if len(body) < idEnd {
		return nil, errors.New("the message ends within its header")
	}
	sender, err := ecdh.P256().NewPublicKey(body[idStart:idEnd]) // the key id is the key
	if err != nil {
		return nil, fmt.Errorf("the sender's key: %w", err)
	}
	shared, err := key.ECDH(sender)
	if err != nil {
		return nil, fmt.Errorf("agree on a secret: %w", err)
	}
	// RFC 8291 section 3.4, with HKDF (RFC 5869) written out: each output fits in
	// the first block.
	info := append([]byte("WebPush: info\x00"), key.PublicKey().Bytes()...)
	info = append(info, sender.Bytes()...)
	return decode(body, idEnd, mac(mac(auth, shared), append(info, 1)))
}

// decode reads a message of RFC 8188, whose header ends at idEnd.
func decode(body []byte, idEnd int, secret []byte) ([]byte, error) {
	pseudorandom := mac(body[:saltEnd], secret)
	key := mac(pseudorandom, []byte("Content-Encoding: aes128gcm\x00\x01"))[:16]
	nonce := mac(pseudorandom, []byte("Content-Encoding: nonce\x00\x01"))[:12]
	return openRecords(body[idEnd:], int64(binary.BigEndian.Uint32(body[saltEnd:sizeEnd])), key, nonce)
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}

// openRecords decrypts the records of RFC 8188 section 2.
func openRecords(rest []byte, size int64, key, nonce []byte) ([]byte, error) {
	if size < minRecord {
		return nil, fmt.Errorf("the record size is %d", size)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	var plain []byte
	for sequence := uint64(0); ; sequence++ {
		record := rest[:min(size, int64(len(rest)))]
		rest = rest[len(record):]
		text, err := aead.Open(nil, numbered(nonce, sequence), record, nil)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", sequence, err)
		}
		text, delimiter, err := unpad(text)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", sequence, err)
		}
		plain = append(plain, text...)
		if last := len(rest) == 0; last != (delimiter == 2) {
			return nil, fmt.Errorf("record %d ends with %d", sequence, delimiter)
		}
		if len(rest) == 0 {
			return plain, nil
		}
	}
}

// numbered is the nonce of a record: its number is in the last bytes.
func numbered(nonce []byte, sequence uint64) []byte {
	n := append([]byte(nil), nonce...)
	last := binary.BigEndian.Uint64(n[4:])
	binary.BigEndian.PutUint64(n[4:], last^sequence)
	return n
}

// unpad takes the zeros and the delimiter off.
func unpad(text []byte) ([]byte, byte, error) {
	end := len(text)
	for end > 0 && text[end-1] == 0 {
		end--
	}
	if end == 0 {
		return nil, 0, errors.New("it has no delimiter")
	}
	return text[:end-1], text[end-1], nil
}
