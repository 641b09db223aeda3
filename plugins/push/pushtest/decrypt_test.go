package pushtest_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"os"
	"testing"

	"github.com/holdall-go/holdall/plugins/push/pushtest"
)

// binary is base64url in JSON.
type binary []byte

func (b *binary) UnmarshalText(text []byte) (err error) {
	*b, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

type vectors struct {
	RFC8291 struct {
		Plaintext  string `json:"plaintext"`
		UAPrivate  binary `json:"ua_private"`
		AuthSecret binary `json:"auth_secret"`
		Body       binary `json:"body"`
	} `json:"rfc8291"`
	RFC8188 []struct {
		Section   string `json:"section"`
		Key       binary `json:"key"`
		KeyID     string `json:"keyid"`
		Body      binary `json:"body"`
		Plaintext string `json:"plaintext"`
	} `json:"rfc8188"`
}

func readVectors(tb testing.TB) (v vectors, browser *ecdh.PrivateKey) {
	tb.Helper()
	text, err := os.ReadFile("../webpush/testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		tb.Fatal(err)
	}
	if browser, err = ecdh.P256().NewPrivateKey(v.RFC8291.UAPrivate); err != nil {
		tb.Fatal(err)
	}
	return v, browser
}

func TestDecryptionIsThatOfTheRFCs(t *testing.T) {
	t.Parallel()
	v, browser := readVectors(t)
	got, err := pushtest.Decrypt(v.RFC8291.Body, browser, v.RFC8291.AuthSecret)
	if err != nil || string(got) != v.RFC8291.Plaintext {
		t.Errorf("RFC 8291: got %q and error %v, want %q", got, err, v.RFC8291.Plaintext)
	}
	for _, c := range v.RFC8188 {
		got, err := pushtest.Decode(c.Body, 21+len(c.KeyID), c.Key)
		if err != nil || string(got) != c.Plaintext {
			t.Errorf("RFC 8188 section %s: got %q and error %v, want %q", c.Section, got, err, c.Plaintext)
		}
	}
}

func TestChangedMessagesAreNotRead(t *testing.T) {
	t.Parallel()
	v, browser := readVectors(t)
	for i := range v.RFC8291.Body {
		changed := append(binary(nil), v.RFC8291.Body...)
		changed[i] ^= 1
		// The record size says only where a record ends at the latest.
		if _, err := pushtest.Decrypt(changed, browser, v.RFC8291.AuthSecret); (err == nil) != (i >= 16 && i < 20) {
			t.Errorf("byte %d changed: got error %v", i, err)
		}
	}
	for n := range v.RFC8291.Body {
		if _, err := pushtest.Decrypt(v.RFC8291.Body[:n], browser, v.RFC8291.AuthSecret); err == nil {
			t.Errorf("the first %d bytes can be read", n)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	v, browser := readVectors(f)
	f.Add([]byte(v.RFC8291.Body))
	f.Fuzz(func(t *testing.T, body []byte) {
		plain, err := pushtest.Decrypt(body, browser, v.RFC8291.AuthSecret)
		if err == nil && len(plain) > len(body) {
			t.Errorf("got %d bytes of %d", len(plain), len(body))
		}
	})
}
