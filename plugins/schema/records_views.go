package schema

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// deriveViewFields gives the view collections among types the fields that
// PocketBase derives from their queries. Only a database can tell these, so it
// applies the definitions to an empty one; without a view it does nothing.
func deriveViewFields(types []*recordType, definitions []Collection) error {
	views := false
	for _, t := range types {
		views = views || t.collection.IsView()
	}
	if !views {
		return nil
	}
	return withScratch(func(app core.App) error {
		if err := Apply(app, definitions); err != nil {
			return err
		}
		live, err := loadWorld(app)
		if err != nil {
			return err
		}
		for _, t := range types {
			if !t.collection.IsView() {
				continue
			}
			derived := live.byName(t.collection.Name)
			if derived == nil {
				return fmt.Errorf("the view %s is missing in the temporary database", t.collection.Name)
			}
			for _, f := range derived.Fields {
				if relation, ok := f.(*core.RelationField); ok {
					// definitions name the targets of relations
					relation.CollectionId = live.nameOf(relation.CollectionId)
				}
			}
			t.collection.Fields = derived.Fields
		}
		return nil
	})
}
