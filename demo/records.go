package demo

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// batch is a data set as unsaved records, in an order in which they can be
// inserted, with the images that belong to them.
type batch struct {
	app     core.App
	records []*core.Record
	uploads []upload
}

// upload is an image and the key in the app's storage that it goes to.
type upload struct {
	key  string
	draw func() ([]byte, error)
}

// add takes a record with its autodate fields, which its setters leave alone.
func (b *batch) add(record *core.Record, created, updated time.Time) {
	record.SetRaw("created", date(created))
	record.SetRaw("updated", date(updated))
	b.records = append(b.records, record)
}

// attach names the image in a file field of the record.
func (b *batch) attach(record *core.Record, field string, f file) {
	if f.draw == nil {
		return
	}
	record.SetRaw(field, f.name)
	b.uploads = append(b.uploads, upload{key: record.BaseFilesPath() + "/" + f.name, draw: f.draw})
}

// date is the zero date for the zero time.
func date(t time.Time) types.DateTime {
	value, _ := types.ParseDateTime(t) // a time.Time always parses
	return value
}

// newBatch makes the records of a data set. passwordHash is everybody's.
func newBatch(app core.App, set *dataset, passwordHash string) (*batch, error) {
	b := &batch{app: app}
	for _, add := range []func(*dataset) error{
		func(set *dataset) error { return b.people(set, passwordHash) },
		b.organizations, b.memberships, b.sites, b.orders, b.notes, b.photos,
	} {
		if err := add(set); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *batch) people(set *dataset, passwordHash string) error {
	for _, p := range set.people {
		r, err := collections.NewUser(b.app)
		if err != nil {
			return err
		}
		r.Id = p.id
		r.SetEmail(p.email)
		r.SetVerified(true)
		r.SetRaw(core.FieldNamePassword, &core.PasswordFieldValue{Hash: passwordHash})
		// who knows the seed must not be able to sign tokens, so this is real chance
		r.SetTokenKey(security.RandomString(50))
		r.SetName(p.name)
		r.SetPhone(p.phone)
		r.SetLocale(p.locale)
		b.attach(r.Record, collections.UserFieldAvatar, p.avatar)
		b.add(r.Record, p.created, p.created)
	}
	return nil
}

func (b *batch) organizations(set *dataset) error {
	for _, o := range set.organizations {
		r, err := collections.NewOrganization(b.app)
		if err != nil {
			return err
		}
		r.Id = o.id
		r.SetName(o.name)
		r.SetSlug(o.slug)
		r.SetTimezone(o.timezone)
		r.SetSettings(types.JSONRaw(o.settings))
		r.SetLastNumber(o.lastNumber)
		// signs invitations, so this too is real chance
		r.SetInvitationKey(security.RandomString(50))
		b.add(r.Record, o.created, o.created)
	}
	return nil
}

func (b *batch) memberships(set *dataset) error {
	for _, m := range set.memberships {
		r, err := collections.NewMembership(b.app)
		if err != nil {
			return err
		}
		r.Id = m.id
		r.SetOrganization(m.organization)
		r.SetUser(m.user)
		r.SetRole(m.role)
		b.add(r.Record, m.created, m.created)
	}
	return nil
}

func (b *batch) sites(set *dataset) error {
	for _, s := range set.sites {
		r, err := collections.NewSite(b.app)
		if err != nil {
			return err
		}
		r.Id = s.id
		r.SetOrganization(s.organization)
		r.SetName(s.name)
		r.SetAddress(s.address)
		r.SetContact(s.contact)
		r.SetLocation(types.GeoPoint{Lon: s.lon, Lat: s.lat})
		b.add(r.Record, s.created, s.created)
	}
	return nil
}

func (b *batch) orders(set *dataset) error {
	for _, o := range set.orders {
		r, err := collections.NewWorkOrder(b.app)
		if err != nil {
			return err
		}
		checklist, err := json.Marshal(o.checklist)
		if err != nil {
			return fmt.Errorf("encode a checklist: %w", err)
		}
		r.Id = o.id
		r.SetOrganization(o.organization)
		r.SetSite(o.site)
		r.SetNumber(o.number)
		r.SetTitle(o.title)
		r.SetDescription(o.description)
		r.SetStatus(o.status)
		r.SetPriority(o.priority)
		r.SetAssignee(o.assignee)
		r.SetScheduledStart(date(o.scheduledStart))
		r.SetScheduledEnd(date(o.scheduledEnd))
		r.SetChecklist(checklist)
		r.SetStartedAt(date(o.startedAt))
		r.SetCompletedAt(date(o.completedAt))
		r.SetSLADueAt(date(o.slaDueAt))
		r.SetSLABreachedAt(date(o.slaBreachedAt))
		b.attach(r.Record, collections.WorkOrderFieldSignature, o.signature)
		b.add(r.Record, o.created, o.updated)
	}
	return nil
}

func (b *batch) notes(set *dataset) error {
	for _, n := range set.notes {
		r, err := collections.NewNote(b.app)
		if err != nil {
			return err
		}
		r.Id = n.id
		r.SetWorkOrder(n.order)
		r.SetAuthor(n.author)
		r.SetBody(n.body)
		b.add(r.Record, n.created, n.created)
	}
	return nil
}

func (b *batch) photos(set *dataset) error {
	for _, p := range set.photos {
		r, err := collections.NewPhoto(b.app)
		if err != nil {
			return err
		}
		r.Id = p.id
		r.SetWorkOrder(p.order)
		r.SetAuthor(p.author)
		r.SetCaption(p.caption)
		r.SetTakenAt(date(p.takenAt))
		r.SetLocation(types.GeoPoint{Lon: p.lon, Lat: p.lat})
		b.attach(r.Record, collections.PhotoFieldImage, p.image)
		b.add(r.Record, p.created, p.created)
	}
	return nil
}
