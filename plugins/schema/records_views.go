package schema

import (
	"errors"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // the system collections of a new database
)

// deriveViewFields gives the view collections among types the fields that
// PocketBase derives from their queries. Only a database can tell these, so it
// applies the definitions to an empty one in a temporary folder; without a view
// it does nothing.
func deriveViewFields(types []*recordType, definitions []Collection) (err error) {
	views := false
	for _, t := range types {
		views = views || t.collection.IsView()
	}
	if !views {
		return nil
	}

	dir, err := os.MkdirTemp("", "holdall-schema-")
	if err != nil {
		return fmt.Errorf("create a folder for the temporary database: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir})
	if err := app.Bootstrap(); err != nil {
		return fmt.Errorf("create a temporary database: %w", err)
	}
	defer func() { err = errors.Join(err, app.ResetBootstrapState()) }()
	if err := Apply(app, definitions); err != nil {
		return fmt.Errorf("apply the definitions to a temporary database: %w", err)
	}

	for _, t := range types {
		if !t.collection.IsView() {
			continue
		}
		derived, err := app.FindCollectionByNameOrId(t.collection.Name)
		if err != nil {
			return fmt.Errorf("find the derived collection %s: %w", t.collection.Name, err)
		}
		for _, f := range derived.Fields {
			relation, ok := f.(*core.RelationField)
			if !ok {
				continue
			}
			// definitions name the targets of relations
			target, err := app.FindCollectionByNameOrId(relation.CollectionId)
			if err != nil {
				return fmt.Errorf("find the target of %s.%s: %w", t.collection.Name, relation.Name, err)
			}
			relation.CollectionId = target.Name
		}
		t.collection.Fields = derived.Fields
	}
	return nil
}
