package pushtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func (s *Server) tokenURL() string { return s.URL + "/token" }

// oauth gives access tokens for signed assertions (RFC 7523).
func (s *Server) oauth(w http.ResponseWriter, r *http.Request) {
	err := s.checkAssertion(r)
	if answer := s.note(OAuth, "", nil, err); answer != nil {
		s.refuse(w, r, OAuth, *answer)
		return
	}
	token := "ya29." + base64url(random(32))
	s.mu.Lock()
	s.access[token] = s.clock.Now().Add(s.tokenLife)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": token, "token_type": "Bearer", "expires_in": int(s.tokenLife / time.Second),
	})
}

func (s *Server) checkAssertion(r *http.Request) error {
	r.Body = http.MaxBytesReader(nil, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		return violated(http.StatusBadRequest, "invalid_request", "the form: %v", err)
	}
	if grant := r.PostForm.Get("grant_type"); grant != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return violated(http.StatusBadRequest, "unsupported_grant_type", "the grant type is %q", grant)
	}
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(email),
		jwt.WithAudience(s.tokenURL()), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	token, err := parser.ParseWithClaims(r.PostForm.Get("assertion"), claims, func(*jwt.Token) (any, error) {
		return &s.account().PublicKey, nil
	})
	if err != nil {
		return violated(http.StatusBadRequest, "invalid_grant", "the assertion: %v", err)
	}
	if token.Header["kid"] != accountKey {
		return violated(http.StatusBadRequest, "invalid_grant", "the key of the assertion is %v", token.Header["kid"])
	}
	if claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" {
		return violated(http.StatusBadRequest, "invalid_scope", "the scope is %v", claims["scope"])
	}
	issued, err := claims.GetIssuedAt()
	expires, failed := claims.GetExpirationTime()
	if err != nil || failed != nil || issued == nil || expires.Sub(issued.Time) > time.Hour+time.Minute {
		return violated(http.StatusBadRequest, "invalid_grant", "the assertion lives from %v to %v", issued, expires)
	}
	return nil
}

// fcm is projects.messages.send of FCM's HTTP v1 API.
func (s *Server) fcm(w http.ResponseWriter, r *http.Request) {
	token, message, err := s.readFCM(r)
	if answer := s.note(FCM, token, message, err); answer != nil {
		s.refuse(w, r, FCM, *answer)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"name": fmt.Sprintf("projects/%s/messages/0:%d", project, s.number())})
}

// fcmMessage is what FCM documents of a message, as far as anybody sends it.
type fcmMessage struct {
	Token        string            `json:"token"`
	Data         map[string]string `json:"data"`
	Notification *struct {
		Title string `json:"title"`
		Body  string `json:"body"`
		Image string `json:"image"`
	} `json:"notification"`
	Android struct {
		CollapseKey  string `json:"collapse_key"`
		Priority     string `json:"priority"`
		TTL          string `json:"ttl"`
		Notification *struct {
			Sound string `json:"sound"`
			Tag   string `json:"tag"`
			Count int    `json:"notification_count"`
		} `json:"notification"`
	} `json:"android"`
	APNs struct {
		Headers    map[string]string `json:"headers"`
		Payload    map[string]any    `json:"payload"`
		FCMOptions struct {
			Image string `json:"image"`
		} `json:"fcm_options"`
	} `json:"apns"`
	WebPush struct {
		Headers    map[string]string `json:"headers"`
		FCMOptions struct {
			Link string `json:"link"`
		} `json:"fcm_options"`
	} `json:"webpush"`
}

// readFCM checks a request. The token is told even if something is wrong.
func (s *Server) readFCM(r *http.Request) (string, *Message, error) {
	body, err := read(r)
	if err != nil {
		return "", nil, err
	}
	var request struct {
		Message json.RawMessage `json:"message"`
	}
	var m fcmMessage
	if err := strictly(body, &request); err != nil {
		return "", nil, violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the request: %v", err)
	}
	if err := strictly(request.Message, &m); err != nil {
		return "", nil, violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the message: %v", err)
	}
	if err := s.checkAccess(r); err != nil {
		return m.Token, nil, err
	}
	if err := checkFCMMessage(m); err != nil {
		return m.Token, nil, err
	}
	if s.find(FCM, m.Token) == nil {
		return m.Token, nil, nil
	}
	return m.Token, &Message{Service: FCM, Header: header(r), Body: request.Message}, nil
}

func strictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (s *Server) checkAccess(r *http.Request) error {
	s.mu.Lock()
	expires, ok := s.access[bearer(r)]
	s.mu.Unlock()
	if !ok || !expires.After(s.clock.Now()) {
		// no problem of the sender's: tokens do end
		return &refusedQuietly{Answer{Fault: AuthError}}
	}
	if r.PathValue("project") != project || r.PathValue("method") != "messages:send" {
		return violated(http.StatusForbidden, "PERMISSION_DENIED", "the path is %s", r.URL.Path)
	}
	return nil
}

var (
	durationForm = regexp.MustCompile(`^[0-9]+(\.[0-9]{1,9})?s$`)
	reserved     = regexp.MustCompile(`^(from|message_type|(google|gcm).*)$`)
)

func checkFCMMessage(m fcmMessage) error {
	size := 0
	for key, value := range m.Data {
		if reserved.MatchString(key) {
			return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the data has the reserved key %q", key)
		}
		size += len(key) + len(value)
	}
	switch {
	case size > 4096:
		return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the data has %d bytes", size)
	case m.Token == "":
		return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "there is no token")
	case m.Android.Priority != "NORMAL" && m.Android.Priority != "HIGH":
		return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the priority is %q", m.Android.Priority)
	case !durationForm.MatchString(m.Android.TTL):
		return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the ttl is %q", m.Android.TTL)
	case m.WebPush.FCMOptions.Link != "" && !strings.HasPrefix(m.WebPush.FCMOptions.Link, "https://"):
		return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "the link is %q", m.WebPush.FCMOptions.Link)
	}
	if m.Notification == nil && m.APNs.Headers["apns-push-type"] == "background" && m.APNs.Headers["apns-priority"] != "5" {
		return violated(http.StatusBadRequest, "INVALID_ARGUMENT", "a background push has the priority %q", m.APNs.Headers["apns-priority"])
	}
	return nil
}
