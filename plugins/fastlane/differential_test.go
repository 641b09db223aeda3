package fastlane_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

var (
	requests = flag.Int("fastlane.requests", 800, "how many requests TestSameAnswers makes")
	seed     = flag.Uint64("fastlane.seed", 1, "what they are made from")
)

// differ makes random requests until limit of them were answered otherwise than by
// PocketBase, and returns how. After each turn of them something is changed.
func (w *world) differ(tb testing.TB, random *rand.Rand, requests, turn, limit int) (differences []string) {
	tb.Helper()
	for n := range requests {
		if n%turn == turn-1 {
			w.edit(tb, random)
		}
		caller := w.caller(random)
		if random.IntN(12) == 0 {
			caller = http.Header{"Authorization": {w.tokens[len(w.tokens)-1]}} // a superuser
		}
		if difference := w.compare(randomAddress(random), caller); difference != "" {
			differences = append(differences, fmt.Sprintf("request %d: %s", n, difference))
		}
		if len(differences) == limit {
			break
		}
	}
	return differences
}

// TestSameAnswers sends requests to the lane and to PocketBase, which share the
// database, while rules, fields, handlers, tokens and rows change. Status, headers
// and body have to be the same.
func TestSameAnswers(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]*string{"all rules": rules, "rules that paths go through": plainRules} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(*seed, 7))
			w := newRandomWorld(t, random, rules)
			for _, difference := range w.differ(t, random, *requests/2, 100, 5) {
				t.Errorf("seed %d: %s", *seed, difference)
			}
			stats := w.plugin.Stats()
			t.Logf("%d of %d served, handed on: %v", stats.Served, *requests/2, stats.HandedOn)
			if stats.Served < uint64(*requests)/16 {
				t.Errorf("only %d of %d requests were served by the lane", stats.Served, *requests/2)
			}
		})
	}
}

// TestMistakesAreNoticed is what TestSameAnswers is worth.
func TestMistakesAreNoticed(t *testing.T) {
	t.Parallel()
	for _, mistake := range []string{fastlane.StalePlans, fastlane.SkipHooks, fastlane.WrongNull} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(*seed, 7))
			w := newRandomWorld(t, random, rules)
			w.plugin.Break(mistake)
			differences := w.differ(t, random, 5000, 20, 1)
			if len(differences) == 0 {
				t.Fatal("5000 requests do not show it")
			}
			t.Logf("%.60s", differences[0])
		})
	}
}

// fields are names that filters and sorts have, and some that they must not have.
var fields = []string{
	"id", "title", "story", "mail", "amount", "whole", "done", "due", "data", "data.a", "place", "place.lat", "state", "marks", "marks:length", "marks:each", "file", "files",
	"owner", "owner.name", "owner.email", "owner.id", "tags", "tags.label", "tags.weight", "tags.id", "tags:length", "created", "updated", "title:lower",
	"backs_via_of.note", "secret", "unknown", "owner.unknown", "collectionId", "null", "true", "password", "owner.tokenKey", "owner.role",
}

var operators = []string{"=", "!=", "<", "<=", ">", ">=", "~", "!~", "?=", "?!=", "?~", "?>", "?!~"}

func randomAddress(random *rand.Rand) string {
	collection := "things"
	switch random.IntN(10) {
	case 0:
		collection = pickFrom(random, []string{"users", "staff", "tags", "backs", "shown", "USERS", "nothing", "_superusers", "_authOrigins", "Things"})
	case 1, 2, 3, 4:
		collection = fmt.Sprintf("ruled%d", random.IntN(len(rules)))
	}
	base := "/api/collections/" + collection + "/records"
	if random.IntN(3) == 0 {
		id := recordID(random.IntN(62))
		switch {
		case strings.EqualFold(collection, "users") || collection == "staff":
			id = fmt.Sprintf("%s%010d", strings.ToLower(collection), random.IntN(13))
		case collection == "tags":
			id = fmt.Sprintf("tag%012d", random.IntN(5))
		case random.IntN(30) == 0:
			id = pickFrom(random, []string{"%20", "a%2Fb", "'", "%00", "ROW000000000001"})
		}
		return base + "/" + id + query(random, randomOfView(random))
	}
	return base + query(random, randomOfList(random))
}

func query(random *rand.Rand, parameters [][2]string) string {
	var parts []string
	for _, p := range parameters {
		parts = append(parts, p[0]+"="+url.QueryEscape(p[1]))
	}
	if random.IntN(100) == 0 {
		parts = append(parts, pickFrom(random, []string{"%zz=1", "a;b=1", "filter", "=", "&", "page=1&page=2", "expand"}))
	}
	if len(parts) == 0 {
		return ""
	}
	return "?" + strings.Join(parts, "&")
}

func randomOfView(random *rand.Rand) (parameters [][2]string) {
	if random.IntN(4) == 0 {
		parameters = append(parameters, [2]string{"fields", randomFields(random)})
	}
	if random.IntN(4) == 0 {
		parameters = append(parameters, [2]string{"expand", pickFrom(random, []string{
			"owner", "owner", "tags", "owner,tags", "tags,owner", "owner,owner", "of", "of", "", "unknown", "owner,unknown", "of.owner", "backs_via_of", " owner", ",", "title", "self", "self,selves",
			"self.owner", "selves.tags", "self.self.tags", "self.tags,self.owner,self", "tags,self.selves.owner,self.selves.tags,self.self", "of.self,of.tags", "self.unknown",
			"self.self.self.self.self.owner", "self.self.self.self.self.self.owner", "owner,hidden", "selves.hidden",
			"backs_via_of,things_via_self", "things_via_selves", "things_via_self.owner,things_via_self.tags", "self.backs_via_of.of", "backs_via_of.of.owner", "backs_via_once", "nothing_via_of",
			"owner.things_via_owner", "ruled1_via_owner", "Backs_via_of",
		})})
	}
	if random.IntN(40) == 0 {
		parameters = append(parameters, [2]string{pickFrom(random, []string{"open", "filter", "_"}), "yes"})
	}
	return parameters
}

func randomOfList(random *rand.Rand) (parameters [][2]string) {
	parameters = randomOfView(random)
	add := func(name, value string) { parameters = append(parameters, [2]string{name, value}) }
	if random.IntN(2) == 0 {
		add("filter", randomFilter(random, 3))
	}
	if random.IntN(2) == 0 {
		add("sort", randomSort(random))
	}
	if random.IntN(2) == 0 {
		add("perPage", pickFrom(random, []string{"1", "2", "3", "7", "10", "30", "45", "50", "500", "1000", "20", "25", pickFrom(random, []string{"0", "-1", "x", "", "1001", "30", "4", "5"})}))
	}
	if random.IntN(3) == 0 {
		add("page", pickFrom(random, []string{"1", "1", "2", "2", "3", "99", pickFrom(random, []string{"0", "-1", "1.5", "9223372036854775807", "1", "2", "4"})}))
	}
	if random.IntN(3) == 0 {
		add("skipTotal", pickFrom(random, []string{"1", "true", "0", "false", "yes", "T"}))
	}
	return parameters
}

func randomFields(random *rand.Rand) string {
	var names []string
	for range 1 + random.IntN(3) {
		names = append(names, pickFrom(random, []string{"id", "title", "data", "place", "*", "collectionName", "email", "amount", "tags", "unknown", "story", "due", "marks", "secret"}))
	}
	for random.IntN(3) == 0 {
		names = append(names, pickFrom(random, []string{
			"data.a", "title:excerpt(3)", "story:excerpt(9,true)", " due", "", "place.lat", "expand", "expand.owner.name", "expand.tags", "expand.self.id",
			"expand.self.expand.owner", "expand.selves.title:excerpt(4)", "*:excerpt(5)", "title:unknown", "data:excerpt(2)", "expand.*", "tags.x",
		}))
	}
	return strings.Join(names, ",")
}

func randomSort(random *rand.Rand) string {
	var names []string
	for range 1 + random.IntN(2) {
		names = append(names, pickFrom(random, []string{"", "-", "+", " -"})+pickFrom(random, append([]string{"@rowid", "", "title,", "-"}, fields...)))
	}
	return strings.Join(names, ",")
}

func randomFilter(random *rand.Rand, depth int) string {
	if depth > 0 && random.IntN(3) == 0 {
		join := pickFrom(random, []string{" && ", " || ", "&&", "||"})
		filter := randomFilter(random, depth-1) + join + randomFilter(random, depth-1)
		if random.IntN(2) == 0 {
			return "(" + filter + ")"
		}
		return filter
	}
	space := pickFrom(random, []string{"", " ", " ", " ", " ", " ", " ", "\t"})
	left, right := randomOperand(random), randomOperand(random)
	if random.IntN(12) > 0 {
		left = pickFrom(random, fields[:30]) // which can be filtered by
	}
	filter := left + space + pickFrom(random, operators) + space + right
	switch random.IntN(60) {
	case 0:
		return filter + pickFrom(random, []string{")", " // comment", " &&", " \x00", "#", " 5"})
	case 1:
		return filter[:random.IntN(len(filter))]
	case 2:
		at := random.IntN(len(filter) + 1)
		return filter[:at] + pickFrom(random, []string{"-5", "5", "-", ".", ":", "'", `"`, " ", "(", ")", "=", "&&", "_"}) + filter[at:]
	}
	return filter
}

func randomOperand(random *rand.Rand) string {
	switch random.IntN(24) {
	case 0, 8:
		return pickFrom(random, fields)
	case 1, 2:
		return pickFrom(random, []string{"0", "1", "-1", "1.5", "5", "007", "1.", "-", "1e5", "99999999999999999999", "--1", "1.2.3"})
	case 3:
		return pickFrom(random, []string{"null", "true", "false", "@now", "@now", "@todayStart", "@year", "@month", "@nowhere", "@now:x", "@tomorrow", "@request.auth.id", "@collection.tags.label", "geoDistance(place.lon, place.lat, 1, 2)", "strftime('%Y', due)", "NULL"})
	case 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
		return `"` + pickFrom(random, []string{"r", "e", "plain", "row0", "2024-", "open", "users0000000001", "a", "", "red", "e 1", pickFrom(random, []string{"@request.x", "50%", "a_"})}) + `"`
	}
	value := pickFrom(random, odd)
	if random.IntN(3) == 0 {
		return strconv.Quote(value)
	}
	return "'" + value + "'"
}
