package idempotency_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/idempotency"
)

// BenchmarkRequests compares an app without the plugin with one that has it, and
// the headers with their absence.
func BenchmarkRequests(b *testing.B) {
	stock := template.New(b)
	bare, plugin := &world{app: stock, handler: pbtest.Handler(b, stock)}, newWorld(b, idempotency.Config{})
	fields := map[string]any{"title": many("title ", 20), "data": map[string]any{"a": many("x", 500)}}

	b.Run("view/without", func(b *testing.B) { benchmarkView(b, bare, fields) })
	b.Run("view/with", func(b *testing.B) { benchmarkView(b, plugin, fields) })
	b.Run("update/without", func(b *testing.B) { benchmarkUpdate(b, bare, fields) })
	b.Run("update/with", func(b *testing.B) { benchmarkUpdate(b, plugin, fields) })
	b.Run("create/without", func(b *testing.B) { benchmarkCreate(b, bare, fields, false) })
	b.Run("create/with", func(b *testing.B) { benchmarkCreate(b, plugin, fields, false) })
	b.Run("create/with a key", func(b *testing.B) { benchmarkCreate(b, plugin, fields, true) })
	b.Run("replay", func(b *testing.B) {
		plugin.create(b, fields, key, "k")
		for b.Loop() {
			plugin.create(b, fields, key, "k")
		}
	})
}

func benchmarkView(b *testing.B, w *world, fields map[string]any) {
	b.Helper()
	one := things + "/" + w.create(b, fields).id()
	for b.Loop() {
		w.send(b, http.MethodGet, one, nil)
	}
}

func benchmarkUpdate(b *testing.B, w *world, fields map[string]any) {
	b.Helper()
	one := things + "/" + w.create(b, fields).id()
	for b.Loop() {
		w.send(b, http.MethodPatch, one, map[string]any{"title": "b"})
	}
}

// number makes each key another.
var number int

func benchmarkCreate(b *testing.B, w *world, fields map[string]any, keyed bool) {
	b.Helper()
	for b.Loop() {
		name := ""
		if keyed {
			number++
			name = strconv.Itoa(number)
		}
		w.create(b, fields, key, name)
	}
}
