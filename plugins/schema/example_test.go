package schema_test

import (
	"fmt"
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

// The whole program: PocketBase whose collections are defined in Go. It also
// imports the package of its migrations, for their registration.
func Example() {
	app := pocketbase.New()
	schema.MustRegister(app, schema.Config{
		RootCmd: app.RootCmd,
		Collections: []schema.Collection{
			{
				Name: "boats",
				Rules: schema.Rules{
					List: schema.Public,
					View: schema.Public,
				},
				Fields: []core.Field{
					schema.Was("title", &core.TextField{Name: "name", Required: true, Max: 100}),
					&core.RelationField{Name: "owner", CollectionId: "users", MaxSelect: 1},
				},
				Indexes: []string{"CREATE UNIQUE INDEX `idx_boats_name` ON `boats` (`name`)"},
			},
			schema.Dropped("rafts"),
		},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// A plan compares a database with definitions.
func ExampleDiff() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		log.Fatal(err)
	}

	plan, err := schema.Diff(app, []schema.Collection{{
		Name:  "boats",
		Rules: schema.Rules{List: schema.Public},
		Fields: []core.Field{
			&core.TextField{Name: "name", Required: true},
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(plan)
	// Output:
	// + boats (new base collection)
	//   + field  name (text, required)
	//   + rule   listRule
	//       + public
	//
	// 1 collection to add.
	//
	// Not defined, so left alone: users.
}
