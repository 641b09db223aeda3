package pushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// topicForm is RFC 8030 section 5.4.
var topicForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// webPush is a push service of RFC 8030.
func (s *Server) webPush(w http.ResponseWriter, r *http.Request) {
	token := s.URL + r.URL.Path
	message, err := s.readWebPush(r, token)
	if answer := s.note(WebPush, token, message, err); answer != nil {
		s.refuse(w, r, WebPush, *answer)
		return
	}
	w.Header().Set("Location", fmt.Sprintf("%s/message/%d", s.URL, s.number()))
	w.WriteHeader(http.StatusCreated)
}

func (s *Server) readWebPush(r *http.Request, token string) (*Message, error) {
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	d := s.find(WebPush, token)
	if d == nil {
		return nil, nil //nolint:nilnil // there is nothing to check it against, and note answers that it is gone
	}
	if err := s.checkVAPID(r, d); err != nil {
		return nil, err
	}
	if err := checkPushHeaders(r); err != nil {
		return nil, err
	}
	if len(body) > 4096 {
		return nil, violated(http.StatusRequestEntityTooLarge, "", "the body has %d bytes", len(body))
	}
	plain, err := Decrypt(body, d.key, d.auth)
	if err != nil {
		// A push service would not know. A test wants to.
		return nil, violated(http.StatusBadRequest, "", "the message cannot be decrypted: %v", err)
	}
	return &Message{Service: WebPush, Header: header(r), Body: plain}, nil
}

func checkPushHeaders(r *http.Request) error {
	if ttl, err := strconv.Atoi(r.Header.Get("TTL")); err != nil || ttl < 0 {
		return violated(http.StatusBadRequest, "", "the TTL is %q", r.Header.Get("TTL"))
	}
	if !oneOf(r, "Content-Encoding", "aes128gcm") {
		return violated(http.StatusBadRequest, "", "the content encoding is %q", r.Header.Get("Content-Encoding"))
	}
	if !oneOf(r, "Urgency", "", "very-low", "low", "normal", "high") {
		return violated(http.StatusBadRequest, "", "the urgency is %q", r.Header.Get("Urgency"))
	}
	if topic := r.Header.Get("Topic"); topic != "" && !topicForm.MatchString(topic) {
		return violated(http.StatusBadRequest, "", "the topic is %q", topic)
	}
	return nil
}

// checkVAPID checks who sends, as RFC 8292 has it.
func (s *Server) checkVAPID(r *http.Request, d *device) error {
	parameters, ok := strings.CutPrefix(r.Header.Get("Authorization"), "vapid ")
	token, public, both := strings.Cut(parameters, ",")
	token, isToken := strings.CutPrefix(strings.TrimSpace(token), "t=")
	public, isKey := strings.CutPrefix(strings.TrimSpace(public), "k=")
	if !ok || !both || !isToken || !isKey {
		return violated(http.StatusUnauthorized, "", "the authorization is not of the form of VAPID")
	}
	point, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil {
		return violated(http.StatusUnauthorized, "", "the key is not base64url")
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return violated(http.StatusUnauthorized, "", "the key is not of P-256")
	}
	_, claims, err := parseES256(token, key)
	if err != nil {
		return violated(http.StatusUnauthorized, "", "%v", err)
	}
	if claims["aud"] != s.URL {
		return violated(http.StatusUnauthorized, "", "the audience is %v", claims["aud"])
	}
	now := s.clock.Now()
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil || !expires.After(now) || expires.After(now.Add(24*time.Hour)) {
		return violated(http.StatusUnauthorized, "", "the token ends at %v, and it is %v", expires, now)
	}
	subject, _ := claims["sub"].(string)
	if !strings.HasPrefix(subject, "mailto:") && !strings.HasPrefix(subject, "https://") {
		return violated(http.StatusUnauthorized, "", "the subject is %q", subject)
	}
	return s.bind(d, public)
}

// bind lets only one key send to a subscription (RFC 8292 section 4).
func (s *Server) bind(d *device, public string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.vapid == "" {
		d.vapid = public
	}
	if d.vapid != public {
		return violated(http.StatusForbidden, "", "the subscription is bound to another key")
	}
	return nil
}

// number is a new one each time.
func (s *Server) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}
