package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
)

// Message is what to tell, and whom.
type Message struct {
	To Recipients `json:"to" doc:"Exactly one sort of recipients."`

	// Title and Body are the text, in the language of those for whom Locales has
	// nothing. One of them is needed unless the message is Silent.
	Title string `json:"title,omitempty" doc:"In the language of those for whom locales has nothing. It or body is needed unless the message is silent."`
	Body  string `json:"body,omitempty"`

	// Locales are the text in other languages, by names such as "de" or "pt-BR".
	// A user who reads de-AT gets de-AT, else de, else Title and Body.
	Locales map[string]Text `json:"locales,omitempty" doc:"The text in other languages, by names such as de or pt-BR."`

	// Image is the URL of a picture, Link where a tap leads: a URL, or a path
	// within the app. Sound is the name of a sound in the app, or "default".
	Image string `json:"image,omitempty" doc:"The URL of a picture."`
	Link  string `json:"link,omitempty" doc:"Where a tap leads: a URL, or a path within the app."`
	Sound string `json:"sound,omitempty" doc:"The name of a sound in the app, or default."`

	// Data is for the app, and not shown.
	Data map[string]string `json:"data,omitempty" doc:"For the app, and not shown."`

	// Badge is the number at the app's icon; 0 takes it away, nil leaves the one
	// that is there. BadgeAdd is added to the one of each device instead.
	Badge    *int `json:"badge,omitempty" minimum:"0" maximum:"99999" doc:"The number at the app's icon. 0 takes it away."`
	BadgeAdd int  `json:"badgeAdd,omitempty" minimum:"0" maximum:"99999" doc:"Added to the number of each device, in place of badge."`

	// CollapseKey names what the message is about. The last message of a key
	// replaces those before it on the device.
	CollapseKey string `json:"collapseKey,omitempty" doc:"Names what the message is about. The last one of a key replaces those before it on the device."`

	// TTL is for how long after it was due the message is worth sending. In JSON
	// it is a text such as "90m". Defaults to [Config.TTL].
	TTL time.Duration `json:"-"`

	// High goes before other messages, wakes the device up at once, and through
	// quiet hours.
	High bool `json:"high,omitempty" doc:"Goes before other messages, wakes the device up at once, and through quiet hours."`

	// Silent wakes the app up and shows nothing. Browsers do not have that.
	Silent bool `json:"silent,omitempty" doc:"Wakes the app up and shows nothing. Browsers do not have that."`

	// At is when to send. Whom it goes to is decided then. The default is now.
	At time.Time `json:"at,omitzero" doc:"When to send, within a year. Defaults to now."`

	// QuietHours hold the message back while it is night for the user.
	QuietHours *QuietHours `json:"quietHours,omitempty" doc:"Hold the message back while it is night for the user."`

	// Key makes the message one: as long as a message with this key is kept,
	// another one with it is not stored. At most 200 characters.
	Key string `json:"key,omitempty" maxLength:"200" doc:"Makes the message one: as long as one with this key is kept, another is not stored."`
}

// Text is what a message says in one language.
type Text struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

// QuietHours are the hours of each day, by the clock where the user is, in which
// nothing is sent. They may go over midnight.
type QuietHours struct {
	From string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"22:00"`
	To   string `json:"to" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"07:00"`
}

// plainMessage is a Message without its methods.
type plainMessage Message

// messageBody is a message as it is stored and as the API takes it.
type messageBody struct {
	plainMessage
	TTL string `json:"ttl,omitempty" doc:"For how long after it was due the message is worth sending, up to 4 weeks." example:"90m"`
}

// Validate implements validation.Validatable.
func (b messageBody) Validate() error {
	if _, err := b.message(); err != nil {
		return validation.Errors{"ttl": validation.NewError("validation_push_ttl", "Must be a duration such as 90m.")}
	}
	return nil
}

func (b messageBody) message() (Message, error) {
	m := Message(b.plainMessage)
	if b.TTL == "" {
		return m, nil
	}
	ttl, err := time.ParseDuration(b.TTL)
	if err != nil {
		return m, errors.New("push: TTL must be a duration such as 90m")
	}
	m.TTL = ttl
	return m, nil
}

// MarshalJSON writes TTL as a text.
func (m Message) MarshalJSON() ([]byte, error) {
	wire := messageBody{plainMessage: plainMessage(m)}
	if m.TTL != 0 {
		wire.TTL = m.TTL.String()
	}
	return json.Marshal(wire)
}

// UnmarshalJSON is the opposite of MarshalJSON, and refuses names that it does not know.
func (m *Message) UnmarshalJSON(raw []byte) (err error) {
	var wire messageBody
	if err := decodeStrictly(raw, &wire); err != nil {
		return err
	}
	*m, err = wire.message()
	return err
}

// The bounds of a message, in bytes. What a service takes is less: about 4 KiB.
const (
	maxContent    = 64 << 10
	maxRecipients = 10_000
	maxKey        = 200
)

// errMessage is wrapped by what is wrong with a message.
var errMessage = errors.New("push: the message cannot be sent")

func (m Message) check(now time.Time) error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(!m.Silent && m.Title == "" && m.Body == "", "it needs a title or a body, or to be silent")
	for locale, text := range m.Locales {
		refuse(!localeName.MatchString(locale), "locale %q must be like de or pt-BR", locale)
		refuse(!m.Silent && text.Title == "" && text.Body == "", "locale %q needs a title or a body", locale)
	}
	refuse(m.Badge != nil && (*m.Badge < 0 || *m.Badge > maxBadge), "badge must be in 0..%d", maxBadge)
	refuse(m.BadgeAdd < 0 || m.BadgeAdd > maxBadge || m.BadgeAdd > 0 && m.Badge != nil, "badgeAdd must be in 0..%d, and not be there with badge", maxBadge)
	refuse(m.TTL < 0 || m.TTL > maxTTL, "TTL must be in 0..%v, got %v", maxTTL, m.TTL)
	refuse(!m.At.IsZero() && m.At.After(now.AddDate(1, 0, 0)), "at must be within a year, got %v", m.At)
	refuse(utf8.RuneCountInString(m.Key) > maxKey, "key may have %d characters", maxKey)
	if m.QuietHours != nil {
		_, _, err := m.QuietHours.minutes()
		refuse(err != nil, "quiet hours: %w", err)
	}
	return errors.Join(errs...)
}

// message is a row of the table.
type message struct {
	ID         string `db:"id"`
	Key        string `db:"key"`
	Created    int64  `db:"created"`
	At         int64  `db:"at"`
	State      string `db:"state"`
	Cursor     string `db:"cursor"`
	Recipients string `db:"recipients"`
	Content    string `db:"content"`
	TTL        int64  `db:"ttl"`
	High       bool   `db:"high"`
	Error      string `db:"error"`
}

// Send stores a message in the transaction tx, and returns its id. It is sent once
// the transaction is committed, and never if it is not. With a key that is taken it
// stores nothing and returns the id of the message that has it.
func (p *Plugin) Send(tx core.App, m Message) (id string, err error) {
	row, err := p.newMessage(tx, m)
	if err != nil {
		return "", err
	}
	_, err = tx.NonconcurrentDB().NewQuery(`INSERT INTO _pushMessages (id, key, created, at, state, recipients, content, ttl, high)
		VALUES ({:id}, {:key}, {:created}, {:at}, 'pending', {:recipients}, {:content}, {:ttl}, {:high})
		ON CONFLICT (key) WHERE key <> '' DO NOTHING`).
		Bind(dbx.Params{
			"id": row.ID, "key": row.Key, "created": row.Created, "at": row.At, "recipients": row.Recipients,
			"content": row.Content, "ttl": row.TTL, "high": row.High,
		}).Execute()
	if err != nil {
		return "", fmt.Errorf("push: store a message: %w", err)
	}
	if row.Key != "" {
		err := tx.NonconcurrentDB().NewQuery(`SELECT id FROM _pushMessages WHERE key = {:key}`).Bind(dbx.Params{"key": row.Key}).Row(&row.ID)
		if err != nil {
			return "", fmt.Errorf("push: find the message with the key: %w", err)
		}
	}
	p.wakeAfter(tx)
	return row.ID, nil
}

func (p *Plugin) newMessage(app core.App, m Message) (message, error) {
	now := p.now()
	if err := m.check(now); err != nil {
		return message{}, fmt.Errorf("%w: %w", errMessage, err)
	}
	to, err := m.To.resolved(app)
	if err != nil {
		return message{}, fmt.Errorf("%w: %w", errMessage, err)
	}
	recipients, err := json.Marshal(to)
	if err != nil {
		return message{}, fmt.Errorf("%w: encode the recipients: %w", errMessage, err)
	}
	row := message{
		ID: core.GenerateDefaultRandomId(), Key: m.Key, Created: now.UnixMilli(), At: now.UnixMilli(),
		Recipients: string(recipients), TTL: p.config.TTL.Milliseconds(), High: m.High,
	}
	if m.At.After(now) {
		row.At = m.At.UnixMilli()
	}
	if m.TTL > 0 {
		row.TTL = m.TTL.Milliseconds()
	}
	m.To, m.Key, m.At, m.TTL = Recipients{}, "", time.Time{}, 0 // they have columns
	content, err := json.Marshal(m)
	if err != nil {
		return message{}, fmt.Errorf("%w: encode it: %w", errMessage, err)
	}
	if len(content) > maxContent {
		return message{}, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", errMessage, len(content), maxContent)
	}
	row.Content = string(content)
	return row, nil
}

var timeOfDay = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// minutes are the beginning and the end, counted from midnight.
func (q QuietHours) minutes() (from, to int, err error) {
	for _, text := range []string{q.From, q.To} {
		if !timeOfDay.MatchString(text) {
			return 0, 0, fmt.Errorf("%q must be a time such as 22:00", text)
		}
	}
	if q.From == q.To {
		return 0, 0, errors.New("from and to must differ")
	}
	minute := func(text string) int {
		return (int(text[0]-'0')*10+int(text[1]-'0'))*60 + int(text[3]-'0')*10 + int(text[4]-'0')
	}
	return minute(q.From), minute(q.To), nil
}

// end returns when the quiet hours are over, or now if there are none at the
// moment. It goes through the minutes, and so by what clocks show there, also on
// days on which they are changed.
func (q QuietHours) end(now time.Time, zone *time.Location) time.Time {
	from, to, err := q.minutes()
	if err != nil {
		return now // refused when the message was stored
	}
	quiet := func(t time.Time) bool {
		hour, minute, _ := t.In(zone).Clock()
		at := hour*60 + minute
		if from < to {
			return at >= from && at < to
		}
		return at >= from || at < to
	}
	if !quiet(now) {
		return now
	}
	end := now.Truncate(time.Minute)
	for range 2 * 24 * 60 {
		if end = end.Add(time.Minute); !quiet(end) {
			break
		}
	}
	return end
}

// in returns the text for who reads a locale.
func (m Message) in(locale string) Text {
	if text, ok := pick(m.Locales, locale); ok {
		return text
	}
	return Text{Title: m.Title, Body: m.Body}
}
