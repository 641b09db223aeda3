package collections_test

import (
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// All of them take minutes, so a plain run draws lots. Whoever changes a rule runs
// make mutants, and whoever sees a draw fail repeats it with its seed.
var (
	mutantsToTest = flag.Int("mutants", 24, "how many wrong rules the claims are tried on, drawn at random; -1 for all")
	mutantsSeed   = flag.Uint64("mutants-seed", 0, "draws the same wrong rules again; 0 draws others each time")
)

// The claims are worth something: whatever condition is left out of a rule, one
// of them fails.
func TestEveryConditionOfARuleIsTested(t *testing.T) {
	t.Parallel()
	all := allMutants(t)
	seed := *mutantsSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("the same draw again: go test ./collections -run %s -mutants %d -mutants-seed %d", t.Name(), *mutantsToTest, seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if n := *mutantsToTest; n >= 0 {
		all = all[:min(n, len(all))]
	}
	for _, m := range all {
		t.Run(m.collection+" "+m.action+" "+m.Mistake, func(t *testing.T) {
			t.Parallel()
			if suites[m.collection]().Failure(t, m.world(), m.action) == nil {
				t.Errorf("the rule is wrong, and no claim about %s fails", m.collection)
			}
		})
	}
}

// mutant is a collection with a mistake in the rule of an action.
type mutant struct {
	pbtest.Mutant
	collection, action string
}

func allMutants(t *testing.T) []mutant {
	t.Helper()
	var result []mutant
	for _, definition := range collections.All() {
		rules := rulesOf(definition.Rules)
		for _, action := range slices.Sorted(maps.Keys(rules)) { // in order, so that a draw can be repeated
			rule := rules[action]
			var mutants []pbtest.Mutant
			switch *rule {
			case schema.Locked: // the matrices say 403, and any other rule answers otherwise
			case schema.Public:
				mutants = []pbtest.Mutant{{Mistake: "locked"}}
			default:
				var err error
				if mutants, err = pbtest.Mutants(string(*rule)); err != nil {
					t.Fatal(err)
				}
			}
			for _, m := range mutants {
				if !tellsOnlySQLite(m.Mistake) {
					result = append(result, mutant{m, definition.Name, action})
				}
			}
		}
	}
	return result
}

// tellsOnlySQLite reports whether what the mutant leaves out is always true, for
// the sake of the query plan, which is tested as such.
func tellsOnlySQLite(mistake string) bool {
	return strings.HasSuffix(mistake, `> ""`) && !strings.Contains(mistake, "&&")
}

// rulesOf are the rules that a suite makes claims about, by action.
func rulesOf(rules schema.Rules) map[string]*schema.Rule {
	return map[string]*schema.Rule{
		"list": &rules.List, "view": &rules.View, "create": &rules.Create, "update": &rules.Update, "delete": &rules.Delete,
	}
}

// world is the world in which the mistake has been made.
func (m mutant) world() pbtest.World {
	makeMistake := func(app core.App) error {
		c, err := app.FindCollectionByNameOrId(m.collection)
		if err != nil {
			return err
		}
		rules := map[string]**string{
			"list": &c.ListRule, "view": &c.ViewRule, "create": &c.CreateRule, "update": &c.UpdateRule, "delete": &c.DeleteRule,
		}
		*rules[m.action] = m.Rule
		return app.Save(c)
	}
	return pbtest.World{
		New:    func(tb testing.TB) *tests.TestApp { return worldTemplate.New(tb, decideAsHooksDo, makeMistake) },
		People: world.People,
	}
}
