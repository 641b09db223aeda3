package collections_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/plugins/schema"
)

func TestApply(t *testing.T) {
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	if err := schema.Apply(app, collections.All()); err != nil {
		t.Fatal(err)
	}
	if err := schema.Apply(app, collections.All()); err != nil {
		t.Fatal(err)
	}
}
