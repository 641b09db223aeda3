package openapi_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/openapi"
)

// Requests made from the document at random are answered as it says, and never
// with a failure of the server. Bodies that fit are accepted, but for what no
// schema can say: that a related record exists, and that a value is unique.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	app := torture.New(t, pbtest.FastPasswords, register(openapi.Config{}))
	do := serve(t, app)
	root := pbtest.Superuser(t, app)
	document := apispec.Read(t, fetch(t, do, root))
	const seed = 20261123
	r := &apispec.Maker{Rand: rand.New(rand.NewPCG(seed, 1)), Document: document, Careful: 3}
	newTargets := func() map[string][]string {
		var ids []string
		for range 2 {
			answer := do(pbtest.Request{Method: "POST", Path: "/api/collections/targets/records", Body: map[string]any{"name": "x"}})
			ids = append(ids, decode(t, answer.Body)["id"].(string))
		}
		return map[string][]string{"": ids}
	}
	r.IDs = newTargets()

	// what would end the test, or takes minutes
	skip := map[string]bool{"GET /api/realtime": true, "POST /api/backups": true, "PATCH /api/settings": true, "POST /api/sql": true, "POST /api/crons/{id}": true}
	const rounds = 6
	counts := map[int]int{}
	document.Operations(func(method, path string, op map[string]any) {
		if skip[method+" "+path] || strings.HasPrefix(path, "/api/collections/_superusers") && method != "GET" {
			return
		}
		for range rounds {
			request := pbtest.Request{Method: method, Path: r.Address(path, op), Token: root}
			schema, _ := apispec.At(op, "requestBody", "content", "application/json", "schema").(map[string]any)
			if schema != nil {
				request.Body = r.Value(schema, 0)
			}
			answer := do(request)
			counts[answer.Status/100]++
			body, _ := json.Marshal(request.Body)
			if answer.Status >= 500 {
				t.Errorf("%s %s %s: %d %s", method, request.Path, body, answer.Status, answer.Body)
			}
			if err := document.Check(request, answer); err != nil {
				t.Errorf("%v\nbody %s", err, body)
			}
		}
	})
	if counts[2] < 50 || counts[4] < 50 {
		t.Errorf("of the answers, %d were successes and %d refusals: the requests do not try much", counts[2], counts[4])
	}
	t.Logf("seed %d: %v", seed, counts)

	r.IDs = newTargets() // the others may be deleted
	r.Careful = 8
	for _, collection := range []string{"everything", "everything_required", "targets"} {
		path := "/api/collections/" + collection + "/records"
		schema := document.At("paths", path, "post", "requestBody", "content", "application/json", "schema").(map[string]any)
		fitting := 0
		for range 60 {
			body, _ := r.Value(schema, 0).(map[string]any)
			delete(body, "id")
			delete(body, "exotic") // its pattern has no form in JSON Schema
			encoded, _ := json.Marshal(body)
			if !r.Fits(t, schema, encoded) {
				continue
			}
			fitting++
			answer := do(pbtest.Request{Method: "POST", Path: path, Token: root, Body: body})
			if answer.Status != 200 {
				t.Errorf("%s fits the schema of %s, but the answer is %s", encoded, collection, answer.Body)
			}
		}
		if t.Logf("%s: %d of 60 bodies fit", collection, fitting); fitting < 5 {
			t.Errorf("only %d bodies of 60 fit %s", fitting, collection)
		}
	}
}
