package webpush_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/holdall-go/holdall/plugins/push/pushtest"
	"github.com/holdall-go/holdall/plugins/push/webpush"
)

// vector is RFC 8291 section 5 and appendix A.
type vector struct {
	Plaintext  string `json:"plaintext"`
	AsPublic   string `json:"as_public"`
	AsPrivate  string `json:"as_private"`
	UAPublic   string `json:"ua_public"`
	UAPrivate  string `json:"ua_private"`
	Salt       string `json:"salt"`
	AuthSecret string `json:"auth_secret"`
	Body       string `json:"body"`
}

func readVector(t *testing.T) vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		RFC8291 vector `json:"rfc8291"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.RFC8291
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func privateKey(t *testing.T, text string) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(decode(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestEncryptionIsThatOfTheRFC(t *testing.T) {
	t.Parallel()
	v := readVector(t)
	to, err := ecdh.P256().NewPublicKey(decode(t, v.UAPublic))
	if err != nil {
		t.Fatal(err)
	}
	ephemeral := privateKey(t, v.AsPrivate)
	if got := base64.RawURLEncoding.EncodeToString(ephemeral.PublicKey().Bytes()); got != v.AsPublic {
		t.Fatalf("public key: got %s, want %s", got, v.AsPublic)
	}
	body, err := webpush.Encrypt([]byte(v.Plaintext), 0, to, decode(t, v.AuthSecret), ephemeral, [16]byte(decode(t, v.Salt)))
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.RawURLEncoding.EncodeToString(body); got != v.Body {
		t.Errorf("got  %s\nwant %s", got, v.Body)
	}
}

func TestMessagesOfEveryLengthCanBeRead(t *testing.T) {
	t.Parallel()
	v := readVector(t)
	browser, auth := privateKey(t, v.UAPrivate), decode(t, v.AuthSecret)
	for _, length := range []int{0, 1, 41, 127, 128, 129, 3967, 3968, 3969, webpush.MaxPayload} {
		ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		plain := bytes.Repeat([]byte{'x'}, length)
		body, err := webpush.Encrypt(plain, webpush.Padding(length), browser.PublicKey(), auth, ephemeral, [16]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		const overhead = 86 + 1 + 16
		if content := len(body) - overhead; content < length || len(body) > 4096 || content%128 != 0 && content != webpush.MaxPayload {
			t.Errorf("%d bytes: got a body of %d bytes with %d of content", length, len(body), content)
		}
		got, err := pushtest.Decrypt(body, browser, auth)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d bytes and error %v", length, len(got), err)
		}
	}
	if webpush.MaxPayload != 3993 {
		t.Errorf("MaxPayload: got %d, want 3993", webpush.MaxPayload)
	}
}

func BenchmarkEncrypt(b *testing.B) {
	browser, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	plain, auth := bytes.Repeat([]byte{'x'}, 300), make([]byte, 16)
	for b.Loop() {
		ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := webpush.Encrypt(plain, webpush.Padding(len(plain)), browser.PublicKey(), auth, ephemeral, [16]byte{}); err != nil {
			b.Fatal(err)
		}
	}
}
