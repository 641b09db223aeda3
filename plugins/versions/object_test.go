package versions_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/versions"
)

// What an old client sends, and is sent back, is what it sent.
func TestDownAfterUpIsTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	random := rand.New(rand.NewPCG(1, 2))
	for _, date := range []string{first, second, newest} {
		way := transformer(t, w, date)
		for range 2000 {
			collection, record := randomRecord(random, date)
			body, err := json.Marshal(record)
			if err != nil {
				t.Fatal(err)
			}
			up, err := way.Up(collection, body, random.IntN(2) == 0)
			if err != nil {
				t.Fatalf("up %s: %v", body, err)
			}
			down, err := way.Down(collection, up)
			if err != nil {
				t.Fatalf("down %s: %v", up, err)
			}
			var got map[string]any
			if err := json.Unmarshal(down, &got); err != nil {
				t.Fatalf("%v: %s became %s and %s", err, body, up, down)
			}
			if collection == "orders" && date == first {
				delete(got, "mark")
			}
			if want := decoded(t, body); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %s became %s and then %s", date, body, up, down)
			}
		}
	}
}

func decoded(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// randomRecord makes a record of the shape of a version.
func randomRecord(random *rand.Rand, date string) (string, map[string]any) {
	shapes := map[string]map[string][]string{
		first:  {"orders": {"title", "photo", "assignee", "effort", "data", "tags"}, "crew": {"name", "login", "email"}, "notes": {"range", "stars", "order"}},
		second: {"orders": {"caption", "picture", "assignee", "effort", "data"}, "crew": {"name", "handle"}, "notes": {"range", "stars"}},
		newest: {"orders": {"subject", "picture", "technician", "source"}, "crew": {"given", "family", "handle"}, "notes": {"from", "to", "percent"}},
	}
	collection := []string{"orders", "crew", "notes"}[random.IntN(3)]
	record := map[string]any{}
	for _, field := range shapes[date][collection] {
		switch {
		case random.IntN(3) == 0:
		case field == "name" || field == "range":
			record[field] = strings.TrimSpace(randomText(random) + " " + strings.ReplaceAll(randomText(random), " ", "-"))
		case field == "stars" || field == "percent" || field == "effort":
			record[field] = float64(random.IntN(6))
		case field == "data":
			record[field] = map[string]any{"title": randomText(random), "collectionName": "orders", "list": []any{nil, true, randomText(random)}}
		default:
			record[field] = randomText(random)
		}
	}
	return collection, record
}

func randomText(random *rand.Rand) string {
	alphabet := []rune("ab \"\\/{}[]:,\n\t<>&é日\u2028\x00")
	text := make([]rune, random.IntN(8))
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(text)
}

// FuzzUp changes bodies. Whatever comes out is JSON if what went in was, with all
// that is not named by a change.
func FuzzUp(f *testing.F) {
	for _, seed := range []string{`{"title":"a","tags+":["b"],"data":{"title":1}}`, `{"ti\u0074le":1,"title":2}`, ` {"a":[1,{"b":"\\"}],"title":null} x`, `{"+photo":[],"photo-":"x"}`, `{`, `{"a":"\"}`, `{"a":1}}`, "{\"a\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	w := newWorld(f, versions.Config{})
	way := transformer(f, w, first)
	f.Fuzz(func(t *testing.T, body []byte) {
		up, err := way.Up("orders", body, false)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if json.Valid(body) && !json.Valid(up) {
			t.Fatalf("%q became %q", body, up)
		}
		down, err := way.Down("orders", body)
		if err != nil || json.Valid(body) && !json.Valid(down) {
			t.Fatalf("%q became %q, %v", body, down, err)
		}
		var before, after map[string]any
		if json.Unmarshal(body, &before) != nil || json.Unmarshal(up, &after) != nil {
			return
		}
		for _, name := range []string{"effort", "data", "tags"} {
			if !reflect.DeepEqual(before[name], after[name]) {
				t.Fatalf("%s: %q became %q", name, body, up)
			}
		}
		if title, ok := before["title"]; ok && !reflect.DeepEqual(after["subject"], title) {
			t.Fatalf("title: %q became %q", body, up)
		}
	})
}

func ExampleTransform() {
	// full and half hours became minutes
	change := versions.Transform("visits", []string{"hours"}, []string{"minutes"},
		func(o *versions.Object) error {
			var hours float64
			if json.Unmarshal(o.Get("hours"), &hours) != nil {
				return nil // not there, or no number, which PocketBase refuses
			}
			o.Delete("hours")
			return o.Set("minutes", hours*60)
		},
		func(o *versions.Object) error {
			var minutes float64
			if json.Unmarshal(o.Get("minutes"), &minutes) != nil {
				return nil
			}
			o.Delete("minutes")
			return o.Set("hours", minutes/60)
		})
	fmt.Println(change)
	// Output: visits: hours became minutes
}
