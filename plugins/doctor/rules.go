package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/pocketbase/pocketbase/core"
)

// checkRules looks for rules that admit more than was likely meant.
func checkRules(_ context.Context, app core.App, c Config) ([]Finding, error) {
	collections, err := app.FindAllCollections()
	if err != nil {
		return nil, err
	}
	closed := func(name string) bool {
		return slices.ContainsFunc(collections, func(c *core.Collection) bool {
			return (c.Name == name || c.Id == name) && c.IsAuth() && c.CreateRule == nil
		})
	}
	var findings []Finding
	for _, collection := range collections {
		if collection.System {
			continue // nobody can change their rules
		}
		rules := map[string]rule{}
		for _, r := range rulesOf(collection) {
			rules[r.name] = r
			if r.invalid != nil {
				findings = append(findings, Finding{
					"rules.invalid", Error, r.where(), fmt.Sprintf("The rule cannot be read (%v), so every request that it decides fails.", r.invalid),
					"Write the rule again in the dashboard, which checks it.",
				})
			}
		}
		findings = append(findings, openRules(collection, rules, closed, c.SignUps)...)
		findings = append(findings, givenRights(collection, rules, closed)...)
		findings = append(findings, otherNames(app, collection, rules)...)
	}
	return findings, nil
}

// openRules finds what everybody may do, or everybody who signs in.
func openRules(c *core.Collection, rules map[string]rule, closed func(string) bool, signUps []string) []Finding {
	var findings []Finding
	add := func(code string, s Severity, r rule, problem, remedy string) {
		findings = append(findings, Finding{"rules." + code, s, r.where(), problem, remedy})
	}
	for _, change := range []struct{ rule, verb, code string }{{"updateRule", "change", "update"}, {"deleteRule", "delete", "delete"}} {
		r, ok := rules[change.rule]
		switch {
		case !ok:
		case r.public():
			add("public-"+change.code, Error, r, fmt.Sprintf("Everybody on the internet can %s every record of %s, without signing in.", change.verb, c.Name),
				"Let only those who own the record: `owner = @request.auth.id`, or lock the rule for superusers.")
		case r.anySignedIn(closed):
			add("signed-in-"+change.code, Warning, r, fmt.Sprintf("Everybody who signs in can %s every record of %s, also those of others.", change.verb, c.Name),
				"Add a condition on the record, such as `owner = @request.auth.id`, or on the role of who asks.")
		}
	}
	if r, ok := rules["createRule"]; ok && r.public() {
		switch {
		case !c.IsAuth():
			add("public-create", Warning, r, fmt.Sprintf("Everybody on the internet can add records to %s, without signing in.", c.Name),
				"Ask for a sign-in: `@request.auth.id != \"\"`. If it is meant so, bound it by a rate limit on the collection and say that the finding is ignored.")
		case !slices.Contains(signUps, c.Name):
			add("public-create", Warning, r, fmt.Sprintf("Everybody on the internet can create an account in %s.", c.Name),
				"Lock the rule if people are invited. If it is a sign-up, say that the finding is ignored.")
		}
	}
	for _, name := range []string{"listRule", "viewRule"} {
		if r := rules[name]; r.public() && c.IsAuth() {
			add("public-people", Warning, r, fmt.Sprintf("Everybody on the internet can read the accounts in %s.", c.Name),
				"Ask for a sign-in at least, or copy what is public of a person to a collection of its own.")
		} else if email := emailField(c); r.public() && email != "" {
			add("public-emails", Warning, r, fmt.Sprintf("Everybody on the internet can read %s.%s, and collect the addresses.", c.Name, email),
				"Make the field hidden, or ask for a sign-in.")
		}
	}
	if r, ok := rules["manageRule"]; ok && (r.public() || r.anySignedIn(closed)) {
		add("open-manage", Error, r, fmt.Sprintf("Others can change the email and the password of every account in %s without the old one, and so take it over.", c.Name),
			"Lock the rule, or let in only a role that may manage accounts.")
	}
	return findings
}

// emailField is a field with addresses that a reader sees.
func emailField(c *core.Collection) string {
	for _, f := range c.Fields {
		if f.Type() == core.FieldTypeEmail && !f.GetHidden() {
			return f.GetName()
		}
	}
	return ""
}

// givenRights finds fields of accounts by which people can give themselves rights.
func givenRights(c *core.Collection, rules map[string]rule, closed func(string) bool) []Finding {
	if !c.IsAuth() {
		return nil
	}
	var findings []Finding
	for _, f := range c.Fields {
		if !power.MatchString(f.GetName()) || f.GetHidden() || !settable(f) {
			continue
		}
		body := "@request.body." + f.GetName()
		create, update := rules["createRule"], rules["updateRule"]
		if (create.public() || create.anySignedIn(closed)) && !create.mentions(body) {
			findings = append(findings, Finding{
				"rules.self-promotion", Error, create.where(),
				fmt.Sprintf("Whoever creates an account in %s chooses its %s.", c.Name, f.GetName()),
				fmt.Sprintf("Add `%s:isset = false` to the rule, and set the field in a hook or as a superuser.", body),
			})
		}
		if !update.locked && (update.ofSelf("id") || update.anySignedIn(closed)) && !update.mentions(body) {
			findings = append(findings, Finding{
				"rules.self-promotion", Error, update.where(),
				fmt.Sprintf("People can change the %s of their own account in %s.", f.GetName(), c.Name),
				fmt.Sprintf("Put the rule in parentheses and add `&& %s:changed = false`.", body),
			})
		}
	}
	return findings
}

// settable tells whether clients write a field.
func settable(f core.Field) bool {
	return f.Type() != core.FieldTypeAutodate && f.Type() != core.FieldTypePassword
}

// otherNames finds records that people can create as somebody else's.
func otherNames(app core.App, c *core.Collection, rules map[string]rule) []Finding {
	create := rules["createRule"]
	if create.locked || create.text == "" || create.invalid != nil {
		return nil
	}
	var findings []Finding
	for _, f := range c.Fields {
		relation, ok := f.(*core.RelationField)
		if !ok || relation.IsMultiple() || relation.Hidden || !ownership.MatchString(relation.Name) {
			continue
		}
		target, err := app.FindCachedCollectionByNameOrId(relation.CollectionId)
		if err != nil || !target.IsAuth() {
			continue
		}
		if !rules["updateRule"].ofSelf(relation.Name) && !rules["deleteRule"].ofSelf(relation.Name) {
			continue // it gives no rights
		}
		if !create.mentions(relation.Name) && !create.mentions("@request.body."+relation.Name) {
			findings = append(findings, Finding{
				"rules.other-owner", Warning, create.where(),
				fmt.Sprintf("Whoever creates a record of %s chooses its %s, also somebody else.", c.Name, relation.Name),
				fmt.Sprintf("Add `%s = @request.auth.id` to the rule.", relation.Name),
			})
		}
	}
	return findings
}
