package collections_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// The world of the rule tests: two organizations that must not notice each
// other, with somebody in every role, and the people at the edges.
const (
	guest      = pbtest.Guest
	owner      = "owner"      // of alpha
	dispatcher = "dispatcher" // of alpha
	technician = "technician" // of alpha, assigned to pumpOrder
	idle       = "idle"       // a technician of alpha with nothing but doneOrder
	viewer     = "viewer"     // of alpha
	former     = "former"     // was a technician of alpha and is still the assignee of oldOrder
	double     = "double"     // a viewer of alpha and a dispatcher of beta
	stranger   = "stranger"   // the owner of beta
	newcomer   = "newcomer"   // a member of nothing, with an unconfirmed address
	superuser  = "superuser"
	robot      = "robot" // a record of another auth collection that has the owner's id
)

// The ids in it.
const (
	alpha = "alpha0000000000"
	beta  = "beta00000000000"
	ghost = "ghost0000000000" // an organization whose last member left

	ownerID      = "owner0000000000"
	dispatcherID = "dispatcher00000"
	technicianID = "technician00000"
	idleID       = "idle00000000000"
	viewerID     = "viewer000000000"
	formerID     = "former000000000"
	doubleID     = "double000000000"
	strangerID   = "stranger0000000"
	newcomerID   = "newcomer0000000"

	ownerInAlpha      = "alphaowner00000"
	dispatcherInAlpha = "alphadispatcher"
	technicianInAlpha = "alphatechnician"
	idleInAlpha       = "alphaidle000000"
	viewerInAlpha     = "alphaviewer0000"
	doubleInAlpha     = "alphadouble0000"
	doubleInBeta      = "betadouble00000"
	strangerInBeta    = "betastranger000"

	harbour = "harbour00000000" // a site of alpha
	mill    = "mill00000000000" // a site of alpha without orders
	quarry  = "quarry000000000" // a site of beta
	shed    = "shed00000000000" // a site of ghost

	pumpOrder  = "pumporder000000" // alpha, scheduled, the technician's
	doneOrder  = "doneorder000000" // alpha, completed, idle's
	oldOrder   = "oldorder0000000" // alpha, on site, the former technician's
	draftOrder = "draftorder00000" // alpha, draft, nobody's
	blastOrder = "blastorder00000" // beta, scheduled, the stranger's
	shedOrder  = "shedorder000000" // ghost, draft, nobody's
)

// contributions are the ids of what people added to the orders.
type contributions struct {
	pump   string // by the technician, on pumpOrder
	office string // by the dispatcher, on pumpOrder
	boss   string // by the owner, on pumpOrder
	draft  string // by the dispatcher, on draftOrder
	old    string // by the former technician, on oldOrder
	blast  string // by double, on blastOrder in beta
	shed   string // by the former technician, on shedOrder in ghost
}

// ofAlpha are those that alpha's office reads.
func (c contributions) ofAlpha() []string {
	return []string{c.pump, c.office, c.boss, c.draft, c.old}
}

var (
	someNotes = contributions{
		pump: "pumpnote0000000", office: "officenote00000", boss: "bossnote0000000", draft: "draftnote000000",
		old: "oldnote00000000", blast: "blastnote000000", shed: "shednote0000000",
	}
	somePhotos = contributions{
		pump: "pumpphoto000000", office: "officephoto0000", boss: "bossphoto000000", draft: "draftphoto00000",
		old: "oldphoto0000000", blast: "blastphoto00000", shed: "shedphoto000000",
	}
)

// world is where the suites run.
var world = pbtest.World{
	New: func(tb testing.TB) *tests.TestApp { return worldTemplate.New(tb, decideAsHooksDo) },
	People: map[string]string{
		owner:      "users/" + ownerID,
		dispatcher: "users/" + dispatcherID,
		technician: "users/" + technicianID,
		idle:       "users/" + idleID,
		viewer:     "users/" + viewerID,
		former:     "users/" + formerID,
		double:     "users/" + doubleID,
		stranger:   "users/" + strangerID,
		newcomer:   "users/" + newcomerID,
		superuser:  "_superusers/superuser000000",
		robot:      "robots/" + ownerID,
	},
}

var worldTemplate = pbtest.NewTemplate(applySchema, addRobots, pbtest.FastPasswords, populate)

func applySchema(app core.App) error { return schema.Apply(app, collections.All()) }

// addRobots stands in for another auth collection that an app may grow.
func addRobots(app core.App) error { return app.Save(core.NewAuthCollection("robots")) }

// decideAsHooksDo stands in for the hooks without which PocketBase itself would
// refuse what rules allow: those that give a new work order what its client may
// not, and that clear an organization of orders before it goes.
func decideAsHooksDo(app core.App) error {
	app.OnRecordCreate("work_orders").BindFunc(func(e *core.RecordEvent) error {
		if e.Record.GetString("status") == "" {
			e.Record.Set("status", "draft")
			e.Record.Set("number", 99)
		}
		return e.Next()
	})
	app.OnRecordDelete("organizations").BindFunc(func(e *core.RecordEvent) error {
		orders, err := e.App.FindAllRecords("work_orders", dbx.HashExp{"organization": e.Record.Id})
		if err != nil {
			return err
		}
		for _, order := range orders {
			if err := e.App.Delete(order); err != nil {
				return err
			}
		}
		return e.Next()
	})
	return nil
}

// person returns the record of one of the world's people.
func person(app core.App, name string) (*core.Record, error) {
	collection, id, _ := strings.Cut(world.People[name], "/")
	return app.FindRecordById(collection, id)
}

// row is a record to be.
type row struct {
	collection, id string
	values         map[string]any
}

func populate(app core.App) error {
	for _, r := range populace() {
		collection, err := app.FindCollectionByNameOrId(r.collection)
		if err != nil {
			return err
		}
		record := core.NewRecord(collection)
		record.Id = r.id
		record.Load(r.values)
		if collection.IsAuth() {
			record.SetPassword(pbtest.Password)
		}
		if err := app.Save(record); err != nil {
			return fmt.Errorf("save %s/%s: %w", r.collection, r.id, err)
		}
	}
	// PocketBase refuses to save an id that another auth collection has
	_, err := app.DB().Update("robots", dbx.Params{"id": ownerID}, nil).Execute()
	return err
}

// populace is the world's data. Every text in it that others must not read is
// unlike any other text.
func populace() []row {
	user := func(id, name string) row {
		return row{"users", id, map[string]any{"email": id + "@example.com", "verified": id != newcomerID, "name": name}}
	}
	membership := func(id, organization, user, role string) row {
		return row{"memberships", id, map[string]any{"organization": organization, "user": user, "role": role}}
	}
	order := func(id, organization, site, assignee, status string, number int, title string) row {
		return row{"work_orders", id, map[string]any{
			"organization": organization, "site": site, "assignee": assignee, "status": status, "number": number, "title": title,
			"priority": "normal", "slaDueAt": "2026-01-03 08:00:00.000Z",
		}}
	}
	signed := func(order row) row {
		order.values["signature"], order.values["report"] = upload("signature.png", pixel), upload("report.pdf", paper)
		return order
	}
	rows := []row{
		{"_superusers", "superuser000000", map[string]any{"email": "root@example.com"}},
		user(ownerID, "Olive Owner"), user(dispatcherID, "Dora Dispatcher"), user(technicianID, "Tess Technician"),
		user(idleID, "Ida Idle"), user(viewerID, "Vera Viewer"), user(formerID, "Fred Former"), user(doubleID, "Dirk Double"),
		user(strangerID, "Stan Stranger"), user(newcomerID, "Nora Newcomer"),
		{"robots", "robot0000000000", map[string]any{"email": "robot@example.com"}},

		{"organizations", alpha, map[string]any{
			"name": "Alpha Pumps", "slug": "alpha-pumps", "timezone": "Europe/Vienna",
			"lastNumber": 4711, "invitationKey": "alphakeyalphakeyalphakeyalphakey",
			"erpKeys": map[string]any{"secret": "whsec_alphakey"},
		}},
		{"organizations", beta, map[string]any{
			"name": "Beta Blasting", "slug": "beta-blasting", "timezone": "Europe/Vienna",
			"lastNumber": 1, "invitationKey": "betakeybetakeybetakeybetakeybeta",
		}},
		{"organizations", ghost, map[string]any{"name": "Ghost Gears", "slug": "ghost-gears", "timezone": "Europe/Vienna"}},
		membership(ownerInAlpha, alpha, ownerID, "owner"),
		membership(dispatcherInAlpha, alpha, dispatcherID, "dispatcher"),
		membership(technicianInAlpha, alpha, technicianID, "technician"),
		membership(idleInAlpha, alpha, idleID, "technician"),
		membership(viewerInAlpha, alpha, viewerID, "viewer"),
		membership(doubleInAlpha, alpha, doubleID, "viewer"),
		membership(doubleInBeta, beta, doubleID, "dispatcher"),
		membership(strangerInBeta, beta, strangerID, "owner"),

		{"sites", harbour, map[string]any{"organization": alpha, "name": "Harbour basin", "address": "1 Quay", "contact": "Harbourmaster"}},
		{"sites", mill, map[string]any{"organization": alpha, "name": "Old mill", "address": "2 Brook", "contact": "Miller"}},
		{"sites", quarry, map[string]any{"organization": beta, "name": "North quarry", "address": "3 Hill", "contact": "Quarryman"}},

		{"sites", shed, map[string]any{"organization": ghost, "name": "Locked shed"}},

		signed(order(pumpOrder, alpha, harbour, technicianID, "scheduled", 1, "Replace the pump")),
		signed(order(doneOrder, alpha, harbour, idleID, "completed", 2, "Grease the crane")),
		order(oldOrder, alpha, harbour, formerID, "onSite", 3, "Paint the gate"),
		order(draftOrder, alpha, harbour, "", "draft", 4, "Zinc quotation"),
		order(blastOrder, beta, quarry, strangerID, "scheduled", 1, "Blast the ledge"),
		order(shedOrder, ghost, shed, "", "draft", 1, "Sweep the shed"),
	}
	rows = append(rows, contributed("notes", someNotes, func(text string) map[string]any {
		return map[string]any{"body": text}
	})...)
	return append(rows, contributed("photos", somePhotos, func(text string) map[string]any {
		return map[string]any{"caption": text, "image": upload("picture.png", pixel)}
	})...)
}

// contributed are the notes or photos; content gives their other fields.
func contributed(collection string, ids contributions, content func(text string) map[string]any) []row {
	contribution := func(id, order, author, text string) row {
		values := content(text)
		values["work_order"], values["author"] = order, author
		return row{collection, id, values}
	}
	return []row{
		contribution(ids.pump, pumpOrder, technicianID, "Bearing is worn"),
		contribution(ids.office, pumpOrder, dispatcherID, "Key is at the gate"),
		contribution(ids.boss, pumpOrder, ownerID, "Ask for a discount"),
		contribution(ids.draft, draftOrder, dispatcherID, "Yearly price talk"),
		contribution(ids.old, oldOrder, formerID, "Primer is dry"),
		contribution(ids.blast, blastOrder, doubleID, "Dynamite in crate"),
		contribution(ids.shed, shedOrder, formerID, "Broom is lost"),
	}
}

// secrets are the texts of alpha that only its members may read.
var secrets = []string{
	"Alpha Pumps", "alpha-pumps", "alphakey", "4711", "Harbour", "Quay", "Old mill", "Replace the pump", "Grease", "Paint the gate", "Zinc",
	"Bearing", "Key is at", "discount", "Yearly price", "Primer", "Olive", "Dora", "Tess", "Ida Idle", "Vera", "@example.com",
}

// pixel is the smallest picture, paper the shortest PDF file.
var (
	pixel = func() []byte {
		var buffer bytes.Buffer
		if err := png.Encode(&buffer, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
			panic(err)
		}
		return buffer.Bytes()
	}()
	paper = []byte("%PDF-1.4\n%%EOF\n")
)

func upload(name string, content []byte) *filesystem.File {
	file, err := filesystem.NewFileFromBytes(content, name)
	if err != nil {
		panic(err)
	}
	file.Name = name // without a random part, so that tests know the address
	return file
}
