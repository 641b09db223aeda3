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
	only     *nameSet // what of it was read, nil for all
	room     []byte   // for values, until the object is released
	changed  bool
	creating bool
}

// member is one of the object's. A clean one is source[start:end]. One without a name
// is several in a row that nobody looks at, and always clean.
type member struct {
	name, value []byte
	start, end  int32
	order       int32 // in the source
	known       int8  // the place of the name in a set of them, or passedOver
	clean       bool
	coded       bool // the name is encoded, with a colon
	gone        bool // see [program.run]
}

// passedOver is the place of a name that is in no set.
const passedOver = -1

// maxPlace bounds what fits: what is larger has all its members read, and copied one by one.
const maxPlace = 1<<31 - 1

// maxRoom bounds what an object keeps for the next one, in bytes.
const maxRoom = 4 << 10

var objects = sync.Pool{New: func() any { return &Object{members: make([]member, 0, 32)} }}

// parse reads the object that begins at b[i] and returns the index after it.
func (o *Object) parse(b []byte, i int) (int, error) { return o.parseOnly(b, i, nil) }

// parseOnly does so with the members of these names. What is between them becomes
// members without a name. It is [eachMember], written out: most of what an answer
// costs is spent here.
func (o *Object) parseOnly(b []byte, i int, only *nameSet) (int, error) {
	o.source, o.members, o.changed, o.creating = b, o.members[:0], false, false
	if len(b) > maxPlace {
		only = nil // where members that are not clean have all they need
	}
	o.only = only
	passed := false // the member before
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
		value, end := space(b, i+1), 0
		if value < len(b) && b[value] == '"' {
			end = stringEnd(b, value)
		} else {
			end = valueEnd(b, value)
		}
		if end < 0 {
			break
		}
		order, known := len(o.members), passedOver
		if only != nil {
			known = only.index(name)
		}
		switch {
		case only == nil || known >= 0:
			o.members = append(o.members, member{
				name: name, value: b[value:end], start: int32(key), end: int32(end), order: int32(order), // see clean
				clean: end <= maxPlace, known: int8(known), // for a program, which has few
			})
		case passed:
			o.members[order-1].end = int32(end) // at most maxPlace
		default:
			o.members = append(o.members, member{start: int32(key), end: int32(end), order: int32(order), clean: true, known: passedOver}) // likewise
		}
		passed = only != nil && known < 0
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
	o.source, o.only = nil, nil
	if o.room = o.room[:0]; cap(o.room) > maxRoom {
		o.room = nil
	}
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
			if m.coded {
				to = append(to, m.name...)
			} else {
				to = append(appendName(to, m.name), ':')
			}
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
func quote(text string) []byte { return appendQuoted(nil, text) }

func appendQuoted(to []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			encoded, _ := json.Marshal(text) // a string cannot fail
			return append(to, encoded...)
		}
	}
	if to == nil {
		to = make([]byte, 0, len(text)+2)
	}
	to = append(to, '"')
	to = append(to, text...)
	return append(to, '"')
}

// quote is [quote] in the room of the object.
func (o *Object) quote(text string) []byte {
	start := len(o.room)
	o.room = appendQuoted(o.room, text)
	return o.room[start:len(o.room):len(o.room)]
}
