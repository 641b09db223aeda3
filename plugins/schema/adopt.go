package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// adopt gives the built collection c the identity of what it defines: the ids
// of the fields, and the spelling of everything that means the same.
func adopt(c *core.Collection, p pairing) error {
	live := p.live
	if live == nil {
		live = core.NewCollection(c.Type, c.Name, c.Id)
	}
	c.System = live.System
	c.Created = live.Created
	c.Updated = live.Updated

	if c.IsView() {
		c.Fields = live.Fields
		if strings.TrimSpace(c.ViewQuery) == strings.TrimSpace(live.ViewQuery) {
			c.ViewQuery = live.ViewQuery
		}
		return nil
	}
	was := map[string]string{}
	for _, f := range p.Fields {
		if plain, previous := unwrap(f); previous != "" {
			was[plain.GetName()] = previous
		}
	}
	if err := adoptFields(c, live, was); err != nil {
		return err
	}
	adoptFieldOrder(c, live)
	adoptIndexes(c, live)
	adoptOptions(c, live)
	return nil
}

// adoptFields gives the fields of c their ids: those of the fields of live that
// they are, new ones to the others.
func adoptFields(c, live *core.Collection, was map[string]string) error {
	matches := map[string]core.Field{} // by name in c
	claimed := map[string]bool{}
	for again := true; again; { // as in pair
		again = false
		for _, f := range c.Fields {
			name := f.GetName()
			if was[name] == "" || matches[name] != nil {
				continue
			}
			if holder := fieldByName(live, name); holder != nil && !claimed[holder.GetId()] {
				continue
			}
			if old := fieldByName(live, was[name]); old != nil && !claimed[old.GetId()] {
				matches[name] = old
				claimed[old.GetId()] = true
				again = true
			}
		}
	}
	for _, f := range c.Fields {
		if old := fieldByName(live, f.GetName()); old != nil && matches[f.GetName()] == nil && !claimed[old.GetId()] {
			matches[f.GetName()] = old
			claimed[old.GetId()] = true
		}
	}

	taken := map[string]bool{}
	for _, f := range live.Fields {
		taken[f.GetId()] = true // also those that go: an id is what keeps a column
	}
	for i, f := range c.Fields {
		old := matches[f.GetName()]
		if old != nil && old.Type() == f.Type() && relationTarget(old) == relationTarget(f) {
			f.SetId(old.GetId())
			f.SetSystem(old.GetSystem())
			if sameField(old, f) {
				c.Fields[i] = old
			}
			continue
		}
		if old != nil && old.GetSystem() {
			return fmt.Errorf("collection %s: the system field %s cannot become a %s field", c.Name, old.GetName(), f.Type())
		}
		base := defaultFieldID(f)
		id := base
		for n := 2; taken[id]; n++ {
			id = base + strconv.Itoa(n)
		}
		taken[id] = true
		f.SetId(id)
	}
	return nil
}

// fieldByName finds a field as SQLite finds a column, without regard to case.
func fieldByName(c *core.Collection, name string) core.Field {
	if f := c.Fields.GetByName(name); f != nil {
		return f
	}
	for _, f := range c.Fields {
		if strings.EqualFold(f.GetName(), name) {
			return f
		}
	}
	return nil
}

// adoptIndexes leaves an auth collection the unique indexes of its system fields
// that it has, and takes over the spelling of indexes that are the same.
func adoptIndexes(c, live *core.Collection) {
	if c.IsAuth() {
		usual := core.NewAuthCollection(c.Name, c.Id).Indexes
		for _, column := range []string{core.FieldNameTokenKey, core.FieldNameEmail} {
			own, has := uniqueIndexOn(c.Indexes, column), uniqueIndexOn(live.Indexes, column)
			if i := slices.Index(c.Indexes, own); i >= 0 && has != "" && own == uniqueIndexOn(usual, column) {
				c.Indexes[i] = has
			}
		}
	}
	for i, raw := range c.Indexes {
		for _, old := range live.Indexes {
			if indexKey(old, c.Name) == indexKey(raw, c.Name) {
				c.Indexes[i] = old
			}
		}
	}
}

// uniqueIndexOn returns the first unique index on nothing but column.
func uniqueIndexOn(indexes []string, column string) string {
	for _, raw := range indexes {
		if _, ok := dbutils.FindSingleColumnUniqueIndex([]string{raw}, column); ok {
			return raw
		}
	}
	return ""
}

// adoptOptions takes over what a definition leaves to the environment: the
// providers of OAuth2, whose credentials differ from one installation to the next.
func adoptOptions(c, live *core.Collection) {
	if !c.IsAuth() {
		return
	}
	if len(c.OAuth2.Providers) == 0 {
		c.OAuth2.Providers = live.OAuth2.Providers
	}
	if sameProviders(c.OAuth2.Providers, live.OAuth2.Providers) {
		c.OAuth2.Providers = live.OAuth2.Providers
	}
	// PocketBase clears mappings to fields that do not exist
	mapped := &c.OAuth2.MappedFields
	for _, name := range []*string{&mapped.Id, &mapped.Name, &mapped.Username, &mapped.AvatarURL} {
		if *name != "" && c.Fields.GetByName(*name) == nil {
			*name = ""
		}
	}
}
