// Package zoo has a collection for everything that the generator of record types
// must cope with. Its tests are in the schema package.
package zoo

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/plugins/schema"
)

//go:generate go run ./gen

// All returns the definitions.
func All() []schema.Collection {
	return []schema.Collection{keepers(), animals(), oddities(), staff(), secondFloor(), quotas(), animalNames()}
}

// keepers are an auth collection, with an overridden system field.
func keepers() schema.Collection {
	var (
		self   = `id = @request.auth.id`
		domain = "zoo.example"
	)
	anybody := signedIn("")

	return schema.Collection{
		Name: "keepers",
		Type: core.CollectionTypeAuth,
		Rules: schema.Rules{
			List: anybody, View: anybody,
			Create: schema.Locked, // the zoo hires
			Update: schema.Rule(self),
			Auth:   schema.Public,
		},
		Fields: []core.Field{
			// only the zoo's own people
			&core.EmailField{Name: "email", Required: true, OnlyDomains: []string{domain}},
			&core.TextField{Name: "badge", Max: 20},
		},
		Configure: func(c *core.Collection) {
			c.AuthToken.Duration = 24 * 60 * 60
		},
	}
}

// signedIn admits everybody who is signed in and meets the condition.
func signedIn(condition string) schema.Rule {
	rule := `@request.auth.id != ""`
	if condition != "" {
		rule += " && " + condition
	}
	return schema.Rule(rule)
}

// readOnly are the rules of what nobody changes.
func readOnly() schema.Rules {
	return schema.Rules{List: signedIn(""), View: signedIn("")}
}

// animals have a field of every type, single and multiple.
func animals() schema.Collection {
	limit := 40
	return schema.Collection{
		Name: "animals", Rules: readOnly(),
		Fields: []core.Field{
			&core.TextField{Name: "name", Required: true, Min: 2, Max: limit, Presentable: true},
			&core.EditorField{Name: "story"},
			&core.EmailField{Name: "fan_mail"},
			&core.URLField{Name: "camUrl", Required: true},
			&core.NumberField{Name: "weight", Min: types.Pointer(0.5), Max: types.Pointer(1e7)},
			&core.NumberField{Name: "legs", OnlyInt: true},
			&core.BoolField{Name: "tame"},
			&core.DateField{Name: "born"},
			&core.AutodateField{Name: "created", OnCreate: true},
			&core.AutodateField{Name: "changed", OnUpdate: true},
			&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
			&core.SelectField{Name: "diet", MaxSelect: 1, Values: []string{"plants", "meat", "bothOfThem"}},
			&core.SelectField{Name: "moods", MaxSelect: 3, Values: []string{"calm", "very-wild", "very_wild", "喜", "+1"}},
			&core.FileField{Name: "portrait", MaxSelect: 1, MaxSize: 1 << 20, Protected: true},
			&core.FileField{Name: "pictures", MaxSelect: 5, MaxSize: 1 << 20},
			&core.RelationField{Name: "keeper", CollectionId: "keepers", MaxSelect: 1},
			&core.RelationField{Name: "friends", CollectionId: "animals", MaxSelect: 9},
			&core.RelationField{Name: "inspector", CollectionId: core.CollectionNameSuperusers, MaxSelect: 1},
			&core.RelationField{Name: "inspectors", CollectionId: core.CollectionNameSuperusers, MaxSelect: 9},
			&core.JSONField{Name: "facts"},
			&core.GeoPointField{Name: "cage"},
			&core.PasswordField{Name: "lock", Hidden: true},
		},
		Indexes: []string{
			"CREATE INDEX `idx_animals_keeper` ON `animals` (`keeper`)", // for the keeper's day
			"CREATE INDEX `idx_animals_born` ON `animals` (`born`)",
		},
	}
}

// oddities have fields whose plain Go names are taken by core.Record, by one
// another, or that are no Go names at all.
func oddities() schema.Collection {
	text := func(name string) core.Field { return &core.TextField{Name: name} }
	return schema.Collection{
		Name: "oddities",
		Fields: []core.Field{
			text("collection"), text("clone"), text("set"), text("raw"), text("proxyRecord"),
			text("record"), text("baseRecordProxy"), text("tableName"), text("email"), text("verified"),
			text("set_name"), text("name"),
			text("foo_bar"), text("fooBar"), text("foo__bar"),
			text("func"), text("type"), text("2fa"), text("_"), text("ids"), text("xml_url_list"),
			&core.RelationField{Name: "one", CollectionId: "oddities", MaxSelect: 1},
			text("expandedTwo"),
			&core.RelationField{Name: "two", CollectionId: "oddities", MaxSelect: 1},
			&core.SelectField{Name: "field", Values: []string{"name", "other"}},
		},
	}
}

// staff is its own singular.
func staff() schema.Collection {
	return schema.Collection{Name: "staff", Fields: []core.Field{&core.BoolField{Name: "onDuty"}, &core.TextField{Name: "desk"}}}
}

func secondFloor() schema.Collection { return schema.Collection{Name: "2nd_floor"} }

// quotas have a singular of their own, because the inflector says "quotum".
func quotas() schema.Collection {
	return schema.Collection{Name: "quotas", Singular: "daily_quota"}
}

// animalNames are a view: what it has for fields only its query tells.
func animalNames() schema.Collection {
	return schema.Collection{
		Name:  "animal_names",
		Type:  core.CollectionTypeView,
		Query: `SELECT id, name, keeper, diet FROM animals`,
	}
}
