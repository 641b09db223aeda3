package schema

import (
	"github.com/pocketbase/pocketbase/core"
)

// Plan is what separates a database from the definitions, with what each change
// does to the rows that exist. Marshalled to JSON it has the same content.
type Plan struct {
	// Collections are the collections that change. It is empty when the database
	// matches the definitions.
	Collections []CollectionChange `json:"collections"`

	// Unmanaged are the collections that no definition names, without those of
	// the system. They stay as they are.
	Unmanaged []string `json:"unmanaged"`

	from, to world
}

// Stake is what a change does to rows that exist.
type Stake struct {
	// Rows is the number of rows concerned. A step that always loses what it
	// touches, such as dropping a field, is at stake with no rows too: another
	// database may hold some.
	Rows int64 `json:"rows"`

	// Effect says what happens to them, as a sentence without a full stop.
	Effect string `json:"effect"`
}

// Diff compares the database of app with the definitions and counts the rows at
// stake. It only reads. An error means that the definitions contradict
// themselves, or that the database cannot be read.
func Diff(app core.App, definitions []Collection) (*Plan, error) {
	plan, err := diffSchema(app, definitions)
	if err != nil {
		return nil, err
	}
	if err := plan.assess(app); err != nil {
		return nil, err
	}
	return plan, nil
}

// diffSchema is Diff without looking at rows.
func diffSchema(app core.App, definitions []Collection) (*Plan, error) {
	live, err := loadWorld(app)
	if err != nil {
		return nil, err
	}
	wanted, err := targetOf(live, definitions)
	if err != nil {
		return nil, err
	}
	return &Plan{
		Collections: append([]CollectionChange{}, compare(live, wanted.collections)...),
		Unmanaged:   append([]string{}, wanted.unmanaged...),
		from:        live,
		to:          wanted.collections,
	}, nil
}

// Empty reports whether there is nothing to change.
func (p *Plan) Empty() bool { return len(p.Collections) == 0 }

// Risk is a change that puts rows at stake.
type Risk struct {
	// Subject names the change, such as "drop field sites.contact".
	Subject string `json:"subject"`
	Stake
}

// Risks are the changes that lose data, or leave rows at odds with the
// definitions. A migration with risks needs consent.
func (p *Plan) Risks() []Risk {
	var risks []Risk
	for _, c := range p.Collections {
		if c.Stake != nil {
			risks = append(risks, Risk{string(c.Action) + " collection " + c.Name, *c.Stake})
		}
		for _, change := range c.Changes {
			if change.Stake == nil {
				continue
			}
			risks = append(risks, Risk{string(change.Action) + " " + string(change.Subject) + " " + c.Name + "." + change.Name, *change.Stake})
		}
	}
	return risks
}
