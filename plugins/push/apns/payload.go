package apns

import (
	"encoding/json"
	"fmt"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// MaxPayload is how long the JSON of a notification may be, in bytes.
const MaxPayload = 4096

// The JSON that the app gets.
type (
	payload struct {
		APS   aps               `json:"aps"`
		ID    string            `json:"id,omitempty"`
		Link  string            `json:"link,omitempty"`
		Image string            `json:"image,omitempty"`
		Data  map[string]string `json:"data,omitempty"`
	}
	aps struct {
		Alert            *alert `json:"alert,omitempty"`
		Badge            *int   `json:"badge,omitempty"`
		Sound            string `json:"sound,omitempty"`
		ContentAvailable int    `json:"content-available,omitempty"`
		MutableContent   int    `json:"mutable-content,omitempty"`
	}
	alert struct {
		Title string `json:"title,omitempty"`
		Body  string `json:"body,omitempty"`
	}
)

// encodePayload returns the JSON, or an error if APNs would not take it.
func encodePayload(n *provider.Notification) ([]byte, error) {
	p := payload{ID: n.ID, Link: n.Link, Image: n.Image, Data: n.Data}
	p.APS.Badge = n.Badge
	if n.Silent {
		p.APS.ContentAvailable = 1
	} else {
		p.APS.Alert = &alert{Title: n.Title, Body: n.Body}
		p.APS.Sound = n.Sound
		if n.Image != "" {
			p.APS.MutableContent = 1
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("apns: encode the payload: %w", err)
	}
	if len(text) > MaxPayload {
		return nil, &provider.Error{
			Kind:    provider.Refused,
			Message: fmt.Sprintf("the payload has %d bytes, and APNs takes at most %d", len(text), MaxPayload),
		}
	}
	return text, nil
}
