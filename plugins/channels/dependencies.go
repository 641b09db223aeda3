package channels

import (
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// dependencies knows which collections the view rules read. It may name too
// many, which costs a check, and never too few.
type dependencies struct {
	byName    map[string]*core.Collection // in lower case
	byID      map[string]*core.Collection
	relations map[string][]string // ids of the targets by the name of the field
}

func newDependencies(all []*core.Collection) *dependencies {
	d := &dependencies{
		byName: map[string]*core.Collection{}, byID: map[string]*core.Collection{}, relations: map[string][]string{},
	}
	for _, c := range all {
		d.byName[strings.ToLower(c.Name)] = c
		d.byID[c.Id] = c
		for _, field := range c.Fields {
			if relation, ok := field.(*core.RelationField); ok {
				d.relations[relation.Name] = append(d.relations[relation.Name], relation.CollectionId)
			}
		}
	}
	return d
}

// idOf is the id of a collection that is given by name or id.
func (d *dependencies) idOf(name string) string {
	if c, ok := d.byName[strings.ToLower(name)]; ok {
		return c.Id
	}
	return name
}

// step is a part of a path in a rule that another part follows:
// "organization.", "memberships_via_user.", and "memberships:mine." after
// "@collection.".
var step = regexp.MustCompile(`(\w+)(?::\w+)?\.`)

// ruleReads reports whether the view rule of the collection may read records of
// one of the changed collections, other than the record it is about and the
// caller's own.
func (d *dependencies) ruleReads(collection string, changed map[string]struct{}) bool {
	guard := d.byName[strings.ToLower(collection)]
	if guard == nil || guard.IsView() {
		return true // what a view reads is not known
	}
	if guard.ViewRule == nil {
		return false
	}
	for _, match := range step.FindAllStringSubmatch(*guard.ViewRule, -1) {
		if d.stepReads(match[1], changed) {
			return true
		}
	}
	return false
}

func (d *dependencies) stepReads(name string, changed map[string]struct{}) bool {
	for _, id := range d.relations[name] {
		if d.reads(d.byID[id], changed) {
			return true
		}
	}
	name = strings.ToLower(name)
	for _, c := range d.byID {
		for _, called := range []string{strings.ToLower(c.Name), strings.ToLower(c.Id)} {
			if (name == called || strings.HasPrefix(name, called+"_via_")) && d.reads(c, changed) {
				return true
			}
		}
	}
	return false
}

// reads reports whether reading c is reading one of the changed collections.
func (d *dependencies) reads(c *core.Collection, changed map[string]struct{}) bool {
	if c == nil {
		return false
	}
	_, ok := changed[c.Id]
	return ok || c.IsView()
}
