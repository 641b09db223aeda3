package versions

import "strings"

// pick is what the parameter fields asks for, in the names of the client. nil is
// everything.
type pick struct {
	all   bool
	names map[string]*pick // nil as a value is everything below
}

// everything tells that nothing is left out at this level.
func (p *pick) everything() bool { return p == nil || p.all }

func (p *pick) has(name string) bool {
	if p.everything() {
		return true
	}
	_, ok := p.names[name]
	return ok
}

// sub is what is asked for below a name.
func (p *pick) sub(name string) *pick {
	if p == nil {
		return nil
	}
	return p.names[name]
}

// add asks for a path.
func (p *pick) add(path []string) {
	if len(path) == 0 {
		return
	}
	if path[0] == "*" {
		p.all = true
		return
	}
	if p.names == nil {
		p.names = map[string]*pick{}
	}
	below, known := p.names[path[0]]
	if len(path) == 1 || known && below == nil {
		p.names[path[0]] = nil
		return
	}
	if below == nil {
		below = &pick{}
		p.names[path[0]] = below
	}
	below.add(path[1:])
}

// newPick reads the parts of the parameter.
func newPick(parts []string) *pick {
	p := &pick{}
	for _, part := range parts {
		path, _, _ := strings.Cut(strings.TrimSpace(part), ":")
		p.add(strings.Split(path, "."))
	}
	return p
}
