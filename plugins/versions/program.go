package versions

// program is the way down of a plan, run through once for all records: what becomes
// of each member that they can have in the newest shape. It does what the plan does,
// change by change, without looking for names.
type program struct {
	fates  []fate // of the names that the plan looks at, in their order
	splits []joined
	last   []member // those that older clients see and nobody else
}

// fate is what becomes of a member.
type fate struct {
	kind  fateKind
	to    []byte // encoded, with a colon
	split int16
	part  int16
}

type fateKind uint8

const (
	stays   fateKind = iota
	moves            // gets another name
	goes             // is not there
	joins            // is a part of a split
	unknown          // is no name of the newest shape: the plan knows what it means
)

// joined is a field that was split.
type joined struct {
	change *Change
	to     []byte // encoded, with a colon, nil if it goes
}

// maxFates bounds the names in a program, which notes in a word which it has seen.
const maxFates = 64

// origin is where a member comes from that an older client sees.
type origin struct {
	kind  originKind
	index int // of the name, the split or the last
}

type originKind uint8

const (
	fromName originKind = iota
	fromSplit
	fromLast
)

// compile returns the program of a plan, or nil if it has none: with a function that
// changes a record as a whole, or a history in which names mean several things at once.
func (p *plan) compile() *program {
	if p.looksAt == nil || len(p.looksAt.names) > maxFates {
		return nil
	}
	prog := &program{fates: make([]fate, len(p.looksAt.names))}
	seen := map[string]origin{} // what is there before a change, by its name then
	for i, name := range p.looksAt.names {
		if name == "expand" {
			continue
		}
		if !p.isNewest(name) {
			prog.fates[i].kind = unknown
			continue
		}
		seen[name] = origin{fromName, i}
	}
	for i := len(p.changes) - 1; i >= 0; i-- {
		if !prog.undo(p.changes[i], seen) {
			return nil
		}
	}
	for name, o := range seen {
		to := append(appendName(nil, []byte(name)), ':')
		switch o.kind {
		case fromName:
			if p.looksAt.names[o.index] != name {
				prog.fates[o.index] = fate{kind: moves, to: to}
			}
		case fromSplit:
			prog.splits[o.index].to = to
		case fromLast:
			prog.last[o.index].name = to
		}
	}
	kept := prog.last[:0]
	for _, m := range prog.last {
		if m.name != nil {
			kept = append(kept, m)
		}
	}
	prog.last = kept
	return prog
}

// isNewest tells whether a name of a change is one of the newest shape.
func (p *plan) isNewest(name string) bool {
	there := false
	for _, c := range p.changes {
		if contains(c.old, []byte(name)) {
			there = false
		}
		if contains(c.new, []byte(name)) {
			there = true
		}
	}
	return there
}

// undo takes a change back. It reports false if what the change does depends on
// more than which names of the newest shape are there.
func (prog *program) undo(c *Change, seen map[string]origin) bool {
	for _, name := range c.old {
		if _, taken := seen[name]; taken {
			return false
		}
	}
	for _, name := range c.new {
		if _, known := seen[name]; !known {
			return false
		}
	}
	switch c.kind {
	case renameField:
		seen[c.old[0]] = seen[c.new[0]]
		delete(seen, c.new[0])
	case addField:
		o := seen[c.new[0]]
		if o.kind == fromName {
			prog.fates[o.index].kind = goes
		}
		delete(seen, c.new[0])
	case removeField:
		seen[c.old[0]] = origin{fromLast, len(prog.last)}
		prog.last = append(prog.last, member{value: c.encoded, coded: true, known: passedOver})
	case splitField:
		split := len(prog.splits)
		for part, name := range c.new {
			o, known := seen[name]
			if !known || o.kind != fromName {
				return false
			}
			prog.fates[o.index] = fate{kind: joins, split: int16(split), part: int16(part)} // far fewer
			delete(seen, name)
		}
		prog.splits = append(prog.splits, joined{change: c})
		seen[c.old[0]] = origin{fromSplit, split}
	default:
		return false
	}
	return true
}

// run makes a record that was read with the names of the plan what an older client
// is sent. It reports false, and has changed nothing, if the plan has to do so.
func (prog *program) run(o *Object) bool {
	var seen uint64
	gone := false
	for i := range o.members {
		index := o.members[i].known
		if index < 0 {
			continue
		}
		if seen&(1<<index) != 0 || prog.fates[index].kind == unknown {
			return false
		}
		seen |= 1 << index
	}
	for i := range o.members {
		m := &o.members[i]
		if m.known < 0 {
			continue
		}
		switch f := &prog.fates[m.known]; f.kind {
		case moves:
			m.name, m.clean, m.coded, o.changed = f.to, false, true, true
		case goes:
			m.gone, gone = true, true
		case joins:
			gone = true
			if !m.gone {
				prog.join(o, f.split)
			}
		}
	}
	if gone {
		o.changed = true
		o.members = dropGone(o.members)
	}
	for i := range prog.last {
		o.members, o.changed = append(o.members, prog.last[i]), true
	}
	return true
}

// join makes one member of the parts of a split: that of the first part that is there.
func (prog *program) join(o *Object, split int16) {
	s := &prog.splits[split]
	var first *member
	place := int16(len(s.change.new)) // far fewer
	parts := make([]string, len(s.change.new))
	for i := range o.members {
		m := &o.members[i]
		if m.known < 0 {
			continue
		}
		f := &prog.fates[m.known]
		if f.kind != joins || f.split != split {
			continue
		}
		parts[f.part], _ = textOf(m.value)
		if m.gone = true; f.part < place {
			first, place = m, f.part
		}
	}
	value := o.quote(s.change.join(parts))
	if s.to != nil {
		first.name, first.value, first.clean, first.coded, first.gone = s.to, value, false, true, false
		first.known = passedOver
	}
}

func dropGone(members []member) []member {
	kept := members[:0]
	for i := range members {
		if !members[i].gone {
			kept = append(kept, members[i])
		}
	}
	return kept
}
