package fcm

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/holdall-go/holdall/plugins/push/internal/exchange"
	"github.com/holdall-go/holdall/plugins/push/provider"
)

// maxTTL is the longest that FCM keeps a message.
const maxTTL = 28 * 24 * time.Hour

// The keys that the data of a message has besides those of Notification.Data.
const (
	dataID   = "notificationId"
	dataLink = "link"
)

// The JSON of POST /v1/projects/{project}/messages:send.
type (
	request struct {
		Message message `json:"message"`
	}
	message struct {
		Token        string            `json:"token"`
		Notification *notification     `json:"notification,omitempty"`
		Data         map[string]string `json:"data,omitempty"`
		Android      android           `json:"android"`
		APNs         apple             `json:"apns"`
		WebPush      web               `json:"webpush"`
	}
	notification struct {
		Title string `json:"title,omitempty"`
		Body  string `json:"body,omitempty"`
		Image string `json:"image,omitempty"`
	}
	android struct {
		Priority     string               `json:"priority"`
		TTL          string               `json:"ttl"`
		CollapseKey  string               `json:"collapse_key,omitempty"`
		Notification *androidNotification `json:"notification,omitempty"`
	}
	androidNotification struct {
		Sound string `json:"sound,omitempty"`
		Tag   string `json:"tag,omitempty"`
		Count int    `json:"notification_count,omitempty"`
	}
	apple struct {
		Headers map[string]string `json:"headers"`
		Payload applePayload      `json:"payload"`
		Options *appleOptions     `json:"fcm_options,omitempty"`
	}
	applePayload struct {
		APS aps `json:"aps"`
	}
	aps struct {
		Badge            *int   `json:"badge,omitempty"`
		Sound            string `json:"sound,omitempty"`
		ContentAvailable int    `json:"content-available,omitempty"`
		MutableContent   int    `json:"mutable-content,omitempty"`
	}
	appleOptions struct {
		Image string `json:"image,omitempty"`
	}
	web struct {
		Headers map[string]string `json:"headers"`
		Options *webOptions       `json:"fcm_options,omitempty"`
	}
	webOptions struct {
		Link string `json:"link,omitempty"`
	}
)

func newRequest(token string, n *provider.Notification, now time.Time) request {
	m := message{
		Token:   token,
		Data:    data(n),
		Android: forAndroid(n),
		APNs:    forApple(n, now),
		WebPush: forWeb(n),
	}
	if !n.Silent {
		m.Notification = &notification{Title: n.Title, Body: n.Body, Image: n.Image}
	}
	return request{Message: m}
}

// data is that of the notification with what else the app may want to know.
func data(n *provider.Notification) map[string]string {
	all := map[string]string{}
	if n.Link != "" {
		all[dataLink] = n.Link
	}
	maps.Copy(all, n.Data)
	if n.ID != "" {
		all[dataID] = n.ID
	}
	return all
}

func forAndroid(n *provider.Notification) android {
	a := android{
		Priority:    "NORMAL",
		TTL:         fmt.Sprintf("%ds", exchange.Seconds(n.TTL, maxTTL)),
		CollapseKey: n.CollapseKey,
	}
	if n.High {
		a.Priority = "HIGH"
	}
	if !n.Silent {
		shown := androidNotification{Sound: n.Sound, Tag: n.CollapseKey}
		if n.Badge != nil {
			shown.Count = max(0, *n.Badge)
		}
		a.Notification = &shown
	}
	return a
}

// forApple is what FCM hands on to APNs. A silent notification has to have the
// low priority there.
func forApple(n *provider.Notification, now time.Time) apple {
	a := apple{Headers: map[string]string{
		"apns-push-type":  "alert",
		"apns-priority":   "5",
		"apns-expiration": "0",
	}}
	if seconds := exchange.Seconds(n.TTL, maxTTL); seconds > 0 {
		a.Headers["apns-expiration"] = strconv.FormatInt(now.Unix()+seconds, 10)
	}
	if n.CollapseKey != "" {
		a.Headers["apns-collapse-id"] = exchange.CollapseID(n.CollapseKey)
	}
	a.Payload.APS.Badge = n.Badge
	if n.Silent {
		a.Headers["apns-push-type"] = "background"
		a.Payload.APS.ContentAvailable = 1
		return a
	}
	if n.High {
		a.Headers["apns-priority"] = "10"
	}
	a.Payload.APS.Sound = n.Sound
	if n.Image != "" {
		a.Payload.APS.MutableContent = 1
		a.Options = &appleOptions{Image: n.Image}
	}
	return a
}

// forWeb is what FCM hands on to browsers. It follows only https: links.
func forWeb(n *provider.Notification) web {
	w := web{Headers: map[string]string{
		"TTL":     strconv.FormatInt(exchange.Seconds(n.TTL, maxTTL), 10),
		"Urgency": "normal",
	}}
	if n.High {
		w.Headers["Urgency"] = "high"
	}
	if n.CollapseKey != "" {
		w.Headers["Topic"] = exchange.Topic(n.CollapseKey)
	}
	if strings.HasPrefix(n.Link, "https://") && !n.Silent {
		w.Options = &webOptions{Link: n.Link}
	}
	return w
}
