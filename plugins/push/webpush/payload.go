package webpush

import (
	"encoding/json"
	"fmt"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// Payload is what a service worker gets, as JSON. Empty fields are left out.
type Payload struct {
	// ID names the notification, for a receipt.
	ID string `json:"id,omitempty"`
	// Title and Body are the text.
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	// Image is the URL of a picture.
	Image string `json:"image,omitempty"`
	// Link is where a click leads: a URL, or a path within the app.
	Link string `json:"link,omitempty"`
	// Badge is for navigator.setAppBadge, 0 to clear it.
	Badge *int `json:"badge,omitempty"`
	// Tag is the collapse key: showNotification replaces what has the same one.
	Tag string `json:"tag,omitempty"`
	// Sound is the name of a sound, which the page may play.
	Sound string `json:"sound,omitempty"`
	// Data is for the app.
	Data map[string]string `json:"data,omitempty"`
}

// encodePayload returns the JSON, or an error if no push service would take it.
func encodePayload(n *provider.Notification) ([]byte, error) {
	text, err := json.Marshal(Payload{
		ID: n.ID, Title: n.Title, Body: n.Body, Image: n.Image, Link: n.Link,
		Badge: n.Badge, Tag: n.CollapseKey, Sound: n.Sound, Data: n.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("webpush: encode the payload: %w", err)
	}
	if len(text) > MaxPayload {
		return nil, &provider.Error{
			Kind:    provider.Refused,
			Message: fmt.Sprintf("the payload has %d bytes, and push services take at most %d", len(text), MaxPayload),
		}
	}
	return text, nil
}
