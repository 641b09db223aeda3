package push

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/push/provider"
)

// maxError is how much of an error is kept, in bytes.
const maxError = 500

// errPanicked is what became of an attempt that panicked.
var errPanicked = errors.New("the provider panicked")

// owner is the user of a device.
type owner struct{ collection, id string }

// person is what matters of a user.
type person struct {
	ID       string `db:"id"`
	TokenKey string `db:"tokenKey"`
	Locale   string `db:"locale"`
	Timezone string `db:"timezone"`
}

// peopleOf reads the users of parcels. Those who are not there any more are left out.
func (p *Plugin) peopleOf(ctx context.Context, parcels []parcel) (map[owner]person, error) {
	ids := map[string][]string{}
	for _, d := range parcels {
		ids[d.UserCollection] = append(ids[d.UserCollection], d.User)
	}
	people := map[owner]person{}
	for id, users := range ids {
		c, err := p.app.FindCachedCollectionByNameOrId(id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("push: find a collection of users: %w", err)
		}
		column := func(name string) string {
			if f := c.Fields.GetByName(name); f == nil || f.Type() != core.FieldTypeText && f.Type() != core.FieldTypeSelect {
				return "''"
			}
			return "COALESCE([[" + name + "]], '')"
		}
		found := []person{}
		err = p.app.ConcurrentDB().NewQuery("SELECT [[id]], [[tokenKey]], " + column(p.config.LocaleField) + " AS [[locale]], " +
			column(p.config.TimezoneField) + " AS [[timezone]] FROM {{" + c.Name + "}} WHERE [[id]] IN (SELECT value FROM json_each({:ids}))").
			WithContext(ctx).Bind(dbx.Params{"ids": list(users)}).All(&found)
		if err != nil {
			return nil, fmt.Errorf("push: read users: %w", err)
		}
		for _, one := range found {
			people[owner{id, one.ID}] = one
		}
	}
	return people, nil
}

// prepare returns what a device is sent, or, without a notification, what becomes
// of the delivery instead.
func (l *lane) prepare(ctx context.Context, d parcel, to person, now time.Time) (*provider.Notification, outcome, error) {
	o := outcome{delivery: d.ID, status: d.Status, problem: d.Error}
	switch {
	case !d.Found:
		o.state, o.problem = stateGone, "the device is not there any more"
		return nil, o, nil
	case to.ID == "" || sessionOf(to.TokenKey) != d.Session:
		o.state, o.problem, o.device = stateGone, "the user was deleted or signed out everywhere", d.Device
		return nil, o, nil
	case d.Expires <= now.UnixMilli():
		o.state = stateExpired
		return nil, o, nil
	case l.client == nil:
		o.state, o.problem = stateFailed, "the server does not send by "+providerOf(l.service)
		return nil, o, nil
	}
	m, err := l.message(ctx, d.Message)
	if errors.Is(err, errUnreadable) || errors.Is(err, sql.ErrNoRows) {
		o.state, o.problem = stateFailed, cut(err.Error())
		return nil, o, nil
	}
	if err != nil {
		return nil, o, err
	}
	if held, ok := l.quiet(m, d, to, now, o); ok {
		return nil, held, nil
	}
	secret, err := l.plugin.receiptKey(l.plugin.app)
	if err != nil {
		return nil, o, err
	}
	return notification(m, d, to, receiptOf(secret, d.ID), now), o, nil
}

// quiet holds a delivery back while it is night for its user. Its time begins in
// the morning, unless it was tried before.
func (l *lane) quiet(m *Message, d parcel, to person, now time.Time, o outcome) (outcome, bool) {
	if m.QuietHours == nil || d.High {
		return o, false
	}
	end := m.QuietHours.end(now, l.plugin.zoneOf(to.Timezone, d.Timezone))
	if !end.After(now) {
		return o, false
	}
	o.state, o.nextAt = statePending, end
	if d.Attempts == 0 {
		o.expires = end.Add(m.TTL)
	} else if end.UnixMilli() >= d.Expires {
		o.state = stateExpired
	}
	return o, true
}

// zoneOf is the first of the zones that there is, or that of the config.
func (p *Plugin) zoneOf(names ...string) *time.Location {
	for _, name := range names {
		if name == "" || !validZone(name) {
			continue
		}
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return p.zone
}

// errUnreadable is what there is instead of a message that somebody has spoiled.
var errUnreadable = errors.New("push: the message cannot be read")

// maxMessages is how many messages a lane keeps at hand.
const maxMessages = 64

func (l *lane) message(ctx context.Context, id string) (*Message, error) {
	if m := l.messages[id]; m != nil {
		return m, nil
	}
	row, err := findMessage(ctx, l.plugin.app, id)
	if err != nil {
		return nil, err
	}
	m := &Message{}
	if err := json.Unmarshal([]byte(row.Content), m); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	m.TTL = time.Duration(row.TTL) * time.Millisecond
	if len(l.messages) >= maxMessages {
		clear(l.messages)
	}
	l.messages[id] = m
	return m, nil
}

// notification is a message as one device gets it.
func notification(m *Message, d parcel, to person, receipt string, now time.Time) *provider.Notification {
	locale := to.Locale
	if locale == "" {
		locale = d.Locale
	}
	text := m.in(locale)
	n := &provider.Notification{
		ID: receipt, Title: text.Title, Body: text.Body, Image: m.Image, Link: m.Link, Sound: m.Sound, Data: m.Data,
		CollapseKey: m.CollapseKey, TTL: time.UnixMilli(d.Expires).Sub(now), High: m.High, Silent: m.Silent,
	}
	if d.Badge.Valid {
		badge := int(d.Badge.Int64)
		n.Badge = &badge
	}
	return n
}

// report is how a service did with some deliveries.
type report struct {
	service     string
	sent        bool
	answered    bool   // our credentials were accepted
	failure     string // the last one
	refusal     string // why our credentials were not accepted
	unavailable bool
	retryAfter  time.Duration
}

// distrust is for how many users our credentials must be doubted, without being
// accepted in between, to be taken for wrong where a device may be to blame.
const distrust = 3

// judge decides what becomes of a delivery after an attempt.
func (l *lane) judge(r result, rep *report) outcome {
	d := r.parcel
	o := outcome{delivery: d.ID, state: stateSent, nextAt: time.UnixMilli(d.NextAt), serviceID: cut(r.id), attempted: true}
	if r.err == nil {
		o.status = 200
		rep.sent = true
		l.accepted(rep)
		return o
	}
	failure := &provider.Error{Kind: provider.Retry, Err: r.err}
	errors.As(r.err, &failure)
	o.status, o.problem = failure.Status, cut(r.err.Error())
	switch failure.Kind {
	case provider.Gone:
		o.state, o.device = stateGone, d.Device
		l.accepted(rep)
	case provider.Refused:
		o.state = stateFailed
		l.accepted(rep)
	case provider.Credentials:
		o.state, o.attempted = statePending, false // it is not its fault
		rep.refusal, rep.failure = o.problem, o.problem
	default:
		l.failures++
		rep.failure = o.problem
		l.doubt(d, failure, rep, o.problem)
		rep.retryAfter = max(rep.retryAfter, failure.RetryAfter)
		rep.unavailable = rep.unavailable || failure.Status == unavailable && failure.RetryAfter > 0
		o.state = statePending
		o.nextAt = r.at.Add(max(l.plugin.config.Backoff(d.Attempts+1), failure.RetryAfter))
		if o.nextAt.UnixMilli() >= d.Expires {
			o.state = stateExpired
		}
	}
	return o
}

// accepted notes that the service has accepted our credentials.
func (l *lane) accepted(rep *report) {
	l.failures = 0
	clear(l.suspects)
	rep.answered = true
}

// doubt takes our credentials for wrong if they were doubted for several users.
func (l *lane) doubt(d parcel, failure *provider.Error, rep *report, problem string) {
	if !failure.Alert {
		return
	}
	l.suspects[d.User] = true
	if len(l.suspects) >= distrust {
		rep.refusal = problem
	}
}

// cut shortens a text to at most maxError bytes and does not cut a character.
func cut(text string) string {
	if len(text) <= maxError {
		return text
	}
	n := maxError
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
