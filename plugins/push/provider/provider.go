// Package provider is what the push services have in common: a notification, the
// device it goes to, and the errors that decide what happens next. The clients of
// the services are in the packages webpush, fcm and apns beside it.
package provider

import (
	"context"
	"fmt"
	"time"
)

// Provider sends notifications by one push service. It is safe for concurrent
// use, and takes its own time limit for a request.
type Provider interface {
	// Send hands one notification to the service. id is the service's name for
	// it, and empty if it gives none. Every error that has to do with the answer
	// of the service or the way to it is an [*Error].
	Send(ctx context.Context, to Target, n *Notification) (id string, err error)
}

// Target is a device, or a browser, as a service knows it.
type Target struct {
	// Token is FCM's registration token, APNs' device token in hex, or the URL of
	// a Web Push subscription's endpoint.
	Token string
	// P256dh and Auth are the keys of a Web Push subscription, in base64url as
	// PushSubscription.toJSON() gives them. Other services have none.
	P256dh string
	Auth   string
	// Topic is the app's bundle identifier, for APNs. Empty is the one of the
	// provider's config.
	Topic string
	// Sandbox sends by APNs' development environment.
	Sandbox bool
}

// Notification is what to show. Services that lack a feature leave it out.
type Notification struct {
	// ID names the notification to the app, which may send it back in a receipt.
	// It goes with the data, and may be empty.
	ID    string
	Title string
	Body  string
	// Image is the URL of a picture.
	Image string
	// Link is where a tap leads: a URL, or a path within the app.
	Link string
	// Badge is the number at the app's icon. nil leaves the one that is there, 0
	// takes it away.
	Badge *int
	// Sound is the name of a sound in the app, or "default". Empty is silent.
	Sound string
	// Data is for the app, and not shown.
	Data map[string]string
	// CollapseKey names what the notification is about. A device that is offline
	// gets the last one of a key only, and one that shows it replaces it.
	CollapseKey string
	// TTL is how long the service keeps trying. 0 means: now or never.
	TTL time.Duration
	// High asks the service to wake the device up at once.
	High bool
	// Silent wakes the app up and shows nothing. Web Push has no such thing.
	Silent bool
}

// Kind says what an error means for the sender.
type Kind int

const (
	// Retry: the service is busy, out of order or unreachable. Later it may work.
	Retry Kind = iota + 1
	// Gone: the device is not registered any more. Forget its token.
	Gone
	// Credentials: the service does not accept ours. Nothing can be sent before
	// somebody has changed the config.
	Credentials
	// Refused: the service will never take this notification for this device.
	Refused
)

// String is the kind as the delivery log has it.
func (k Kind) String() string {
	switch k {
	case Retry:
		return "retry"
	case Gone:
		return "gone"
	case Credentials:
		return "credentials"
	case Refused:
		return "refused"
	default:
		return fmt.Sprintf("kind %d", int(k))
	}
}

// Error is why a service has not taken a notification.
type Error struct {
	Kind Kind
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Code is the service's own name for it, such as UNREGISTERED or
	// BadDeviceToken. It may be empty.
	Code string
	// Message is for operators. It never holds a token, key or secret.
	Message string
	// Alert says that the cause may be our config and an operator should look at
	// it, although other devices may well be reached. Credentials errors always
	// are of that sort, whether they say so or not.
	Alert bool
	// RetryAfter is how long the service wants to be left alone, 0 if it does not say.
	RetryAfter time.Duration
	// Err is the cause, if there was no answer.
	Err error
}

// Error is a line for the log.
func (e *Error) Error() string {
	text := e.Message
	if e.Code != "" {
		text = e.Code + ": " + text
	}
	if e.Status != 0 {
		text = fmt.Sprintf("%d %s", e.Status, text)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap is the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }
