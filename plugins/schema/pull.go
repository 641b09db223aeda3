package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

const defaultDefinitionsDir = "collections"

// PullOptions say what [Pull] compares and whether it writes.
type PullOptions struct {
	// Definitions are the definitions so far.
	Definitions []Collection

	// Dir is the folder of the Go package that they are in. Defaults to
	// "collections".
	Dir string

	// Names limit the work to these collections. Defaults to all but system
	// collections, which belong to PocketBase or a plugin.
	Names []string

	// Write writes a source file for each collection that has no definition, and
	// adds it to the function All of the package.
	Write bool

	// Overwrite also changes the functions that return the definitions of
	// collections that differ. They are changed where they differ and nowhere
	// else; but a rule that differs becomes plain text, whatever it was put
	// together from, and a function that does more than to return one literal may
	// be replaced as a whole. It implies Write.
	Overwrite bool
}

// PullStatus is what became of a collection in [Pull].
type PullStatus string

const (
	// PullSame is a collection that is as its definition says.
	PullSame PullStatus = "same"
	// PullNew is a collection that no definition describes.
	PullNew PullStatus = "new"
	// PullChanged is a collection that differs from its definition.
	PullChanged PullStatus = "changed"
	// PullMissing is a definition without a collection in the database.
	PullMissing PullStatus = "missing"
)

// Pulled is one collection as [Pull] found it.
type Pulled struct {
	// Name is the collection's name.
	Name string `json:"name"`

	Status PullStatus `json:"status"`

	// File is the source file with the definition, or the one to be made for a
	// new collection. It is empty when the definition was not found in the
	// package.
	File string `json:"file,omitempty"`

	// Source is the Go source of the collection: a whole file for a new one, the
	// function for one that changed.
	Source string `json:"source,omitempty"`

	// Diff is what changed, line by line: "-" is in the definition only, "+" in
	// the database only.
	Diff string `json:"diff,omitempty"`

	// Written tells whether File was written.
	Written bool `json:"written"`

	// Note is what is left for a person to do, as a sentence.
	Note string `json:"note,omitempty"`
}

// Pull compares the collections of app's database with their definitions in Go,
// and writes the definitions of what was built in the dashboard.
//
// Options that have their defaults are left out. Secrets are never written: not
// those that sign tokens, and of the OAuth2 providers only the names. The result
// has an entry for each collection, new ones after those that they relate to.
func Pull(app core.App, options PullOptions) ([]Pulled, error) {
	if options.Dir == "" {
		options.Dir = defaultDefinitionsDir
	}
	live, err := loadWorld(app)
	if err != nil {
		return nil, err
	}
	pkg, err := readPackage(options.Dir)
	if err != nil {
		return nil, err
	}
	p := &puller{options: options, pkg: pkg, live: live}
	if err := p.checkNames(); err != nil {
		return nil, err
	}

	var result []Pulled
	for _, c := range p.inOrder() {
		pulled, err := p.compare(c)
		if err != nil {
			return nil, err
		}
		result = append(result, pulled)
	}
	result = append(result, p.missing()...)
	if options.Write || options.Overwrite {
		if err := pkg.save(); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// puller is the state of one call of [Pull].
type puller struct {
	options PullOptions
	pkg     *goPackage
	live    world
}

// wanted reports whether the collection was asked for.
func (p *puller) wanted(name string) bool {
	return len(p.options.Names) == 0 || slices.Contains(p.options.Names, name)
}

// checkNames refuses names of collections that cannot be pulled.
func (p *puller) checkNames() error {
	var problems []error
	for _, name := range p.options.Names {
		_, defined := p.definition(name)
		c := p.live.byName(name)
		switch {
		case c == nil && !defined:
			problems = append(problems, fmt.Errorf("there is no collection %s in the database", name))
		case c != nil && c.System:
			problems = append(problems, fmt.Errorf("%s is a system collection, which whatever made it keeps in order", name))
		}
	}
	return errors.Join(problems...)
}

// definition is the definition of the collection, if there is one.
func (p *puller) definition(name string) (Collection, bool) {
	for _, d := range p.options.Definitions {
		if strings.EqualFold(d.Name, name) && !d.IsDropped() {
			return d, true
		}
	}
	return Collection{}, false
}

// inOrder are the wanted collections, each after those that it relates to or
// selects from, as far as they do not go in circles. Views come last.
func (p *puller) inOrder() []*core.Collection {
	var ordered []*core.Collection
	seen := map[string]bool{}
	var add func(c *core.Collection)
	add = func(c *core.Collection) {
		if c == nil || seen[c.Name] {
			return
		}
		seen[c.Name] = true
		for _, f := range c.Fields {
			if relation, ok := f.(*core.RelationField); ok {
				add(p.live.byName(p.live.nameOf(relation.CollectionId)))
			}
		}
		for _, source := range p.live {
			if c.IsView() && strings.Contains(c.ViewQuery, source.Name) {
				add(source)
			}
		}
		if !c.System && p.wanted(c.Name) {
			ordered = append(ordered, c)
		}
	}
	for _, views := range []bool{false, true} {
		for _, c := range p.live {
			if c.IsView() == views {
				add(c)
			}
		}
	}
	return ordered
}

// compare finds out what became of a collection, and prepares its source.
func (p *puller) compare(c *core.Collection) (Pulled, error) {
	d, ok := p.definition(c.Name)
	if !ok {
		return p.pullNew(c)
	}

	existing, found := p.pkg.definitions[c.Name]
	function := existing.function
	if !found {
		function = functionName(c.Name, func(string) bool { return false })
	}
	defined, err := p.asDefined(d, c)
	if err != nil {
		return Pulled{}, err
	}
	before, err := definitionSource(function, defined, d, p.live.nameOf, false)
	if err != nil {
		return Pulled{}, fmt.Errorf("write down the definition: %w", err)
	}
	after, err := definitionSource(function, c, d, p.live.nameOf, false)
	if err != nil {
		return Pulled{}, err
	}
	pulled := Pulled{Name: c.Name, Status: PullSame, File: existing.file}
	if before.String() == after.String() {
		return pulled, nil
	}

	pulled.Status = PullChanged
	pulled.Diff = diffLines(before.String(), after.String())
	if after, err = definitionSource(function, c, d, p.live.nameOf, true); err != nil {
		return Pulled{}, err
	}
	pulled.Source = after.String()
	switch {
	case !found:
		pulled.Note = fmt.Sprintf("The definition of %s is not a function of its own in %s, so change it by hand.", c.Name, p.pkg.dir)
	case p.options.Overwrite:
		patched, ok := patchDefinition(p.pkg.sources[existing.file], function, d, defined, c, p.live.nameOf)
		if ok {
			p.pkg.set(existing.file, patched)
		} else if err := p.pkg.replace(existing, after); err != nil {
			return Pulled{}, err
		}
		pulled.Written = true
	default:
		pulled.Note = fmt.Sprintf("Change %s by hand, or have its function %s changed with --overwrite.", existing.file, function)
	}
	return pulled, nil
}

// asDefined is the collection c as its definition has it, without differences
// that mean the same.
func (p *puller) asDefined(d Collection, c *core.Collection) (*core.Collection, error) {
	defined, err := d.buildAs(c.Id, func(name string) (string, error) {
		if target := p.live.byName(name); target != nil {
			return target.Id, nil
		}
		return name, nil // a collection that is yet to be made
	})
	if err != nil || defined.Type != c.Type {
		return defined, err
	}
	indexes := slices.Clone(defined.Indexes)
	err = adopt(defined, pairing{Collection: d, id: c.Id, live: c})
	// a unique index on a system field that somebody replaced is a change too
	defined.Indexes = indexes
	return defined, err
}

// pullNew prepares the source of a collection that no definition describes.
func (p *puller) pullNew(c *core.Collection) (Pulled, error) {
	pulled := Pulled{Name: c.Name, Status: PullNew}
	for _, d := range p.options.Definitions {
		if d.Was == c.Name && p.live.byName(d.Name) == nil {
			pulled.Status = PullChanged
			pulled.Note = fmt.Sprintf("The definition of %s renames this collection: migrate the database first.", d.Name)
			return pulled, nil
		}
		if strings.EqualFold(d.Name, c.Name) { // declared as dropped
			pulled.Status = PullChanged
			pulled.Note = "The definitions declare that this collection is dropped: migrate the database first, or take the declaration back."
			return pulled, nil
		}
	}

	function := functionName(c.Name, p.pkg.declares)
	source, err := definitionSource(function, c, Collection{}, p.live.nameOf, true)
	if err != nil {
		return Pulled{}, err
	}
	content := source.file(p.pkg.name, function, c.Name)
	pulled.Source = string(content)
	pulled.File = p.pkg.newFile(c.Name)
	if !p.pkg.addToAll(function) {
		pulled.Note = fmt.Sprintf("Add %s() to your list of definitions.", function)
	}
	p.pkg.add(pulled.File, function, content)
	pulled.Written = p.options.Write || p.options.Overwrite
	return pulled, nil
}

// missing are the wanted definitions without a collection.
func (p *puller) missing() []Pulled {
	var result []Pulled
	for _, d := range p.options.Definitions {
		if d.IsDropped() || !p.wanted(d.Name) || p.live.byName(d.Name) != nil {
			continue
		}
		pulled := Pulled{Name: d.Name, Status: PullMissing, File: p.pkg.definitions[d.Name].file}
		if d.Was == "" || p.live.byName(d.Was) == nil {
			pulled.Note = "The database has no such collection: migrate it, or remove the definition."
			result = append(result, pulled)
		}
	}
	return result
}

// diffLines is the difference of two texts, with a few unchanged lines around
// each change.
func diffLines(before, after string) string {
	a, b := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")

	// longest common subsequence, of texts that fit a few screens
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}

	var lines []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, " "+a[i])
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || length[i+1][j] >= length[i][j+1]):
			lines = append(lines, "-"+a[i])
			i++
		default:
			lines = append(lines, "+"+b[j])
			j++
		}
	}
	return withContext(lines)
}

// withContext drops the unchanged lines that are far from a change. Of a value
// of many lines it keeps the first, which names it.
func withContext(lines []string) string {
	const around = 2

	keep := make([]bool, len(lines))
	for i, line := range lines {
		if line[0] == ' ' {
			continue
		}
		for j := max(0, i-around); j < min(len(lines), i+around+1); j++ {
			keep[j] = true
		}
		for j := i; j > 0 && isContinued(lines[j-1]); j-- {
			if j == 1 || !isContinued(lines[j-2]) {
				keep[j-1] = true
			}
		}
	}
	var b strings.Builder
	for i, line := range lines {
		switch {
		case keep[i]:
			b.WriteString(line)
		case b.Len() > 0 && i > 0 && keep[i-1] && slices.Contains(keep[i:], true):
			b.WriteString(" ...\n")
		}
	}
	return b.String()
}

// isContinued reports whether the value in a line goes on in the next.
func isContinued(line string) bool { return strings.HasSuffix(line, " +\n") }
