package webhooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// Tolerance is how far the timestamp of a message may be from the time it is
// received, before and after.
const Tolerance = 5 * time.Minute

// ErrNotVerified is wrapped by the errors of messages that are not who they claim
// to be from, or not of now.
var ErrNotVerified = errors.New("the message is not verified")

// Incoming is a request as it came.
type Incoming struct {
	Method string
	// URL is the path and the query, as the sender wrote them.
	URL *url.URL
	// PathValues are what stands in the path for its wildcards, by their names.
	PathValues map[string]string
	Header     http.Header
	// Body is what was sent, byte for byte.
	Body []byte
	// Now is when it came.
	Now time.Time
}

// Verdict is what a [Verifier] says of a message that it accepts.
type Verdict struct {
	// ID is the same for the same message, however often it is sent, and cannot be
	// chosen by who has only seen it.
	ID string
	// Answer, if set, is sent in place of handling the message.
	Answer *Answer
}

// Answer is a body for the sender.
type Answer struct {
	ContentType string
	Body        []byte
}

// Verifier decides whether a request is from who it should be from.
type Verifier interface {
	// Verify returns an error that wraps [ErrNotVerified] for a message that is
	// not accepted. Any other says that this could not be found out.
	Verify(in Incoming) (Verdict, error)
}

// configured is implemented by verifiers that can tell that they cannot work.
type configured interface{ check() error }

// signed is implemented by verifiers that can tell which headers they need.
type signed interface{ headers() []string }

// answering is implemented by verifiers that answer some messages themselves.
type answering interface{ answers() apidoc.Answer }

func notVerified(why string) error { return verifyError(why) }

type verifyError string

func (e verifyError) Error() string { return ErrNotVerified.Error() + ": " + string(e) }
func (verifyError) Unwrap() error   { return ErrNotVerified }

// checkSecrets refuses a verifier that everybody could satisfy.
func checkSecrets(secrets []string) error {
	if len(secrets) == 0 {
		return errors.New("it has no secret")
	}
	for _, secret := range secrets {
		if secret == "" {
			return errors.New("a secret is empty")
		}
	}
	return nil
}

// checkTime refuses a timestamp, in seconds since 1970, that is not of now.
func checkTime(timestamp string, in Incoming) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || timestamp[0] == '+' {
		return notVerified("the timestamp is not a number")
	}
	// compared as numbers: a duration between far-off times would overflow
	now, most := in.Now.Unix(), int64(Tolerance/time.Second)
	if seconds < now-most {
		return notVerified("the timestamp is too old")
	}
	if seconds > now+most {
		return notVerified("the timestamp is in the future")
	}
	return nil
}

// single returns the value of a header that comes once.
func single(header http.Header, name string) (string, error) {
	values := header.Values(name)
	if len(values) != 1 || values[0] == "" {
		return "", notVerified("the header " + name + " is missing or there several times")
	}
	return values[0], nil
}

// digest names a message by what was signed of it.
func digest(parts ...[]byte) string {
	sum := sha256.New()
	for _, part := range parts {
		sum.Write([]byte(strconv.Itoa(len(part)) + ":"))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
