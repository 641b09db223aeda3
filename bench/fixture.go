package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
	_ "github.com/holdall-go/holdall/pb_migrations"
)

// Rows of the fixture per organization, and how many organizations.
const (
	tenants         = 10
	peoplePerTenant = 10
	sitesPerTenant  = 100
	notesPerTenant  = 500
)

// statuses are those of work orders in turn. The first is scheduled, so that some are
// in the smallest fixture.
var statuses = []string{"scheduled", "draft", "enRoute", "onSite", "completed", "cancelled"}

// fixture is what the requests refer to: the first organization and its dispatcher.
type fixture struct {
	organization string
	dispatcher   string
	token        string // of the dispatcher
	superuser    string // token
	sites        []string
	orders       []string
	scheduled    []string // those of orders with this status
}

// prepare fills a new data directory with orders work orders and as much of
// the rest. Every server starts from a copy of it.
func prepare(dir string, orders int) (*fixture, error) {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return nil, fmt.Errorf("open the fixture: %w", err)
	}
	f, err := fill(app, orders)
	if closeErr := app.ResetBootstrapState(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, fmt.Errorf("fill the fixture: %w", err)
	}
	return f, nil
}

func fill(app core.App, orders int) (*fixture, error) {
	if err := app.RunAllMigrations(); err != nil {
		return nil, err
	}
	fill := &filler{random: rand.New(rand.NewPCG(1, 1)), ordersPerTenant: max(1, orders/tenants)} //nolint:gosec // rows of a benchmark
	err := app.RunInTransaction(func(tx core.App) error {
		fill.app = tx
		for tenant := range tenants {
			if err := fill.tenant(tenant); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	dispatcher, err := app.FindRecordById(collections.Users, fill.fixture.dispatcher)
	if err != nil {
		return nil, err
	}
	if fill.fixture.token, err = dispatcher.NewAuthToken(); err != nil {
		return nil, err
	}
	superusers, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return nil, err
	}
	superuser := core.NewRecord(superusers)
	superuser.SetEmail("bench@example.com")
	superuser.SetRandomPassword()
	if err := app.Save(superuser); err != nil {
		return nil, err
	}
	fill.fixture.superuser, err = superuser.NewAuthToken()
	return &fill.fixture, err
}

// filler inserts rows without hooks and validation.
type filler struct {
	app             core.App
	random          *rand.Rand
	ordersPerTenant int
	fixture         fixture
}

func (f *filler) tenant(n int) error {
	organization, err := f.insert(collections.Organizations, map[string]any{
		"name": fmt.Sprintf("Organization %d", n), "slug": fmt.Sprintf("organization-%d", n), "timezone": "UTC",
		"lastNumber": f.ordersPerTenant,
	})
	if err != nil {
		return err
	}
	people, err := f.people(organization, n)
	if err != nil {
		return err
	}
	var sites, orders, scheduled []string
	for i := range sitesPerTenant {
		site, err := f.insert(collections.Sites, map[string]any{
			"organization": organization, "name": fmt.Sprintf("Site %d", i), "address": fmt.Sprintf("%d Example Street", i),
			"location": types.GeoPoint{Lon: f.random.Float64(), Lat: f.random.Float64()}, "contact": "Front desk",
		})
		if err != nil {
			return err
		}
		sites = append(sites, site)
	}
	for i := range f.ordersPerTenant {
		status := statuses[i%len(statuses)]
		order, err := f.insert(collections.WorkOrders, map[string]any{
			"organization": organization, "site": sites[f.random.IntN(len(sites))], "number": i + 1,
			"title": fmt.Sprintf("Work order %d", i+1), "description": "Check the pressure, bleed the radiators and write down the readings.",
			"status": status, "scheduledStart": types.NowDateTime().Add(time.Duration(i) * time.Hour), "priority": "normal", "assignee": people[3+f.random.IntN(len(people)-4)],
			"checklist": `[{"id":"c1","label":"Check the pressure","done":false,"required":true}]`,
		})
		if err != nil {
			return err
		}
		orders = append(orders, order)
		if status == "scheduled" {
			scheduled = append(scheduled, order)
		}
	}
	for i := range notesPerTenant {
		if _, err := f.insert(collections.Notes, map[string]any{
			"work_order": orders[f.random.IntN(len(orders))], "author": people[1], "body": fmt.Sprintf("Note %d", i),
		}); err != nil {
			return err
		}
	}
	if n == 0 {
		f.fixture.organization, f.fixture.dispatcher = organization, people[1]
		f.fixture.sites, f.fixture.orders, f.fixture.scheduled = sites, orders, scheduled
	}
	return nil
}

// people adds an owner, two dispatchers, technicians and a viewer, in this order.
func (f *filler) people(organization string, tenant int) ([]string, error) {
	var ids []string
	for i := range peoplePerTenant {
		user, err := f.insert(collections.Users, map[string]any{
			"email": fmt.Sprintf("person%d.%d@example.com", tenant, i), "verified": true, "name": fmt.Sprintf("Person %d", i),
			"tokenKey": fmt.Sprintf("%050d", f.random.Uint64()),
		})
		if err != nil {
			return nil, err
		}
		role := "technician"
		switch i {
		case 0:
			role = "owner"
		case 1, 2:
			role = "dispatcher"
		case peoplePerTenant - 1:
			role = "viewer"
		}
		if _, err := f.insert(collections.Memberships, map[string]any{"organization": organization, "user": user, "role": role}); err != nil {
			return nil, err
		}
		ids = append(ids, user)
	}
	return ids, nil
}

func (f *filler) insert(collection string, fields map[string]any) (id string, err error) {
	id = fmt.Sprintf("%015x", f.random.Uint64()>>4)
	return id, f.insertAs(id, collection, fields)
}

func (f *filler) insertAs(id, collection string, fields map[string]any) error {
	target, err := f.app.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		return fmt.Errorf("find collection %s: %w", collection, err)
	}
	record := core.NewRecord(target)
	record.Id = id
	for name, value := range fields {
		record.Set(name, value)
	}
	now := types.NowDateTime()
	record.SetRaw("created", now)
	record.SetRaw("updated", now)
	row, err := record.DBExport(f.app)
	if err != nil {
		return fmt.Errorf("export a record of %s: %w", collection, err)
	}
	if _, err := f.app.DB().Insert(collection, dbx.Params(row)).Execute(); err != nil {
		return fmt.Errorf("insert a record of %s: %w", collection, err)
	}
	return nil
}

// copyTo gives a server a data directory of its own.
func copyTo(dir, fixtureDir string) error {
	if err := os.CopyFS(dir, os.DirFS(fixtureDir)); err != nil {
		return fmt.Errorf("copy the fixture: %w", err)
	}
	return nil
}
