package versions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

var errNotJSON = errors.New("this is no JSON object")

// Object is a JSON object while it is changed: its members in their order, with
// values as they are encoded. What is not changed goes on byte for byte. It is
// valid, with all that it has returned, until the function that got it returns.
type Object struct {
	source   []byte
	members  []member
	changed  bool
	creating bool
}

// member is one of the object's. A clean one is source[start:end].
type member struct {
	name, value []byte
	start, end  int32
	order       int16 // in the source
	clean       bool
}

// What is larger than these has its members copied one by one.
const (
	maxPlace = 1<<31 - 1
	maxOrder = 1<<15 - 1
)

var objects = sync.Pool{New: func() any { return &Object{members: make([]member, 0, 32)} }}

// parse reads the object that begins at b[i] and returns the index after it. It is
// [eachMember], written out: most of what an answer costs is spent here.
func (o *Object) parse(b []byte, i int) (int, error) {
	o.source, o.members, o.changed, o.creating = b, o.members[:0], false, false
	if i >= len(b) || b[i] != '{' {
		return -1, errNotJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for i < len(b) && b[i] == '"' {
		key := i
		for i++; i < len(b) && b[i] != '"' && b[i] != '\\'; {
			i++
		}
		if i >= len(b) {
			break
		}
		name := b[key+1 : i]
		if b[i] == '\\' {
			if i = stringEnd(b, key) - 1; i < 0 {
				break
			}
			var plain string
			if err := json.Unmarshal(b[key:i+1], &plain); err != nil {
				break
			}
			name = []byte(plain)
		}
		if i = space(b, i+1); i >= len(b) || b[i] != ':' {
			break
		}
		value := space(b, i+1)
		end := valueEnd(b, value)
		if end < 0 {
			break
		}
		order := len(o.members)
		o.members = append(o.members, member{
			name: name, value: b[value:end], start: int32(key), end: int32(end), order: int16(order), //nolint:gosec // see clean
			clean: end <= maxPlace && order <= maxOrder,
		})
		if i = space(b, end); i >= len(b) {
			break
		}
		if b[i] == '}' {
			return i + 1, nil
		}
		if b[i] != ',' {
			break
		}
		i = space(b, i+1)
	}
	return -1, errNotJSON
}

// release gives the object back.
func (o *Object) release() {
	o.source = nil
	clear(o.members)
	objects.Put(o)
}

// append appends the object as it is now.
func (o *Object) append(to []byte) []byte {
	to = append(to, '{')
	for i := 0; i < len(o.members); {
		if i > 0 {
			to = append(to, ',')
		}
		m := &o.members[i]
		i++
		if !m.clean {
			to = append(appendName(to, m.name), ':')
			to = append(to, m.value...)
			continue
		}
		last := m
		for i < len(o.members) && o.members[i].clean && o.members[i].order == last.order+1 {
			last = &o.members[i]
			i++
		}
		to = append(to, o.source[m.start:last.end]...)
	}
	return append(to, '}')
}

// appendName appends the name of a member.
func appendName(to, name []byte) []byte {
	for _, c := range name {
		if c < ' ' || c == '"' || c == '\\' {
			encoded, _ := json.Marshal(string(name)) // a string cannot fail
			return append(to, encoded...)
		}
	}
	to = append(to, '"')
	to = append(to, name...)
	return append(to, '"')
}

// find returns the last member of that name, which is the one that counts.
func (o *Object) find(name string) *member {
	for i := len(o.members) - 1; i >= 0; i-- {
		if string(o.members[i].name) == name {
			return &o.members[i]
		}
	}
	return nil
}

// Names returns the names of the members.
func (o *Object) Names() []string {
	names := make([]string, len(o.members))
	for i := range o.members {
		names[i] = string(o.members[i].name)
	}
	return names
}

// Has tells whether there is such a member.
func (o *Object) Has(name string) bool { return o.find(name) != nil }

// Get returns the encoded value of a member, nil if there is none.
func (o *Object) Get(name string) json.RawMessage {
	if m := o.find(name); m != nil {
		return m.value
	}
	return nil
}

// Text returns the text of a member. It reports false if there is none, or if it
// is neither text, a number, a boolean nor null, which is no text: "".
func (o *Object) Text(name string) (string, bool) {
	m := o.find(name)
	if m == nil {
		return "", false
	}
	return textOf(m.value)
}

// textOf reads a value as PocketBase does for a field of text.
func textOf(value []byte) (string, bool) {
	switch {
	case len(value) == 0:
		return "", false
	case value[0] == '"':
		if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
			return string(inner), true
		}
		var text string
		err := json.Unmarshal(value, &text)
		return text, err == nil
	case value[0] == '{' || value[0] == '[':
		return "", false
	case string(value) == "null":
		return "", true
	default:
		return string(value), true
	}
}

// Set gives a member a value, which is encoded as JSON. A new one comes last.
func (o *Object) Set(name string, value any) error {
	encoded, err := encode(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	o.SetRaw(name, encoded)
	return nil
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// SetRaw gives a member a value that is encoded already. A new one comes last.
func (o *Object) SetRaw(name string, value json.RawMessage) {
	o.changed = true
	if m := o.find(name); m != nil {
		m.value, m.clean = value, false
		return
	}
	o.members = append(o.members, member{name: []byte(name), value: value})
}

// Delete takes a member away.
func (o *Object) Delete(name string) {
	o.deleteFunc(func(m *member) bool { return string(m.name) == name })
}

func (o *Object) deleteFunc(gone func(*member) bool) {
	first := 0
	for first < len(o.members) && !gone(&o.members[first]) {
		first++
	}
	if first == len(o.members) {
		return // as nearly always
	}
	kept := o.members[:first]
	for i := first + 1; i < len(o.members); i++ {
		if !gone(&o.members[i]) {
			kept = append(kept, o.members[i])
		}
	}
	o.members, o.changed = kept, true
}

// Rename gives a member another name, in its place. A member that has the name
// already makes way. Without such a member nothing happens.
func (o *Object) Rename(from, to string) {
	o.rename(from, []byte(to))
}

func (o *Object) rename(from string, to []byte) {
	if from == string(to) || o.find(from) == nil {
		return
	}
	o.Delete(string(to))
	for i := range o.members {
		if m := &o.members[i]; string(m.name) == from {
			m.name, m.clean = to, false
			o.changed = true
		}
	}
}

// Creating tells whether the object is what a new record is made from, so that
// whatever is missing has its default.
func (o *Object) Creating() bool { return o.creating }

// baseName is the name of the field that a member of a request is about, without
// PocketBase's modifiers: "tags" for "+tags", "tags+", "tags-" and
// "tags:autogenerate".
func baseName(name []byte) (prefix int, base []byte) {
	base = name
	if len(base) > 0 && base[0] == '+' {
		prefix, base = 1, base[1:]
	}
	if i := bytes.IndexByte(base, ':'); i >= 0 {
		return prefix, base[:i]
	}
	if n := len(base); n > 0 && (base[n-1] == '+' || base[n-1] == '-') {
		base = base[:n-1]
	}
	return prefix, base
}

// renameField gives the members about a field another name, and takes those away
// that are about the field of that name: clients of the old shape know none.
func (o *Object) renameField(from, to string) {
	o.deleteField(to)
	for i := range o.members {
		m := &o.members[i]
		if prefix, base := baseName(m.name); string(base) == from {
			name := make([]byte, 0, len(m.name)+len(to))
			name = append(append(name, m.name[:prefix]...), to...)
			m.name, m.clean = append(name, m.name[prefix+len(base):]...), false
			o.changed = true
		}
	}
}

// deleteField takes the members about a field away.
func (o *Object) deleteField(field string) {
	o.deleteFunc(func(m *member) bool {
		_, base := baseName(m.name)
		return string(base) == field
	})
}

// modified returns the name of a member that is about the field in another way
// than to give it a value, "" if there is none.
func (o *Object) modified(field string) string {
	for i := range o.members {
		if _, base := baseName(o.members[i].name); string(base) == field && len(base) != len(o.members[i].name) {
			return string(o.members[i].name)
		}
	}
	return ""
}

// replace puts members in the place of one. Those that have these names make way.
func (o *Object) replace(name string, names []string, values [][]byte) {
	place := -1
	kept := make([]member, 0, len(o.members)+len(names))
	for i := range o.members {
		m := o.members[i]
		if string(m.name) == name && place < 0 {
			place = len(kept)
			for j := range names {
				kept = append(kept, member{name: []byte(names[j]), value: values[j]})
			}
			continue
		}
		if string(m.name) == name || contains(names, m.name) {
			continue
		}
		kept = append(kept, m)
	}
	o.members, o.changed = kept, true
}

func contains(names []string, name []byte) bool {
	for _, n := range names {
		if n == string(name) {
			return true
		}
	}
	return false
}

// quote encodes text.
func quote(text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			encoded, _ := json.Marshal(text) // a string cannot fail
			return encoded
		}
	}
	quoted := append(make([]byte, 0, len(text)+2), '"')
	return append(append(quoted, text...), '"')
}
