package collections_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/collections"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/schema"
)

// public are the rules that admit everybody, guests included, each with the
// reason. Anything else that is public is a mistake.
var public = map[string]string{
	"users create": "people sign up; a new account is unverified and a member of nothing",
	"users auth":   "whoever has the password may sign in; being verified matters where an address is proof, at invitations",
}

func TestPublicRulesAreMeant(t *testing.T) {
	t.Parallel()

	t.Run("definitions", func(t *testing.T) {
		t.Parallel()
		found := map[string]bool{}
		for _, d := range collections.All() {
			rules := rulesOf(d.Rules)
			rules["auth"], rules["manage"] = &d.Rules.Auth, &d.Rules.Manage
			for action, rule := range rules {
				if *rule == schema.Public {
					found[d.Name+" "+action] = true
				}
			}
		}
		comparePublic(t, found)
	})

	t.Run("database", func(t *testing.T) {
		t.Parallel()
		app := pbtest.New(t, applySchema)
		all, err := app.FindAllCollections()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, c := range all {
			if c.System {
				continue
			}
			for action, rule := range liveRules(c) {
				if rule != nil && *rule == "" {
					found[c.Name+" "+action] = true
				}
			}
		}
		comparePublic(t, found)
	})
}

func liveRules(c *core.Collection) map[string]*string {
	rules := map[string]*string{
		"list": c.ListRule, "view": c.ViewRule, "create": c.CreateRule, "update": c.UpdateRule, "delete": c.DeleteRule,
	}
	if c.IsAuth() {
		rules["auth"], rules["manage"] = c.AuthRule, c.ManageRule
	}
	return rules
}

func comparePublic(t *testing.T, found map[string]bool) {
	t.Helper()
	for _, rule := range slices.Sorted(maps.Keys(found)) {
		if public[rule] == "" {
			t.Errorf("the rule %q is public, and nobody has said why", rule)
		}
	}
	for rule := range public {
		if !found[rule] {
			t.Errorf("the rule %q is listed as public and is not", rule)
		}
	}
}
