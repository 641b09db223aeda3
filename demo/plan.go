package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/demo/picture"
)

// dataset is everything that the demo writes, before it is records. It follows
// from a seed and a moment alone.
type dataset struct {
	organizations []organization
	people        []person
	memberships   []membership
	sites         []site
	orders        []order
	notes         []note
	photos        []photo
}

type organization struct {
	id, name, slug, timezone, settings string
	lastNumber                         int
	created                            time.Time
}

type person struct {
	id, name, email, phone, locale string
	avatar                         file
	created                        time.Time
}

type membership struct {
	id, organization, user, role string
	created                      time.Time
}

type site struct {
	id, organization, name, address, contact string
	lat, lon                                 float64
	created                                  time.Time
}

type order struct {
	id, organization, site       string
	number                       int
	title, description           string
	status, priority, assignee   string
	scheduledStart, scheduledEnd time.Time
	checklist                    []checkpoint
	startedAt, completedAt       time.Time
	slaDueAt, slaBreachedAt      time.Time
	signature                    file
	created, updated             time.Time
	job                          job
	siteIndex                    int // in dataset.sites
}

// checkpoint is an item of an order's checklist, as the app stores it.
type checkpoint struct {
	ID       string `json:"id"`
	Label    string `json:"label"`
	Done     bool   `json:"done"`
	Required bool   `json:"required"`
}

type note struct {
	id, order, author, body string
	created                 time.Time
}

type photo struct {
	id, order, author, caption string
	image                      file
	lat, lon                   float64
	takenAt, created           time.Time
}

// file is an image to be drawn. The zero value is none.
type file struct {
	name string
	draw func() ([]byte, error)
}

// plan makes the data set of a seed around a moment.
func plan(seed uint64, now time.Time) (*dataset, error) {
	now = now.UTC().Truncate(time.Second)
	set := &dataset{}
	for _, c := range companies() {
		zone, err := time.LoadLocation(c.timezone)
		if err != nil {
			return nil, fmt.Errorf("load the time zone of %s: %w", c.name, err)
		}
		b := &builder{dice: newDice(seed, c.slug), set: set, company: c, now: now, zone: zone}
		b.people()
		b.places()
		b.work()
		b.papers()
	}
	return set, nil
}

// builder adds one company to the data set.
type builder struct {
	dice
	set     *dataset
	company company
	now     time.Time
	zone    *time.Location

	organization string   // id
	office       []string // user ids
	technicians  []string
	firstSite    int // in set.sites
	firstOrder   int // in set.orders
}

func (b *builder) people() {
	founded := b.now.AddDate(-1, 0, -b.IntN(60))
	org := organization{
		id: b.id(), name: b.company.name, slug: b.company.slug, timezone: b.company.timezone,
		settings: b.company.settings, created: founded,
	}
	b.organization = org.id
	b.set.organizations = append(b.set.organizations, org)

	for i, e := range b.company.staff {
		joined := founded.Add(b.span(time.Hour, 200*24*time.Hour))
		if e.role == collections.MembershipRoleOwner {
			joined = founded
		}
		known := slices.IndexFunc(b.set.people, func(p person) bool { return p.email == e.email })
		if known < 0 {
			known = len(b.set.people)
			portrait := b.Uint64()
			b.set.people = append(b.set.people, person{
				id: b.id(), name: e.name, email: e.email, locale: b.company.locale,
				phone:   fmt.Sprintf(b.company.phone, 100+7*i),
				avatar:  file{name: "portrait_" + b.letters(10) + ".jpg", draw: func() ([]byte, error) { return picture.Portrait(portrait) }},
				created: joined,
			})
		}
		user := b.set.people[known].id
		b.set.memberships = append(b.set.memberships, membership{id: b.id(), organization: org.id, user: user, role: e.role, created: joined})

		switch e.role {
		case collections.MembershipRoleOwner, collections.MembershipRoleDispatcher:
			b.office = append(b.office, user)
		case collections.MembershipRoleTechnician:
			b.technicians = append(b.technicians, user)
		}
	}
}

func (b *builder) places() {
	b.firstSite = len(b.set.sites)
	for _, p := range b.company.sites {
		b.set.sites = append(b.set.sites, site{
			id: b.id(), organization: b.organization, name: p.name, contact: p.contact,
			address: fmt.Sprintf("%d %s, %s", 1+b.IntN(96), oneOf(b.dice, b.company.streets), b.company.town),
			lat:     degrees(b.company.lat + b.NormFloat64()*0.025),
			lon:     degrees(b.company.lon + b.NormFloat64()*0.04),
			created: b.now.Add(-b.span(90*24*time.Hour, 300*24*time.Hour)),
		})
	}
}

// degrees rounds a coordinate to about a metre.
func degrees(value float64) float64 { return float64(int(value*1e5)) / 1e5 }

// work adds the orders, and numbers them in the order of their creation.
func (b *builder) work() {
	b.firstOrder = len(b.set.orders)
	line := timeline{dice: b.dice, now: b.now, zone: b.zone, technicians: len(b.technicians), jobs: b.company.jobs}

	var orders []order
	for _, v := range line.visits(b.company.orders - b.company.drafts) {
		orders = append(orders, b.planned(v))
	}
	for range b.company.drafts {
		orders = append(orders, b.draft())
	}
	slices.SortStableFunc(orders, func(x, y order) int { return x.created.Compare(y.created) })
	for i := range orders {
		orders[i].number = i + 1
	}
	b.set.organizations[len(b.set.organizations)-1].lastNumber = len(orders)
	b.set.orders = append(b.set.orders, orders...)
}
