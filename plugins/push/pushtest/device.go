package pushtest

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// device is what a service knows of a registration.
type device struct {
	service  string
	key      *ecdh.PrivateKey // of a browser
	auth     []byte
	vapid    string // the public key of the first sender, to which it is bound
	received []Message
}

// Message is a notification as a device gets it.
type Message struct {
	// Service is WebPush, FCM or APNs.
	Service string
	// Header is that of the request, without Authorization.
	Header http.Header
	// Body is the JSON: for Web Push the decrypted text, for FCM the message, for
	// APNs the payload.
	Body []byte
	// Sandbox tells that it came to APNs' development environment.
	Sandbox bool
}

// Title is the title that is shown.
func (m Message) Title() string { return m.text("title") }

// Text is the body that is shown.
func (m Message) Text() string { return m.text("body") }

func (m Message) text(field string) string {
	text, _ := m.alert()[field].(string)
	return text
}

// alert is the part of the JSON with what is shown.
func (m Message) alert() map[string]any {
	var all map[string]any
	if json.Unmarshal(m.Body, &all) != nil {
		return nil
	}
	switch m.Service {
	case FCM:
		shown, _ := all["notification"].(map[string]any)
		return shown
	case APNs:
		aps, _ := all["aps"].(map[string]any)
		shown, _ := aps["alert"].(map[string]any)
		return shown
	default:
		return all
	}
}

// Device registers a new device or browser with a service. A subscription to Web
// Push takes messages from the first VAPID key only that sends to it.
func (s *Server) Device(service string) provider.Target {
	d := &device{service: service}
	target := provider.Target{}
	switch service {
	case WebPush:
		key, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			panic(fmt.Sprintf("pushtest: make a key: %v", err)) // the system has no randomness
		}
		d.key, d.auth = key, random(16)
		target.Token = s.URL + "/push/" + base64url(random(24))
		target.P256dh, target.Auth = base64url(key.PublicKey().Bytes()), base64url(d.auth)
	case FCM:
		target.Token = base64url(random(16)) + ":APA91b" + base64url(random(96))
	case APNs:
		target.Token = hex.EncodeToString(random(32))
	default:
		panic(fmt.Sprintf("pushtest: there is no service %q", service))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[target.Token] = d
	return target
}

// find returns the device of a service.
func (s *Server) find(service, token string) *device {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.devices[token]; d != nil && d.service == service {
		return d
	}
	return nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
