//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/internal/sqlite"
	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/realtime"
)

// The two servers.
const (
	stock  = "stock"
	plugin = "plugin"
)

// kind is a collection and the rule of its events.
type kind struct {
	label, collection, topic string
	rule                     *string
}

// Nobody subscribes to the first. All others let every person see every record.
var kinds = []kind{
	{"nobody subscribed", "quiet", "", types.Pointer("")},
	{"public rule", "public", "public/*", types.Pointer("")},
	{"one-column rule", "own", "own/*", types.Pointer("level <= 10 && @request.auth.id != ''")},
	{"relation rule", "related", "related/*", types.Pointer("group.memberships_via_group.person ?= @request.auth.id")},
}

const (
	infoFile = "bench.json"
	groupID  = "group0000000001"
)

// info is what the load needs to know of the server's data.
type info struct {
	Superuser string
	Tokens    []string
}

// runServer serves until it is ended. The directory's name is where its data is.
func runServer(name, address string) error {
	dir := os.Getenv("BENCH_DIR")
	config := pocketbase.Config{DefaultDataDir: dir, HideStartBanner: true}
	engine := sqlite.New()
	if name == plugin {
		config.DBConnect = engine.Connect
	}
	app := pocketbase.NewWithConfig(config)
	if name == plugin {
		log, err := changes.Register(app, changes.Config{Engine: engine})
		if err != nil {
			return err
		}
		if _, err := realtime.Register(app, realtime.Config{Log: log}); err != nil {
			return err
		}
	}
	if err := app.Bootstrap(); err != nil {
		return err
	}
	if err := fill(app, os.Getenv("BENCH_SUBSCRIBERS")); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	profileAsAsked(app, os.Getenv("BENCH_PROFILES"))
	return apis.Serve(app, apis.ServeConfig{HttpAddr: address})
}

// fill makes the collections, and as many people as there are subscribers.
func fill(app core.App, subscribers string) error {
	var n int
	if _, err := fmt.Sscan(subscribers, &n); err != nil {
		return err
	}
	groups := core.NewBaseCollection("groups")
	people := core.NewAuthCollection("people")
	for _, c := range []*core.Collection{groups, people} {
		if err := app.Save(c); err != nil {
			return err
		}
	}
	memberships := core.NewBaseCollection("memberships")
	memberships.Fields.Add(
		&core.RelationField{Name: "group", CollectionId: groups.Id, MaxSelect: 1},
		&core.RelationField{Name: "person", CollectionId: people.Id, MaxSelect: 1},
	)
	memberships.AddIndex("idx_memberships", true, "`group`, person", "")
	if err := app.Save(memberships); err != nil {
		return err
	}
	for _, k := range kinds {
		c := core.NewBaseCollection(k.collection)
		c.ListRule, c.ViewRule = k.rule, k.rule
		c.Fields.Add(&core.TextField{Name: "title"}, &core.NumberField{Name: "level"}, &core.TextField{Name: "body"},
			&core.RelationField{Name: "group", CollectionId: groups.Id, MaxSelect: 1},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
		if err := app.Save(c); err != nil {
			return err
		}
	}
	return fillRows(app, n)
}

func fillRows(app core.App, n int) error {
	var result info
	err := app.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().Insert("groups", dbx.Params{"id": groupID}).Execute(); err != nil {
			return err
		}
		people, err := tx.FindCachedCollectionByNameOrId("people")
		if err != nil {
			return err
		}
		for i := range n {
			person := core.NewRecord(people)
			person.Id = fmt.Sprintf("person%09d", i)
			person.SetTokenKey(security.PseudorandomString(50))
			_, err := tx.DB().Insert("people", dbx.Params{"id": person.Id, "email": person.Id + "@example.com", "tokenKey": person.TokenKey()}).Execute()
			if err != nil {
				return err
			}
			_, err = tx.DB().Insert("memberships", dbx.Params{"id": fmt.Sprintf("member%09d", i), "group": groupID, "person": person.Id}).Execute()
			if err != nil {
				return err
			}
			token, err := person.NewAuthToken()
			if err != nil {
				return err
			}
			result.Tokens = append(result.Tokens, token)
		}
		superusers, err := tx.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
		if err != nil {
			return err
		}
		superuser := core.NewRecord(superusers)
		superuser.SetEmail("bench@example.com")
		superuser.SetRandomPassword()
		if err := tx.Save(superuser); err != nil {
			return err
		}
		result.Superuser, err = superuser.NewAuthToken()
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(app.DataDir(), infoFile), text, 0o600)
}
