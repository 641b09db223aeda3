package versions

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/tokenizer"
)

// way leads from a name that a client uses to what it is now.
type way struct {
	prefix string // the path to the field, with a dot at its end, in new names
	names  []string
	rest   string // of the path after the field, with a dot before it

	// what has happened to the field but renames, if by is not negative
	plan *plan
	by   int
	name string // of the field right before that
}

// path is the way as a path, if nothing but names has changed on it.
func (w way) path() string { return w.prefix + w.names[0] + w.rest }

// change is what has happened to the field.
func (w way) change() *Change { return w.plan.changes[w.by] }

// walk follows a path from a collection.
func (t *Transformer) walk(c *core.Collection, path string) way {
	w := way{by: -1}
	for {
		segment, rest, more := strings.Cut(path, ".")
		if more {
			w.rest = "." + rest
		} else {
			w.rest = ""
		}
		if c == nil {
			w.names = []string{segment}
			return w
		}
		w.plan = t.plan(c)
		w.names, w.by = t.segment(c, segment)
		if w.by >= 0 {
			w.name = w.plan.at(segment, w.by)
			return w
		}
		next := t.follow(c, w.names[0])
		if !more || next == nil {
			return w
		}
		w.prefix += w.names[0] + "."
		c, path = next, rest
	}
}

// segment is what one name of a path is now.
func (t *Transformer) segment(c *core.Collection, name string) (names []string, by int) {
	names, by = t.plan(c).resolve(name, 0)
	if by >= 0 || names[0] != name || c.Fields.GetByName(name) != nil {
		return names, by
	}
	via := viaPattern.FindStringSubmatch(name)
	if via == nil {
		return names, by
	}
	fields, changed := t.plan(t.collection(via[1])).resolve(via[2], 0)
	if changed >= 0 || len(fields) != 1 {
		return names, by // PocketBase says that there is no such thing
	}
	return []string{via[1] + "_via_" + fields[0]}, -1
}

// Sort makes the parameter sort of a client of the version one of the newest.
func (t *Transformer) Sort(collection, sort string) (string, error) {
	return t.sort(t.collection(collection), sort)
}

func (t *Transformer) sort(c *core.Collection, sort string) (string, error) {
	if t.identical() || c == nil || sort == "" {
		return sort, nil
	}
	var out []string
	changed := false
	for _, part := range strings.Split(sort, ",") {
		name := strings.TrimSpace(part)
		sign := ""
		if strings.HasPrefix(name, "-") || strings.HasPrefix(name, "+") {
			sign, name = name[:1], name[1:]
		}
		if name == "" || name[0] == '@' {
			out = append(out, part)
			continue
		}
		path, modifier, modified := strings.Cut(name, ":")
		if modified {
			modifier = ":" + modifier
		}
		w := t.walk(c, path)
		if w.by < 0 {
			if w.path() == path {
				out = append(out, part)
				continue
			}
			out, changed = append(out, sign+w.path()+modifier), true
			continue
		}
		fields := w.change().sortBy
		if len(fields) == 0 {
			return "", t.changed("sort", "sort by", path)
		}
		for _, field := range fields {
			names, by := w.plan.resolve(field, w.by+1)
			if by >= 0 || len(names) != 1 {
				return "", t.changed("sort", "sort by", path)
			}
			out, changed = append(out, sign+w.prefix+names[0]+modifier), true
		}
	}
	if !changed {
		return sort, nil
	}
	return strings.Join(out, ","), nil
}

// changed refuses a parameter that cannot say any more what it said.
func (t *Transformer) changed(parameter, what, path string) error {
	return fieldRefusal(parameter, codeFieldChanged,
		fmt.Sprintf("Version %s of the API can no longer %s %s.", t.date, what, path))
}

// Expand makes the parameter expand of a client of the version one of the newest.
func (t *Transformer) Expand(collection, expand string) (string, error) {
	return t.expand(t.collection(collection), expand)
}

func (t *Transformer) expand(c *core.Collection, expand string) (string, error) {
	if t.identical() || c == nil || expand == "" {
		return expand, nil
	}
	var out []string
	changed := false
	for _, path := range strings.Split(expand, ",") {
		w := t.walk(c, strings.TrimSpace(path))
		switch {
		case w.by < 0 && w.path() == strings.TrimSpace(path):
			out = append(out, path)
		case w.by < 0:
			out, changed = append(out, w.path()), true
		case w.change().kind == removeField:
			changed = true
		default:
			return "", t.changed("expand", "expand", path)
		}
	}
	if !changed {
		return expand, nil
	}
	return strings.Join(out, ","), nil
}

// Fields makes the parameter fields of a client of the version one of the newest.
func (t *Transformer) Fields(collection, fields string) (string, error) {
	fields, _, err := t.fields(t.collection(collection), fields, "")
	return fields, err
}

// fields does so for records that are below a prefix, such as "record.", and also
// returns what is asked for.
func (t *Transformer) fields(c *core.Collection, fields, prefix string) (string, *pick, error) {
	if t.identical() || c == nil || fields == "" {
		return fields, nil, nil
	}
	parts, err := tokenizer.NewFromString(fields).ScanAll()
	if err != nil {
		return fields, nil, nil //nolint:nilerr // PocketBase says what is wrong
	}
	var out []string
	changed := false
	for _, part := range parts {
		path, modifier, modified := strings.Cut(strings.TrimSpace(part), ":")
		inner, within := strings.CutPrefix(path, prefix)
		if !within || inner == "" {
			out = append(out, part)
			continue
		}
		if modified {
			modifier = ":" + modifier
		}
		names, more := t.members(c, strings.Split(inner, "."))
		if modified && more {
			return "", nil, t.changed("fields", "shorten", path)
		}
		if len(names) == 1 && names[0] == inner {
			out = append(out, part)
			continue
		}
		changed = true
		for _, name := range names {
			out = append(out, prefix+name+modifier)
		}
	}
	asked := newPick(parts)
	if prefix != "" {
		asked = asked.sub(strings.TrimSuffix(prefix, "."))
	}
	if !changed {
		return fields, asked, nil
	}
	if len(out) == 0 {
		out = []string{prefix + "id"} // nothing would mean everything
	}
	return strings.Join(out, ","), asked, nil
}

// members are the paths of the newest shape that have what is at a path of the
// answer. more tells that they are not the same under other names.
func (t *Transformer) members(c *core.Collection, path []string) (paths []string, more bool) {
	if c == nil || path[0] == "*" {
		return []string{strings.Join(path, ".")}, false
	}
	if path[0] == "expand" {
		if len(path) == 1 {
			return []string{"expand"}, false
		}
		names, by := t.segment(c, path[1])
		if by >= 0 || len(path) == 2 {
			return []string{"expand." + names0(names, path[1])}, by >= 0
		}
		below, more := t.members(t.follow(c, names[0]), path[2:])
		for i := range below {
			below[i] = "expand." + names[0] + "." + below[i]
		}
		return below, more
	}
	names, by := t.segment(c, path[0])
	rest := ""
	if len(path) > 1 {
		rest = "." + strings.Join(path[1:], ".")
	}
	if by >= 0 {
		rest = "" // whatever it takes to make the old one
	}
	for _, name := range names {
		paths = append(paths, name+rest)
	}
	return paths, by >= 0
}

func names0(names []string, otherwise string) string {
	if len(names) == 0 {
		return otherwise
	}
	return names[0]
}
