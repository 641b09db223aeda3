//go:build unix

package main_test

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/internal/apispec"
	"github.com/holdall-go/holdall/internal/pbtest"
)

var (
	randomRounds = flag.Int("random.rounds", 1, "how many requests TestRandomRequests makes of each operation of each caller")
	randomSeed   = flag.Uint64("random.seed", 20261123, "what they are made from")
)

// notAtRandom are operations that would end the test or what it is about, wait,
// or speak to somebody else.
var notAtRandom = map[string]bool{
	"GET /api/realtime":                             true,
	"POST /api/backups":                             true,
	"POST /api/backups/{key}/restore":               true,
	"POST /api/crons/{id}":                          true,
	"POST /api/sql":                                 true,
	"PATCH /api/settings":                           true,
	"PUT /api/collections/import":                   true,
	"PATCH /api/collections/{collection}":           true,
	"DELETE /api/collections/{collection}":          true,
	"DELETE /api/collections/{collection}/truncate": true,
}

// Requests that are made from the documents of several callers at random are
// answered as the documents say, and never with a failure of the server.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	a := startAPI(t)
	t.Logf("seed %d, %d rounds: -random.seed and -random.rounds make others", *randomSeed, *randomRounds)
	r := rand.New(rand.NewPCG(*randomSeed, 1))
	counts := map[string]map[int]int{}
	for _, who := range []string{"superuser", "owner", "technician", "viewer", "guest"} {
		counts[who] = map[int]int{}
		document := a.documents[who]
		maker := &apispec.Maker{Rand: r, Document: document, Careful: 5, IDs: a.ids}
		document.Operations(func(method, path string, op map[string]any) {
			switch account := collectionIn(path); {
			case notAtRandom[method+" "+path], undescribed(op):
				return
			case method != http.MethodGet && (account == "users" || account == "memberships" || account == "organizations" || account == "_superusers"):
				return // nobody would be there to ask for more
			}
			for range *randomRounds {
				request := pbtest.Request{Method: method, Path: maker.Address(path, op)}
				if schema, ok := apispec.At(op, "requestBody", "content", "application/json", "schema").(map[string]any); ok {
					request.Body = maker.Value(schema, 0)
				}
				answer := a.send(t, who, request)
				counts[who][answer.Status/100]++
				body, err := json.Marshal(request.Body)
				if err != nil {
					t.Fatal(err)
				}
				switch err := document.Check(request, answer); {
				case answer.Status >= 500 && mails(path):
				case answer.Status >= 500:
					t.Errorf("%s, %s %s %s: %d %s", who, method, request.Path, body, answer.Status, answer.Body)
				case err != nil:
					t.Errorf("%s: %v\nbody %s", who, err, body)
				}
			}
		})
	}
	t.Logf("answers by their hundreds: %v", counts)
	for who, by := range counts {
		if by[2] == 0 || by[4] == 0 {
			t.Errorf("%s: the requests do not try much: %v", who, by)
		}
	}
}

// mails reports whether a mail server is needed, which there is none of.
func mails(path string) bool {
	return strings.Contains(path, "/request-") || strings.HasSuffix(path, "/invitations") || strings.HasSuffix(path, "/test/email")
}

// undescribed reports whether nothing but the path is known of an operation.
func undescribed(op map[string]any) bool { return apispec.At(op, "responses", "2XX") != nil }
