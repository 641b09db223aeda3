package pushtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// apns is APNs' provider API.
func (s *Server) apns(w http.ResponseWriter, r *http.Request) {
	token := r.PathValue("token")
	message, err := s.readAPNs(r, token)
	id := random(16)
	w.Header().Set("Apns-Id", fmt.Sprintf("%X-%X-%X-%X-%X", id[:4], id[4:6], id[6:8], id[8:10], id[10:]))
	if answer := s.note(APNs, token, message, err); answer != nil {
		s.refuse(w, r, APNs, *answer)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// hexToken is the form of device tokens.
var hexToken = regexp.MustCompile(`^([0-9a-f]{2})+$`)

func (s *Server) readAPNs(r *http.Request, token string) (*Message, error) {
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	if r.ProtoMajor != 2 {
		return nil, violated(http.StatusHTTPVersionNotSupported, "", "the protocol is %s", r.Proto)
	}
	if err := s.checkBearer(r); err != nil {
		return nil, err
	}
	if !hexToken.MatchString(token) {
		return nil, violated(http.StatusBadRequest, "BadDeviceToken", "the device token is not hex")
	}
	if err := checkAPNsHeaders(r); err != nil {
		return nil, err
	}
	if err := checkAPNsPayload(r, body); err != nil {
		return nil, err
	}
	if s.find(APNs, token) == nil {
		return nil, nil //nolint:nilnil // note answers that it is gone
	}
	return &Message{
		Service: APNs, Header: header(r), Body: body, Sandbox: strings.HasPrefix(r.URL.Path, "/sandbox/"),
	}, nil
}

// checkBearer checks the provider token.
func (s *Server) checkBearer(r *http.Request) error {
	text := bearer(r)
	if text == "" {
		return violated(http.StatusForbidden, "MissingProviderToken", "there is no provider token")
	}
	token, claims, err := parseES256(text, &s.signing.PublicKey)
	if err != nil {
		return violated(http.StatusForbidden, "InvalidProviderToken", "%v", err)
	}
	if token.Header["kid"] != keyID || claims["iss"] != teamID {
		return violated(http.StatusForbidden, "InvalidProviderToken", "the token is of key %v and team %v", token.Header["kid"], claims["iss"])
	}
	s.mu.Lock()
	fresh, seen := s.bearers[text]
	if !seen {
		s.bearers[text], fresh = true, true
	}
	s.mu.Unlock()
	if !fresh {
		return &refusedQuietly{Answer{Fault: Custom, Status: http.StatusForbidden, Code: "ExpiredProviderToken"}}
	}
	now := s.clock.Now()
	issued, err := claims.GetIssuedAt()
	if err != nil || issued == nil || issued.After(now.Add(time.Minute)) {
		return violated(http.StatusForbidden, "InvalidProviderToken", "the token was issued at %v, and it is %v", issued, now)
	}
	if now.Sub(issued.Time) > time.Hour {
		return violated(http.StatusForbidden, "ExpiredProviderToken", "the token was issued at %v, and it is %v", issued, now)
	}
	return nil
}

func checkAPNsHeaders(r *http.Request) error {
	if got := r.Header.Get("Apns-Topic"); got != topic {
		return violated(http.StatusBadRequest, "DeviceTokenNotForTopic", "the topic is %q", got)
	}
	if !oneOf(r, "Apns-Push-Type", "alert", "background") {
		return violated(http.StatusBadRequest, "InvalidPushType", "the push type is %q", r.Header.Get("Apns-Push-Type"))
	}
	if !oneOf(r, "Apns-Priority", "10", "5", "1") {
		return violated(http.StatusBadRequest, "BadPriority", "the priority is %q", r.Header.Get("Apns-Priority"))
	}
	if oneOf(r, "Apns-Push-Type", "background") && oneOf(r, "Apns-Priority", "10") {
		return violated(http.StatusBadRequest, "BadPriority", "a background push has priority 10")
	}
	if _, err := strconv.ParseUint(r.Header.Get("Apns-Expiration"), 10, 63); err != nil {
		return violated(http.StatusBadRequest, "BadExpirationDate", "the expiration is %q", r.Header.Get("Apns-Expiration"))
	}
	if id := r.Header.Get("Apns-Collapse-Id"); len(id) > 64 {
		return violated(http.StatusBadRequest, "BadCollapseId", "the collapse id has %d bytes", len(id))
	}
	return nil
}

func checkAPNsPayload(r *http.Request, body []byte) error {
	switch {
	case len(body) == 0:
		return violated(http.StatusBadRequest, "PayloadEmpty", "there is no payload")
	case len(body) > 4096:
		return violated(http.StatusRequestEntityTooLarge, "PayloadTooLarge", "the payload has %d bytes", len(body))
	}
	var p struct {
		APS struct {
			Alert            any `json:"alert"`
			ContentAvailable int `json:"content-available"`
		} `json:"aps"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return violated(http.StatusBadRequest, "BadMessage", "the payload: %v", err)
	}
	background := oneOf(r, "Apns-Push-Type", "background")
	if background != (p.APS.ContentAvailable == 1) || background != (p.APS.Alert == nil) {
		return violated(http.StatusBadRequest, "InvalidPushType", "the payload does not fit the push type %s", r.Header.Get("Apns-Push-Type"))
	}
	return nil
}
