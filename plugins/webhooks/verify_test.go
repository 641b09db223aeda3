package webhooks_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/webhooks"
)

// vector is a message of which somebody else says that it is right.
type vector struct {
	name     string
	verifier func(secrets ...string) webhooks.Verifier
	secret   string
	at       int64
	url      string
	header   map[string]string
	body     string
	// signature is the header that holds it, and timestamp the one with the time.
	signature, timestamp string
}

func twilio(tokens ...string) webhooks.Verifier {
	return webhooks.Twilio("https://mycompany.com/", tokens...)
}

// vectors are of the documentation of the senders, or made by their own libraries:
// the test values of Standard Webhooks; npm stripe's generateTestHeaderString;
// GitHub's page on validating deliveries; a request that npm @slack/bolt accepts;
// the example of Twilio's page on security, and one with a JSON body that npm
// twilio accepts.
var vectors = []vector{
	{
		"Standard Webhooks", webhooks.Standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330, "/",
		map[string]string{
			"Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp": "1614265330",
			"Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		`{"test": 2432232314}`, "Webhook-Signature", "Webhook-Timestamp",
	},
	{
		"Stripe", webhooks.Stripe, "whsec_test_secret", 1614265330, "/",
		map[string]string{"Stripe-Signature": "t=1614265330,v1=2fc529209e8b35a638c1c2d653c64a58bc35b7447250b91cbe7bee32446338b7"},
		`{"id":"evt_1Nxq2e2eZvKYlo2C","object":"event","type":"invoice.paid"}`, "Stripe-Signature", "Stripe-Signature",
	},
	{
		"GitHub", webhooks.GitHub, "It's a Secret to Everybody", 1614265330, "/",
		map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		"Hello, World!", "X-Hub-Signature-256", "",
	},
	{
		"Slack", webhooks.Slack, "8f742231b10e8888abcd99yyyzzz85a5", 1531420618, "/",
		map[string]string{"X-Slack-Signature": "v0=a7cf03a4114a3eb3b99dc4d7c066675a94610f2973a9388c5edc2c91e6f7c6f7", "X-Slack-Request-Timestamp": "1531420618"},
		"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&command=%2Fwebhook-collect&text=",
		"X-Slack-Signature", "X-Slack-Request-Timestamp",
	},
	{
		"Twilio", twilio, "12345", 1614265330, "/myapp.php?foo=1&bar=2",
		map[string]string{"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
		"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE", "X-Twilio-Signature", "",
	},
	{
		"Twilio with another form", twilio, "12345", 1614265330, "/myapp.php?foo=1&bar=2",
		map[string]string{"X-Twilio-Signature": "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "Content-Type": "application/x-www-form-urlencoded"},
		"CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212", "X-Twilio-Signature", "",
	},
	{
		"Twilio with JSON", twilio, "12345", 1614265330,
		"/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
		map[string]string{"X-Twilio-Signature": "a9nBmqA0ju/hNViExpshrM61xv4=", "Content-Type": "application/json"},
		`{"property": "value", "boolean": true}`, "X-Twilio-Signature", "",
	},
}

// incoming is the vector as a request.
func (v vector) incoming(t *testing.T) webhooks.Incoming {
	t.Helper()
	u, err := url.Parse(v.url)
	if err != nil {
		t.Fatal(err)
	}
	in := webhooks.Incoming{Method: http.MethodPost, URL: u, Header: http.Header{}, Body: []byte(v.body), Now: time.Unix(v.at, 0)}
	for name, value := range v.header {
		in.Header.Set(name, value)
	}
	return in
}

func TestVectorsAreAccepted(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		verdict, err := v.verifier(v.secret).Verify(v.incoming(t))
		if err != nil || verdict.ID == "" || verdict.Answer != nil {
			t.Errorf("%s: got %+v and error %v", v.name, verdict, err)
		}
		if _, err := v.verifier("another", v.secret).Verify(v.incoming(t)); err != nil && v.name != "Standard Webhooks" {
			t.Errorf("%s, during a rotation: %v", v.name, err)
		}
	}
	both := webhooks.Standard(webhooks.NewSecret(), vectors[0].secret)
	if _, err := both.Verify(vectors[0].incoming(t)); err != nil {
		t.Errorf("Standard Webhooks, during a rotation: %v", err)
	}
}

// TestTamperingIsRefused changes each part of each vector.
func TestTamperingIsRefused(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		tampered := map[string]func(in *webhooks.Incoming){
			"a byte more":      func(in *webhooks.Incoming) { in.Body = append(in.Body, ' ') },
			"a byte less":      func(in *webhooks.Incoming) { in.Body = in.Body[:len(in.Body)-1] },
			"no body":          func(in *webhooks.Incoming) { in.Body = nil },
			"no signature":     func(in *webhooks.Incoming) { in.Header.Del(v.signature) },
			"empty signature":  func(in *webhooks.Incoming) { in.Header.Set(v.signature, "") },
			"two signatures":   func(in *webhooks.Incoming) { in.Header.Add(v.signature, "x") },
			"another one":      func(in *webhooks.Incoming) { in.Header.Set(v.signature, flipLast(in.Header.Get(v.signature))) },
			"half a signature": func(in *webhooks.Incoming) { h := in.Header.Get(v.signature); in.Header.Set(v.signature, h[:len(h)-8]) },
			"only the scheme": func(in *webhooks.Incoming) {
				h := in.Header.Get(v.signature)
				in.Header.Set(v.signature, h[:strings.IndexAny(h, ",=")+1])
			},
		}
		if strings.HasPrefix(v.name, "Twilio") {
			tampered["another path"] = func(in *webhooks.Incoming) { in.URL.Path = "/other" }
			tampered["another query"] = func(in *webhooks.Incoming) { in.URL.RawQuery += "&a=b" }
			tampered["another content type"] = func(in *webhooks.Incoming) { in.Header.Set("Content-Type", "text/plain") }
			delete(tampered, "only the scheme") // the signature has none
			if v.name == "Twilio with JSON" {
				delete(tampered, "another content type") // its digest is what counts
			}
		}
		if v.timestamp != "" {
			for name, seconds := range map[string]int64{"too late": 301, "too early": -301, "years later": 1e9, "years earlier": -1e9} {
				tampered[name] = func(in *webhooks.Incoming) { in.Now = in.Now.Add(time.Duration(seconds) * time.Second) }
			}
			old := fmt.Sprint(v.at)
			for name, value := range map[string]string{
				"a time of now": fmt.Sprint(v.at + 1), "no number": "x" + old, "a fraction": old + ".0", "signed": "+" + old,
				"a large number": "99999999999999999999", "negative": "-9223372036854775808", "blank": " " + old,
			} {
				tampered[name] = func(in *webhooks.Incoming) {
					in.Header.Set(v.timestamp, strings.Replace(in.Header.Get(v.timestamp), old, value, 1))
				}
			}
			tampered["no time"] = func(in *webhooks.Incoming) {
				in.Header.Set(v.timestamp, strings.Replace(in.Header.Get(v.timestamp), old, "", 1))
			}
		}
		for name, tamper := range tampered {
			in := v.incoming(t)
			tamper(&in)
			if _, err := v.verifier(v.secret).Verify(in); !errors.Is(err, webhooks.ErrNotVerified) {
				t.Errorf("%s, %s: got error %v, want %v", v.name, name, err, webhooks.ErrNotVerified)
			}
		}
		if v.name != "Standard Webhooks" {
			if _, err := v.verifier(v.secret + "x").Verify(v.incoming(t)); !errors.Is(err, webhooks.ErrNotVerified) {
				t.Errorf("%s, another secret: got error %v", v.name, err)
			}
		}
	}
	if _, err := webhooks.Standard(webhooks.NewSecret()).Verify(vectors[0].incoming(t)); !errors.Is(err, webhooks.ErrNotVerified) {
		t.Errorf("Standard Webhooks, another secret: got error %v", err)
	}
}

// flipLast changes one bit of a signature.
func flipLast(signature string) string {
	at := strings.LastIndexAny(signature, "0123456789abcdefghijklmnop")
	return signature[:at] + string(signature[at]^1) + signature[at+1:]
}

// TestStandardHeaders are the cases of the reference libraries.
func TestStandardHeaders(t *testing.T) {
	t.Parallel()
	v := vectors[0]
	right := v.header["Webhook-Signature"]
	const wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	for name, c := range map[string]struct {
		header map[string]string
		secret string
		ok     bool
	}{
		"several signatures":      {map[string]string{"Webhook-Signature": wrong + " v2,abc " + right + " v1a,xyz"}, v.secret, true},
		"a secret without prefix": {nil, strings.TrimPrefix(v.secret, "whsec_"), true},
		"another version only":    {map[string]string{"Webhook-Signature": "v2" + right[2:]}, v.secret, false},
		"a wrong signature":       {map[string]string{"Webhook-Signature": wrong}, v.secret, false},
		"nothing but the version": {map[string]string{"Webhook-Signature": "v1,"}, v.secret, false},
		"another id":              {map[string]string{"Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJeK"}, v.secret, false},
		"no id":                   {map[string]string{"Webhook-Id": ""}, v.secret, false},
		"thousands of signatures": {map[string]string{"Webhook-Signature": strings.Repeat(wrong+" ", 5000) + right}, v.secret, false},
		"id and time shifted":     {map[string]string{"Webhook-Id": v.header["Webhook-Id"] + ".1614265330", "Webhook-Timestamp": "1614265330"}, v.secret, false},
	} {
		in := v.incoming(t)
		for name, value := range c.header {
			in.Header.Set(name, value)
		}
		if _, err := webhooks.Standard(c.secret).Verify(in); (err == nil) != c.ok {
			t.Errorf("%s: got error %v, want it accepted: %t", name, err, c.ok)
		}
	}
}

// TestSign signs the same message as the reference libraries.
func TestSign(t *testing.T) {
	t.Parallel()
	v := vectors[0]
	got, err := webhooks.Sign(v.header["Webhook-Id"], time.Unix(v.at, 0), []byte(v.body), v.secret)
	if err != nil || got != v.header["Webhook-Signature"] {
		t.Errorf("got %q and error %v, want %q", got, err, v.header["Webhook-Signature"])
	}
	if _, err := webhooks.Sign("a", time.Unix(0, 0), nil, "whsec_?"); err == nil {
		t.Error("a secret that is none signed")
	}
}

// TestStripeIgnoresTestScheme has a v0 signature, which Stripe adds to test events.
func TestStripeIgnoresTestScheme(t *testing.T) {
	t.Parallel()
	v := vectors[1]
	in := v.incoming(t)
	in.Header.Set("Stripe-Signature", strings.Replace(v.header["Stripe-Signature"], "v1=", "v0=", 1))
	if _, err := webhooks.Stripe(v.secret).Verify(in); !errors.Is(err, webhooks.ErrNotVerified) {
		t.Errorf("got error %v", err)
	}
	in.Header.Set("Stripe-Signature", v.header["Stripe-Signature"]+",v0=00,v1=00")
	if _, err := webhooks.Stripe(v.secret).Verify(in); err != nil {
		t.Errorf("among others: %v", err)
	}
}

// TestIdentity says which messages count as the same one.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		in := v.incoming(t)
		first, err := v.verifier(v.secret).Verify(in)
		if err != nil {
			t.Fatal(err)
		}
		// not signed, so it must not make another message of it
		for _, name := range []string{"X-Github-Delivery", "I-Twilio-Idempotency-Token", "X-Slack-Retry-Num", "User-Agent"} {
			in.Header.Set(name, "other")
		}
		second, err := v.verifier(v.secret).Verify(in)
		if err != nil || first.ID != second.ID {
			t.Errorf("%s: got %q, then %q and error %v", v.name, first.ID, second.ID, err)
		}
	}
	stripe, err := webhooks.Stripe(vectors[1].secret).Verify(vectors[1].incoming(t))
	if err != nil || stripe.ID != "evt_1Nxq2e2eZvKYlo2C" {
		t.Errorf("Stripe: got %+v and error %v", stripe, err)
	}
}

// TestSlackChallenge is Slack's question whether a URL is the app's.
func TestSlackChallenge(t *testing.T) {
	t.Parallel()
	app, p, _ := newApp(t, fast())
	p.Receive("/slack", webhooks.Slack("s"), nothing)
	handler := pbtest.Handler(t, app)
	body, now := `{"type":"url_verification","challenge":"3eZbrw1aB10FEMAGAZd4FyFQ"}`, fmt.Sprint(time.Now().Unix())
	header := http.Header{"X-Slack-Request-Timestamp": {now}, "X-Slack-Signature": {"v0=" + macOf("s", "v0:"+now+":"+body)}}
	if answer := send(t, handler, "/slack", body, header); answer.Code != http.StatusOK || answer.Body.String() != "3eZbrw1aB10FEMAGAZd4FyFQ" {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
	if answer := send(t, handler, "/slack", body, nil); answer.Code != http.StatusUnauthorized || strings.Contains(answer.Body.String(), "3eZbrw") {
		t.Errorf("without a signature: got %d %s", answer.Code, answer.Body)
	}
	awaitMessages(t, p, "", 0)
}

func macOf(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestHMAC(t *testing.T) {
	t.Parallel()
	now := time.Unix(1700000000, 0)
	sha1Of := hmac.New(sha1.New, []byte("k"))
	sha1Of.Write([]byte("body"))
	for name, c := range map[string]struct {
		verifier webhooks.HMAC
		header   map[string]string
		ok       bool
	}{
		"hex":            {webhooks.HMAC{}, map[string]string{"X": macOf("k", "body")}, true},
		"capitals":       {webhooks.HMAC{}, map[string]string{"X": strings.ToUpper(macOf("k", "body"))}, true},
		"a prefix":       {webhooks.HMAC{Prefix: "a="}, map[string]string{"X": "a=" + macOf("k", "body")}, true},
		"no prefix":      {webhooks.HMAC{Prefix: "a="}, map[string]string{"X": macOf("k", "body")}, false},
		"base64 of sha1": {webhooks.HMAC{Base64: true, Hash: "sha1"}, map[string]string{"X": base64.StdEncoding.EncodeToString(sha1Of.Sum(nil))}, true},
		"another hash":   {webhooks.HMAC{Hash: "sha512"}, map[string]string{"X": macOf("k", "body")}, false},
		"a time": {
			webhooks.HMAC{TimestampHeader: "T"}, map[string]string{"X": macOf("k", "1700000000.body"), "T": "1700000000"}, true,
		},
		"a time and a separator": {
			webhooks.HMAC{TimestampHeader: "T", Separator: ":"}, map[string]string{"X": macOf("k", "1700000000:body"), "T": "1700000000"}, true,
		},
		"an old time": {
			webhooks.HMAC{TimestampHeader: "T"}, map[string]string{"X": macOf("k", "1699999000.body"), "T": "1699999000"}, false,
		},
		"a time that is not signed": {webhooks.HMAC{TimestampHeader: "T"}, map[string]string{"X": macOf("k", "body"), "T": "1700000000"}, false},
		"no time":                   {webhooks.HMAC{TimestampHeader: "T"}, map[string]string{"X": macOf("k", ".body")}, false},
	} {
		c.verifier.Secrets, c.verifier.Header = []string{"old", "k"}, "X"
		in := webhooks.Incoming{Header: http.Header{}, Body: []byte("body"), Now: now}
		for name, value := range c.header {
			in.Header.Set(name, value)
		}
		if _, err := c.verifier.Verify(in); (err == nil) != c.ok {
			t.Errorf("%s: got error %v, want it accepted: %t", name, err, c.ok)
		}
	}
}

// FuzzVerifiers looks for requests that make a verifier panic or pass.
func FuzzVerifiers(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.header[v.signature], v.header[v.timestamp], v.body, "a=b")
	}
	verifiers := []webhooks.Verifier{
		webhooks.Standard(webhooks.NewSecret()), webhooks.Stripe("k1"), webhooks.GitHub("k2"), webhooks.Slack("k3"),
		webhooks.Twilio("https://app.example.com", "k4"),
		webhooks.HMAC{Secrets: []string{"k5"}, Header: "X", TimestampHeader: "T"},
	}
	f.Fuzz(func(t *testing.T, signature, timestamp, body, query string) {
		in := webhooks.Incoming{
			URL: &url.URL{Path: "/in", RawQuery: query}, Header: http.Header{"Webhook-Id": {"a"}}, Body: []byte(body), Now: time.Unix(1614265330, 0),
		}
		for _, name := range []string{"Webhook-Signature", "Stripe-Signature", "X-Hub-Signature-256", "X-Slack-Signature", "X-Twilio-Signature", "X"} {
			in.Header.Set(name, signature)
		}
		for _, name := range []string{"Webhook-Timestamp", "X-Slack-Request-Timestamp", "T"} {
			in.Header.Set(name, timestamp)
		}
		for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
			in.Header.Set("Content-Type", kind)
			for _, v := range verifiers {
				if _, err := v.Verify(in); !errors.Is(err, webhooks.ErrNotVerified) {
					t.Errorf("%T: got error %v", v, err)
				}
			}
		}
	})
}
