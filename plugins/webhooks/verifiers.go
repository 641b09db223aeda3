package webhooks

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what Twilio signs with
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// anyMAC tells whether one of the signatures is that of the parts under one of
// the keys. Each comparison takes the same time whatever is in it.
func anyMAC(algorithm func() hash.Hash, keys, signatures [][]byte, parts ...[]byte) bool {
	found := false
	for _, key := range keys {
		mac := hmac.New(algorithm, key)
		for _, part := range parts {
			mac.Write(part)
		}
		want := mac.Sum(nil)
		for _, signature := range signatures {
			if hmac.Equal(signature, want) {
				found = true
			}
		}
	}
	return found
}

func bytesOf(secrets []string) [][]byte {
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		keys[i] = []byte(secret)
	}
	return keys
}

// maxSignatures bounds the work that a header can ask for.
const maxSignatures = 20

type standard struct{ secrets []string }

// Standard verifies messages of Standard Webhooks, which are also those that this
// plugin sends. During a rotation give both secrets.
func Standard(secrets ...string) Verifier { return standard{secrets} }

func (v standard) keys() ([][]byte, error) {
	if err := checkSecrets(v.secrets); err != nil {
		return nil, err
	}
	keys := make([][]byte, len(v.secrets))
	for i, secret := range v.secrets {
		var err error
		if keys[i], err = decodeSecret(secret); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
	}
	return keys, nil
}

func (standard) headers() []string { return []string{headerID, headerTimestamp, headerSignature} }

func (v standard) check() error {
	_, err := v.keys()
	return err
}

// Verify implements [Verifier].
func (v standard) Verify(in Incoming) (Verdict, error) {
	keys, err := v.keys()
	if err != nil {
		return Verdict{}, err
	}
	id, err := single(in.Header, headerID)
	if err != nil {
		return Verdict{}, err
	}
	timestamp, err := single(in.Header, headerTimestamp)
	if err != nil {
		return Verdict{}, err
	}
	header, err := single(in.Header, headerSignature)
	if err != nil {
		return Verdict{}, err
	}
	if err := checkTime(timestamp, in); err != nil {
		return Verdict{}, err
	}
	var signatures [][]byte
	for _, text := range strings.SplitN(header, " ", maxSignatures) {
		if encoded, ok := strings.CutPrefix(text, "v1,"); ok {
			if signature, err := base64.StdEncoding.Strict().DecodeString(encoded); err == nil {
				signatures = append(signatures, signature)
			}
		}
	}
	if !anyMAC(sha256.New, keys, signatures, []byte(id+"."+timestamp+"."), in.Body) {
		return Verdict{}, notVerified("no signature is right")
	}
	return Verdict{ID: id}, nil
}

type standardOf struct {
	secrets func(in Incoming) ([]string, error)
}

// StandardOf is [Standard] with secrets that depend on the request, such as on a
// tenant in its path. No secrets mean that nobody may send this; the error is for
// what went wrong.
func StandardOf(secrets func(in Incoming) ([]string, error)) Verifier { return standardOf{secrets} }

func (standardOf) headers() []string { return standard{}.headers() }

func (v standardOf) check() error {
	if v.secrets == nil {
		return errors.New("it has no secrets")
	}
	return nil
}

// Verify implements [Verifier].
func (v standardOf) Verify(in Incoming) (Verdict, error) {
	secrets, err := v.secrets(in)
	if err != nil {
		return Verdict{}, err
	}
	if len(secrets) == 0 {
		// as much work as for a secret, so that time does not tell that there is none
		_, err := standard{[]string{NewSecret()}}.Verify(in)
		return Verdict{}, errors.Join(notVerified("nobody may send this"), err)
	}
	return standard{secrets}.Verify(in)
}

type stripe struct{ secrets []string }

// Stripe verifies messages of Stripe, with the signing secrets of the endpoint.
func Stripe(secrets ...string) Verifier { return stripe{secrets} }

func (stripe) headers() []string { return []string{"Stripe-Signature"} }

func (v stripe) check() error { return checkSecrets(v.secrets) }

// Verify implements [Verifier].
func (v stripe) Verify(in Incoming) (Verdict, error) {
	header, err := single(in.Header, "Stripe-Signature")
	if err != nil {
		return Verdict{}, err
	}
	timestamp := ""
	var signatures [][]byte
	for _, part := range strings.SplitN(header, ",", maxSignatures) {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "t":
			if timestamp != "" {
				return Verdict{}, notVerified("there are several timestamps")
			}
			timestamp = value
		case "v1": // v0 is a scheme of test events that everybody can make
			if signature, err := hex.DecodeString(value); err == nil {
				signatures = append(signatures, signature)
			}
		}
	}
	if err := checkTime(timestamp, in); err != nil {
		return Verdict{}, err
	}
	if !anyMAC(sha256.New, bytesOf(v.secrets), signatures, []byte(timestamp+"."), in.Body) {
		return Verdict{}, notVerified("no signature is right")
	}
	var event struct {
		ID string `json:"id"`
	}
	// a retry has another timestamp and the same id
	if err := json.Unmarshal(in.Body, &event); err != nil || event.ID == "" {
		event.ID = digest(in.Body)
	}
	return Verdict{ID: event.ID}, nil
}

type gitHub struct{ secrets []string }

// GitHub verifies messages of GitHub. They have no timestamp, and the delivery id
// in their header is not signed, so a message is known by its body.
func GitHub(secrets ...string) Verifier { return gitHub{secrets} }

func (gitHub) headers() []string { return []string{"X-Hub-Signature-256"} }

func (v gitHub) check() error { return checkSecrets(v.secrets) }

// Verify implements [Verifier].
func (v gitHub) Verify(in Incoming) (Verdict, error) {
	header, err := single(in.Header, "X-Hub-Signature-256")
	if err != nil {
		return Verdict{}, err
	}
	encoded, ok := strings.CutPrefix(header, "sha256=")
	signature, err := hex.DecodeString(encoded)
	if !ok || err != nil {
		return Verdict{}, notVerified("the signature is not one")
	}
	if !anyMAC(sha256.New, bytesOf(v.secrets), [][]byte{signature}, in.Body) {
		return Verdict{}, notVerified("the signature is wrong")
	}
	return Verdict{ID: digest(in.Body)}, nil
}

type slack struct{ secrets []string }

// Slack verifies requests of Slack, with the signing secret of the app, and
// answers the question whether the URL is the app's.
func Slack(secrets ...string) Verifier { return slack{secrets} }

func (slack) headers() []string { return []string{"X-Slack-Request-Timestamp", "X-Slack-Signature"} }

func (slack) answers() apidoc.Answer {
	return apidoc.Answer{Status: http.StatusOK, Description: "The challenge of the question whether the URL is the app's.", Produces: "text/plain"}
}

func (v slack) check() error { return checkSecrets(v.secrets) }

// Verify implements [Verifier].
func (v slack) Verify(in Incoming) (Verdict, error) {
	timestamp, err := single(in.Header, "X-Slack-Request-Timestamp")
	if err != nil {
		return Verdict{}, err
	}
	header, err := single(in.Header, "X-Slack-Signature")
	if err != nil {
		return Verdict{}, err
	}
	if err := checkTime(timestamp, in); err != nil {
		return Verdict{}, err
	}
	encoded, ok := strings.CutPrefix(header, "v0=")
	signature, err := hex.DecodeString(encoded)
	if !ok || err != nil {
		return Verdict{}, notVerified("the signature is not one")
	}
	if !anyMAC(sha256.New, bytesOf(v.secrets), [][]byte{signature}, []byte("v0:"+timestamp+":"), in.Body) {
		return Verdict{}, notVerified("the signature is wrong")
	}
	var event struct {
		Type      string `json:"type"`
		Challenge string `json:"challenge"`
		ID        string `json:"event_id"`
	}
	if err := json.Unmarshal(in.Body, &event); err != nil { // commands and buttons are forms
		return Verdict{ID: digest([]byte(timestamp), in.Body)}, nil //nolint:nilerr // verified all the same
	}
	if event.Type == "url_verification" {
		return Verdict{Answer: &Answer{ContentType: "text/plain; charset=utf-8", Body: []byte(event.Challenge)}}, nil
	}
	if event.ID == "" {
		event.ID = digest([]byte(timestamp), in.Body)
	}
	return Verdict{ID: event.ID}, nil
}

type twilio struct {
	base    string
	secrets []string
}

// Twilio verifies requests of Twilio with the account's auth token. Twilio signs
// the URL that it calls, so base is the address of the server as Twilio knows it,
// such as https://app.example.com. The messages have no timestamp: one is known by
// what was signed.
func Twilio(base string, tokens ...string) Verifier {
	return twilio{strings.TrimRight(base, "/"), tokens}
}

func (twilio) headers() []string { return []string{"X-Twilio-Signature"} }

func (v twilio) check() error {
	if u, err := url.Parse(v.base); err != nil || u.Scheme == "" || u.Host == "" {
		return errors.New("the base must be an address such as https://app.example.com")
	}
	return checkSecrets(v.secrets)
}

// Verify implements [Verifier].
func (v twilio) Verify(in Incoming) (Verdict, error) {
	header, err := single(in.Header, "X-Twilio-Signature")
	if err != nil {
		return Verdict{}, err
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(header)
	if err != nil {
		return Verdict{}, notVerified("the signature is not one")
	}
	signed := []byte(v.base + in.URL.RequestURI())
	contentType, _, _ := mime.ParseMediaType(in.Header.Get("Content-Type"))
	if contentType == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(in.Body))
		if err != nil {
			return Verdict{}, notVerified("the body is not a form")
		}
		signed = append(signed, formText(form)...)
	} else if err := checkBodyDigest(in); err != nil {
		return Verdict{}, err
	}
	if !anyMAC(sha1.New, bytesOf(v.secrets), [][]byte{signature}, signed) {
		return Verdict{}, notVerified("the signature is wrong")
	}
	return Verdict{ID: digest(signed)}, nil
}

// formText is a form as Twilio signs it: names and values in the order of the
// names, without anything in between.
func formText(form url.Values) []byte {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var text []byte
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			text = append(text, name+value...)
		}
	}
	return text
}

// checkBodyDigest checks a body that is no form: its digest is part of the URL,
// which is signed.
func checkBodyDigest(in Incoming) error {
	want, err := hex.DecodeString(in.URL.Query().Get("bodySHA256"))
	sum := sha256.Sum256(in.Body)
	if err != nil || !hmac.Equal(want, sum[:]) {
		return notVerified("the body is not the one that was signed")
	}
	return nil
}

// HMAC verifies messages of a sender that signs in a way of its own. All zero but
// Secrets and Header, the signature is the hex of the HMAC-SHA256 of the body.
type HMAC struct {
	// Secrets are the keys, of which one is in use and others are on their way in or out.
	Secrets []string
	// Header holds the signature.
	Header string
	// Prefix comes before the signature, such as "sha256=".
	Prefix string
	// Base64 tells that the signature is in base64 and not in hex.
	Base64 bool
	// Hash is "sha256", "sha384", "sha512" or "sha1". Defaults to "sha256".
	Hash string
	// TimestampHeader holds the time in seconds since 1970. If it is set, what is
	// signed is the time, Separator and the body, and an old message is refused.
	TimestampHeader string
	// Separator is between time and body. Defaults to ".".
	Separator string
}

var hashes = map[string]func() hash.Hash{
	"": sha256.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New, "sha1": sha1.New,
}

func (v HMAC) headers() []string {
	if v.TimestampHeader == "" {
		return []string{v.Header}
	}
	return []string{v.TimestampHeader, v.Header}
}

func (v HMAC) check() error {
	if v.Header == "" {
		return errors.New("it needs a Header")
	}
	if hashes[v.Hash] == nil {
		return fmt.Errorf("it knows no hash %q", v.Hash)
	}
	return checkSecrets(v.Secrets)
}

// Verify implements [Verifier].
func (v HMAC) Verify(in Incoming) (Verdict, error) {
	header, err := single(in.Header, v.Header)
	if err != nil {
		return Verdict{}, err
	}
	encoded, ok := strings.CutPrefix(header, v.Prefix)
	decode := hex.DecodeString
	if v.Base64 {
		decode = base64.StdEncoding.Strict().DecodeString
	}
	signature, err := decode(encoded)
	if !ok || err != nil {
		return Verdict{}, notVerified("the signature is not one")
	}
	var start []byte
	if v.TimestampHeader != "" {
		timestamp, err := single(in.Header, v.TimestampHeader)
		if err != nil {
			return Verdict{}, err
		}
		if err := checkTime(timestamp, in); err != nil {
			return Verdict{}, err
		}
		separator := v.Separator
		if separator == "" {
			separator = "."
		}
		start = []byte(timestamp + separator)
	}
	if !anyMAC(hashes[v.Hash], bytesOf(v.Secrets), [][]byte{signature}, start, in.Body) {
		return Verdict{}, notVerified("the signature is wrong")
	}
	return Verdict{ID: digest(start, in.Body)}, nil
}
