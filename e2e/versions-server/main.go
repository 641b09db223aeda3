// Command versions-server is PocketBase with two versions of its API, and the
// plugins that have to get on with them: orders had a title and an assignee before
// they had a subject and a technician, and people had one name.
package main

import (
	"log/slog"
	"os"
	"strings"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
	"github.com/holdall-go/holdall/plugins/fielderrors"
	"github.com/holdall-go/holdall/plugins/idempotency"
	"github.com/holdall-go/holdall/plugins/openapi"
	"github.com/holdall-go/holdall/plugins/realtime"
	"github.com/holdall-go/holdall/plugins/versions"
)

func main() {
	if err := run(); err != nil {
		slog.Error("serve", slog.Any("error", err))
		os.Exit(1)
	}
}

func run() error {
	app := pocketbase.New()
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		if err := makeCollections(e.App); err != nil {
			return err
		}
		return e.Next()
	})
	log, err := changes.Register(app, changes.Config{})
	if err != nil {
		return err
	}
	if _, err := realtime.Register(app, realtime.Config{Log: log}); err != nil {
		return err
	}
	if _, err := fielderrors.Register(app, fielderrors.Config{}); err != nil {
		return err
	}
	if _, err := idempotency.Register(app, idempotency.Config{}); err != nil {
		return err
	}
	if _, err := openapi.Register(app, openapi.Config{RootCmd: app.RootCmd}); err != nil {
		return err
	}
	if _, err := versions.Register(app, versions.Config{Versions: history(), RootCmd: app.RootCmd, Docs: "https://docs.example.com/versions"}); err != nil {
		return err
	}
	return app.Start()
}

func history() []versions.Version {
	return []versions.Version{
		{Date: "2026-11-01", Deprecated: "2027-03-15", Sunset: "2099-01-01"},
		{Date: "2027-03-15", Description: "Orders have subjects and technicians, people two names.", Changes: []versions.Change{
			versions.Rename("orders", "title", "subject"),
			versions.Rename("orders", "assignee", "technician"),
			versions.Split("people", "name", []string{"given", "family"}, func(name string) []string {
				given, family, _ := strings.Cut(name, " ")
				return []string{given, family}
			}, func(parts []string) string {
				return strings.TrimSpace(strings.Join(parts, " "))
			}).SortBy("given", "family"),
		}},
	}
}

// makeCollections makes the collections of the newest version.
func makeCollections(app core.App) error {
	if _, err := app.FindCollectionByNameOrId("orders"); err == nil {
		return nil
	}
	everybody := ""
	people := core.NewAuthCollection("people")
	people.ListRule, people.ViewRule, people.CreateRule, people.UpdateRule = &everybody, &everybody, &everybody, &everybody
	people.Fields.Add(&core.TextField{Name: "given", Max: 20}, &core.TextField{Name: "family", Max: 20})
	if err := app.Save(people); err != nil {
		return err
	}
	orders := core.NewBaseCollection("orders")
	orders.ListRule, orders.ViewRule, orders.CreateRule, orders.UpdateRule, orders.DeleteRule = &everybody, &everybody, &everybody, &everybody, &everybody
	orders.Fields.Add(
		&core.TextField{Name: "subject", Required: true, Min: 3},
		&core.RelationField{Name: "technician", CollectionId: people.Id, MaxSelect: 1},
		&core.FileField{Name: "photos", MaxSelect: 3, MaxSize: 1 << 20},
	)
	if err := app.Save(orders); err != nil {
		return err
	}
	app.Settings().Batch.Enabled = true
	return app.Save(app.Settings())
}
