package openapi_test

import (
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/openapi"
)

// BenchmarkRebuild makes the document of everything for a hundred collections, as
// the first request after a change of the schema does.
func BenchmarkRebuild(b *testing.B) {
	app := hundred.New(b)
	plugin := openapi.MustRegister(app, openapi.Config{})
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		b.Fatal(err)
	}
	caller := core.NewRecord(superusers)
	for b.Loop() {
		b.StopTimer()
		if err := app.ReloadCachedCollections(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := plugin.Document(b.Context(), app, caller); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCached asks again.
func BenchmarkCached(b *testing.B) {
	app := hundred.New(b)
	plugin := openapi.MustRegister(app, openapi.Config{})
	if _, err := plugin.Document(b.Context(), app, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := plugin.Document(b.Context(), app, nil); err != nil {
			b.Fatal(err)
		}
	}
}
