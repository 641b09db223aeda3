package versions

import "slices"

// plan is what happens to the records of one collection between a version and the
// newest: the changes, oldest first.
type plan struct {
	changes []*Change
	// renames tells that there is nothing else, so that no member comes or goes
	renames bool
	// looksAt are the members of a record that the changes look at, or that have
	// records in them
	looksAt *nameSet
	// program does the same for a record that was read so, nil if it cannot
	program *program
}

func newPlan() *plan { return &plan{renames: true, looksAt: newNameSet("expand")} }

func (p *plan) add(c *Change) {
	p.changes = append(p.changes, c)
	p.renames = p.renames && c.kind == renameField
	switch {
	case c.kind == transformFields || c.kind == routeBodies:
		p.looksAt = nil // at whatever its function likes
	case p.looksAt != nil:
		p.looksAt.add(c.old...)
		p.looksAt.add(c.new...)
	}
}

// reads are the members of a record that there is to read for a client that asked
// for some of it.
func (p *plan) reads(asked *pick) *nameSet {
	switch {
	case p == nil:
		return expandOnly
	case !p.renames && !asked.everything():
		return nil // to leave out what the client did not ask for
	default:
		return p.looksAt
	}
}

// up makes what an older client sends what the newest would.
func (p *plan) up(o *Object) error {
	if p == nil {
		return nil
	}
	for _, c := range p.changes {
		if err := c.forward(o); err != nil {
			return err
		}
	}
	return nil
}

// down makes a record what an older client is sent.
func (p *plan) down(o *Object) error {
	for i := len(p.changes) - 1; i >= 0; i-- {
		if err := p.changes[i].backward(o); err != nil {
			return err
		}
	}
	return nil
}

// resolve says what a field is called in the newest shape, which it was called
// name before the change with the index from. by is the first change that did more
// than to rename it, -1 if there is none.
func (p *plan) resolve(name string, from int) (names []string, by int) {
	names, by = []string{name}, -1
	if p == nil {
		return names, by
	}
	for i := from; i < len(p.changes); i++ {
		c := p.changes[i]
		if len(c.old) == 0 || !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(c.old, n) }) {
			continue
		}
		if c.kind == renameField {
			names[slices.Index(names, c.old[0])] = c.new[0]
			continue
		}
		if by < 0 {
			by = i
		}
		names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(c.old, n) })
		for _, n := range c.new {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names, by
}

// before says what older clients call a field of the newest shape.
func (p *plan) before(name string) string {
	if p == nil {
		return name
	}
	for i := len(p.changes) - 1; i >= 0; i-- {
		if c := p.changes[i]; slices.Contains(c.new, name) && len(c.old) > 0 && !slices.Contains(c.old, name) {
			name = c.old[0]
		}
	}
	return name
}

// at is what a field of the oldest shape is called right before a change. Only
// renames come before it.
func (p *plan) at(name string, index int) string {
	for _, c := range p.changes[:index] {
		if c.kind == renameField && c.old[0] == name {
			name = c.new[0]
		}
	}
	return name
}
