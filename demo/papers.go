package demo

import (
	"slices"
	"time"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo/picture"
)

// papers adds what people attach to the orders: notes to many, photos and
// signatures to the latest.
func (b *builder) papers() {
	own := b.set.orders[b.firstOrder:]
	for i := range own {
		b.notes(&own[i])
	}

	latest := make([]*order, 0, len(own))
	for i := range own {
		if !own[i].startedAt.IsZero() {
			latest = append(latest, &own[i])
		}
	}
	slices.SortStableFunc(latest, func(x, y *order) int { return y.startedAt.Compare(x.startedAt) })

	photos, signatures := 0, 0
	for _, o := range latest {
		for n := 1 + b.IntN(3); n > 0 && photos < b.company.photos; n-- {
			b.photo(o, photos)
			photos++
		}
		if o.status == collections.WorkOrderStatusCompleted && signatures < b.company.signatures && b.chance(0.7) {
			b.sign(o)
			signatures++
		}
	}
}

func (b *builder) notes(o *order) {
	office := oneOf(b.dice, b.office)
	if b.chance(0.4) {
		b.note(o, office, oneOf(b.dice, intake), o.created, b.after(o.created, 20*time.Minute))
	}
	switch o.status {
	case collections.WorkOrderStatusCancelled:
		b.note(o, office, oneOf(b.dice, calledOff), o.updated, o.updated)
	case collections.WorkOrderStatusEnRoute:
		b.note(o, o.assignee, oneOf(b.dice, underway), o.updated, b.after(o.updated, 5*time.Minute))
	case collections.WorkOrderStatusOnSite:
		if b.chance(0.6) {
			b.note(o, o.assignee, oneOf(b.dice, o.job.found), o.startedAt, b.after(o.startedAt, time.Hour))
		}
	case collections.WorkOrderStatusCompleted:
		if b.chance(0.75) {
			b.note(o, o.assignee, oneOf(b.dice, o.job.found), o.startedAt, o.startedAt.Add(b.span(0, o.completedAt.Sub(o.startedAt))))
		}
	}
}

// note adds a note of a time that is not before the earliest possible.
func (b *builder) note(o *order, author, body string, earliest, at time.Time) {
	if at.Before(earliest) {
		at = earliest
	}
	b.set.notes = append(b.set.notes, note{id: b.id(), order: o.id, author: author, body: body, created: at})
}

// photo adds the n-th photo of the company, taken during the visit.
func (b *builder) photo(o *order, n int) {
	until := o.completedAt
	if until.IsZero() {
		until = b.now
	}
	taken := o.startedAt.Add(b.span(0, max(0, until.Sub(o.startedAt))))
	shot, seed := o.job.shots[n%len(o.job.shots)], b.Uint64()
	place := b.set.sites[o.siteIndex]
	b.set.photos = append(b.set.photos, photo{
		id: b.id(), order: o.id, author: o.assignee,
		caption: shot.caption,
		image:   file{name: "photo_" + b.letters(10) + ".jpg", draw: func() ([]byte, error) { return picture.Photo(shot.scene, seed) }},
		lat:     degrees(place.lat + b.between(-0.0003, 0.0003)), lon: degrees(place.lon + b.between(-0.0003, 0.0003)),
		takenAt: taken, created: taken,
	})
}

func (b *builder) sign(o *order) {
	hand := b.Uint64()
	o.signature = file{name: "signature_" + b.letters(10) + ".png", draw: func() ([]byte, error) { return picture.Signature(hand) }}
}
