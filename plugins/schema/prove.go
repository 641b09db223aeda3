package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// journey is a proven way between two worlds.
type journey struct{ up, down []step }

// prove works out the steps of a plan and tries them on a copy of the schema:
// up has to give the definitions with every rule valid, and down has to give the
// previous schema back. The error says what the definitions get wrong.
func (p *Plan) prove() (journey, error) {
	var failure error
	for _, c := range cautions {
		j, err := p.tryJourney(c)
		if err == nil {
			return j, nil
		}
		failure = err // of the most cautious in the end: that one blames the definitions
	}
	return journey{}, failure
}

func (p *Plan) tryJourney(c caution) (journey, error) {
	j := journey{up: stepsBetween(p.from, p.to, c), down: stepsBetween(p.to, p.from, c)}
	annotateDown(j.down)
	var invalid map[string]error
	err := withScratch(func(app core.App) error {
		if err := replicate(app, p.from); err != nil {
			return err
		}
		if err := arrive(app, j.up, p.to); err != nil {
			return err
		}
		var err error
		if invalid, err = invalidCollections(app); err != nil {
			return err
		}
		if err := arrive(app, j.down, p.from); err != nil {
			return fmt.Errorf("on the way back: %w", err)
		}
		return nil
	})
	if err == nil && len(invalid) > 0 {
		err = p.newlyInvalid(invalid)
	}
	if err != nil {
		return journey{}, err
	}
	return j, nil
}

// newlyInvalid is the error about one of the collections that are not valid
// after the way up, unless all of them were invalid before.
func (p *Plan) newlyInvalid(invalid map[string]error) error {
	return withScratch(func(app core.App) error {
		if err := replicate(app, p.from); err != nil {
			return err
		}
		before, err := invalidCollections(app)
		if err != nil {
			return err
		}
		for _, c := range p.to {
			if invalid[c.Id] != nil && before[c.Id] == nil {
				return fmt.Errorf("collection %s would no longer be valid: %w", c.Name, invalid[c.Id])
			}
		}
		return nil
	})
}

// arrive runs the steps and compares the outcome with what it has to be.
func arrive(app core.App, steps []step, want world) error {
	if err := inMigration(app, func(tx core.App) error { return runSteps(tx, steps) }); err != nil {
		return err
	}
	got, err := loadWorld(app)
	if err != nil {
		return err
	}
	for _, c := range want {
		a, b := canonical(got.byID(c.Id)), canonical(c)
		if a != b {
			return fmt.Errorf("the steps do not lead to what collection %s has to be:\n got %s\nwant %s", c.Name, a, b)
		}
	}
	for _, c := range got {
		if want.byID(c.Id) == nil {
			return fmt.Errorf("the steps leave the collection %s behind", c.Name)
		}
	}
	return nil
}

// invalidCollections are the ids of the collections that PocketBase would not
// save as they are, with the reason. Those of the system depend on no other.
func invalidCollections(app core.App) (map[string]error, error) {
	w, err := loadWorld(app)
	if err != nil {
		return nil, err
	}
	invalid := map[string]error{}
	for _, c := range w {
		if c.System {
			continue
		}
		if err := app.Validate(c); err != nil {
			invalid[c.Id] = err
		}
	}
	return invalid, nil
}

// canonical is a collection as one text: without times and secrets, in one
// spelling, without the fields of a view, which PocketBase derives anew.
func canonical(c *core.Collection) string {
	if c == nil {
		return "nothing"
	}
	data := map[string]any{"id": c.Id, "name": c.Name, "type": c.Type, "system": c.System}
	if !c.IsView() {
		fields := make([]any, len(c.Fields))
		for i, f := range c.Fields {
			fields[i] = []any{f.GetId(), f.GetName(), f.Type(), f.GetSystem(), fieldOptions(f)}
		}
		data["fields"] = fields
		indexes := make([]string, len(c.Indexes))
		for i, raw := range c.Indexes {
			indexes[i] = indexKey(raw, c.Name)
		}
		slices.Sort(indexes)
		data["indexes"] = indexes
	}
	for _, kind := range ruleKinds {
		data[kind.name] = ruleValue(kind.get(c))
	}
	for _, o := range collectionOptions(c) {
		value := o.show()
		if text, ok := value.(string); ok && c.IsView() {
			value = strings.TrimSpace(text)
		}
		if o.value.Kind().String() == "slice" && o.value.Len() == 0 {
			value = nil
		}
		data[o.name] = value
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Sprintf("%v", data)
	}
	return string(raw)
}

// annotateDown says in the way back what does not come back.
func annotateDown(steps []step) {
	for i := range steps {
		s := &steps[i]
		if s.kind == stepCreate && s.typ != core.CollectionTypeView {
			s.note = s.collection + " comes back without its records"
			continue
		}
		for j, o := range s.ops {
			if put, ok := o.(putField); ok && put.note == "" && s.kind == stepUpdate {
				put.note = put.field.GetName() + " comes back empty"
				s.ops[j] = put
			}
		}
	}
}
