package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pocketbase/pocketbase/core"
)

// laneRows are the rows of the database that the fast lane is measured with.
type laneRows struct {
	Posts   int `json:"posts"`   // of the collection that grows
	Main    int `json:"main"`    // of each other collection that is read
	Written int `json:"written"` // to be updated
	Gone    int `json:"gone"`    // to be deleted
	Users   int `json:"users"`
}

// everyday is the database of a whole run: there are more rows to be deleted than the
// fastest program deletes in its time.
var everyday = laneRows{Posts: 100_000, Main: 100_000, Written: 20_000, Gone: 500_000, Users: 1000}

const (
	authors      = 1000
	categories   = 20
	rooms        = 1000
	roomMembers  = 10 // of each room
	attachments  = 20
	attachedSize = 10 << 10
	attachedName = "bench.bin"
)

// laneFixture is what the requests refer to.
type laneFixture struct {
	rows  laneRows
	token string // of the caller
}

// Ids tell by their first letter what they are of. They are as long as PocketBase's.
func laneID(letter byte, n int) string { return fmt.Sprintf("%c%014d", letter, n) }

// callerID is the user who makes the requests.
var callerID = laneID('u', 0)

// withApp opens a data directory without serving it.
func withApp(dir string, use func(core.App) error) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(dir), err)
	}
	return errors.Join(use(app), app.ResetBootstrapState())
}

// prepareLane makes a data directory that every program starts from a copy of.
func prepareLane(dir string, rows laneRows) (*laneFixture, error) {
	var f *laneFixture
	err := withApp(dir, func(app core.App) (err error) {
		f, err = fillLane(app, rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fill a database: %w", err)
	}
	return f, nil
}

func fillLane(app core.App, rows laneRows) (*laneFixture, error) {
	if err := app.RunSystemMigrations(); err != nil {
		return nil, err
	}
	settings := app.Settings()
	settings.Batch.Enabled, settings.Batch.Timeout = true, 30
	if err := app.Save(settings); err != nil {
		return nil, fmt.Errorf("switch batches on: %w", err)
	}
	if err := defineLane(app); err != nil {
		return nil, err
	}
	for _, statement := range laneStatements(rows) {
		if _, err := app.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			return nil, fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	if err := attachFiles(app); err != nil {
		return nil, err
	}
	// else each program plans by what little was there when it first looked
	if _, err := app.NonconcurrentDB().NewQuery("PRAGMA optimize=0x10002").Execute(); err != nil {
		return nil, err
	}
	f := &laneFixture{rows: rows}
	user, err := app.FindRecordById("users", callerID)
	if err != nil {
		return nil, fmt.Errorf("find the caller: %w", err)
	}
	if f.token, err = user.NewAuthToken(); err != nil {
		return nil, err
	}
	return f, nil
}

const (
	anybody  = ""
	signedIn = "@request.auth.id != ''"
	owned    = "owner = @request.auth.id"
	inRoom   = "room.members_via_room.user ?= @request.auth.id"
)

// definition is a collection of the benchmark. Rules that are not named are nobody's.
type definition struct {
	name          string
	read, written *string
	fields        []core.Field
	index         string
}

func defineLane(app core.App) error {
	id := map[string]string{}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return fmt.Errorf("find the users: %w", err)
	}
	id["users"] = users.Id
	relation := func(name, to string) core.Field {
		return &core.RelationField{Name: name, CollectionId: id[to], MaxSelect: 1}
	}
	text := func(name string) core.Field { return &core.TextField{Name: name} }
	article := func(more ...core.Field) []core.Field {
		return append(more, text("title"), text("body"), &core.NumberField{Name: "score"}, &core.BoolField{Name: "published"})
	}
	// relations need the collections that they lead to, so each is saved before the next is made
	for _, make := range []func() definition{
		func() definition {
			return definition{"authors", new(anybody), nil, []core.Field{text("name"), text("about")}, ""}
		},
		func() definition { return definition{"categories", new(anybody), nil, []core.Field{text("name")}, ""} },
		func() definition {
			return definition{"posts", new(anybody), nil, article(relation("author", "authors"), relation("category", "categories")), "author, created"}
		},
		func() definition {
			return definition{"tasks", new(signedIn), nil, article(relation("owner", "users")), "owner, created"}
		},
		func() definition {
			return definition{"drafts", new(owned), nil, article(relation("owner", "users")), "owner, created"}
		},
		func() definition { return definition{"rooms", nil, nil, []core.Field{text("name")}, ""} },
		func() definition {
			return definition{"members", nil, nil, []core.Field{relation("room", "rooms"), relation("user", "users")}, "room, user"}
		},
		func() definition {
			return definition{"messages", new(inRoom), new(inRoom), []core.Field{relation("room", "rooms"), relation("author", "users"), text("body")}, "room, created"}
		},
		func() definition {
			return definition{"entries", new(anybody), new(anybody), article(relation("author", "authors")), ""}
		},
		func() definition {
			return definition{"journal", new(owned), new(owned), article(relation("owner", "users")), ""}
		},
		func() definition {
			return definition{"gone", new(signedIn), new(signedIn), []core.Field{text("title")}, ""}
		},
		func() definition {
			return definition{"attachments", new(anybody), nil, []core.Field{&core.FileField{Name: "file", MaxSelect: 1, MaxSize: 1 << 20}}, ""}
		},
	} {
		c := make().collection()
		if err := app.Save(c); err != nil {
			return fmt.Errorf("define %s: %w", c.Name, err)
		}
		id[c.Name] = c.Id
	}
	return nil
}

func (d definition) collection() *core.Collection {
	c := core.NewBaseCollection(d.name)
	c.ListRule, c.ViewRule = d.read, d.read
	c.CreateRule, c.UpdateRule, c.DeleteRule = d.written, d.written, d.written
	c.Fields.Add(d.fields...)
	c.Fields.Add(&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
	c.AddIndex("idx_"+d.name+"_created", false, "created", "")
	if d.index != "" {
		c.AddIndex("idx_"+d.name+"_main", false, d.index, "")
	}
	return c
}

// laneStatements insert the rows, each a little younger than the one before.
func laneStatements(rows laneRows) []string {
	const (
		body    = `'The readings of the third quarter, row ' || n || ': pressure, flow, two temperatures and what the inspector has written by hand.'`
		created = `strftime('%Y-%m-%d %H:%M:%fZ', 1735689600 + n, 'unixepoch')`
		article = `, 'Row number ' || n, ` + body + `, n % 1000, n % 3 = 0`
	)
	insert := func(letter byte, table string, count int, columns, values string) string {
		return fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d - 1)
			INSERT INTO %s (id, created, updated, %s) SELECT printf('%c%%014d', n), %s, %s, %s FROM numbers`,
			count, table, columns, letter, created, created, values)
	}
	of := func(letter byte, count int) string { return fmt.Sprintf(`printf('%c%%014d', n %% %d)`, letter, count) }
	const articleColumns = `, title, body, score, published`
	return []string{
		insert('u', "users", rows.Users, `email, verified, name, tokenKey, password`, `'user' || n || '@example.com', 1, 'User ' || n, printf('key%047d', n), ''`),
		insert('a', "authors", authors, `name, about`, `'Author ' || n, 'Writes about row ' || n`),
		insert('c', "categories", categories, `name`, `'Category ' || n`),
		insert('p', "posts", rows.Posts, `author, category`+articleColumns, of('a', authors)+`, `+of('c', categories)+article),
		insert('t', "tasks", rows.Main, `owner`+articleColumns, of('u', rows.Users)+article),
		insert('d', "drafts", rows.Main, `owner`+articleColumns, of('u', rows.Users)+article),
		insert('r', "rooms", rooms, `name`, `'Room ' || n`),
		// the first user is in each of the rooms
		insert('m', "members", rooms*roomMembers, `room, user`, fmt.Sprintf(`printf('r%%014d', n / %d), printf('u%%014d', CASE WHEN n %% %d = 4 THEN 0 ELSE 1 + n %% %d END)`,
			roomMembers, roomMembers, rows.Users-1)),
		insert('s', "messages", rows.Main, `room, author, body`, of('r', rooms)+`, `+of('u', rows.Users)+`, `+body),
		insert('j', "journal", rows.Written, `owner`+articleColumns, `'`+callerID+`'`+article),
		insert('g', "gone", rows.Gone, `title`, `'Row number ' || n`),
		insert('f', "attachments", attachments, `file`, `'`+attachedName+`'`),
	}
}

// attachFiles stores the files where the rows say that they are.
func attachFiles(app core.App) error {
	collection, err := app.FindCollectionByNameOrId("attachments")
	if err != nil {
		return err
	}
	content := make([]byte, attachedSize)
	for i := range content {
		content[i] = byte(i * 31)
	}
	for n := range attachments {
		dir := filepath.Join(app.DataDir(), core.LocalStorageDirName, collection.Id, laneID('f', n))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, attachedName), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
