package versions

import (
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Check reports what in the versions does not fit the collections as they are: a
// change of a collection that is not there, or of a field that is not there after it,
// or still is. The routes are not checked.
func (p *Plugin) Check(app core.App) []error {
	fields := map[string]map[string]bool{} // that there are, from the newest version back
	var problems []error
	for i := len(p.releases) - 1; i >= 0; i-- {
		r := p.releases[i]
		for j := len(r.Changes) - 1; j >= 0; j-- {
			c := &r.Changes[j]
			if !c.isRecord() {
				continue
			}
			known, ok := fields[c.collection]
			if !ok {
				known = fieldNames(app, c.collection)
				fields[c.collection] = known
			}
			if err := c.check(known); err != nil {
				problems = append(problems, fmt.Errorf("versions: %s: %s: %w", r.Date, c, err))
			}
		}
	}
	return problems
}

// fieldNames are the fields of a collection, nil if there is none of that name.
func fieldNames(app core.App, collection string) map[string]bool {
	c, err := app.FindCachedCollectionByNameOrId(collection)
	if err != nil || c.Name != collection {
		return nil
	}
	names := make(map[string]bool, len(c.Fields))
	for _, f := range c.Fields {
		names[f.GetName()] = true
	}
	return names
}

// check takes a change back in what fields there are.
func (c *Change) check(known map[string]bool) error {
	if known == nil {
		return errors.New("there is no such collection")
	}
	var problems []error
	for _, name := range c.new {
		if !known[name] {
			problems = append(problems, fmt.Errorf("there is no field %s after it", name))
		}
		delete(known, name)
	}
	for _, name := range c.old {
		if known[name] {
			problems = append(problems, fmt.Errorf("there still is a field %s after it", name))
		}
		known[name] = true
	}
	return errors.Join(problems...)
}
