package collections_test

import (
	"maps"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestApplyingTheDefinitionsAgainChangesNothing(t *testing.T) {
	t.Parallel()
	app := pbtest.New(t, applySchema)
	want := export(t, app)
	if err := applySchema(app); err != nil {
		t.Fatal(err)
	}
	if got := export(t, app); !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// What belongs to an organization is deleted with it; what people made stays
// when they go.
func TestRelationsThatCascade(t *testing.T) {
	t.Parallel()
	want := map[string]bool{
		"memberships.organization": true, "memberships.user": true, "sites.organization": true,
		"work_orders.organization": true, "work_orders.site": false, "work_orders.assignee": false,
		"notes.work_order": true, "notes.author": false, "photos.work_order": true, "photos.author": false,
	}
	got := map[string]bool{}
	for _, d := range collections.All() {
		for _, f := range d.Fields {
			if relation, ok := f.(*core.RelationField); ok {
				got[d.Name+"."+relation.Name] = relation.CascadeDelete
			}
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
