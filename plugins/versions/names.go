package versions

import (
	"slices"
	"strings"
)

// nameSet are the names of the members that something looks at, for whoever reads
// an object to pass over all others. nil are all names.
type nameSet struct {
	names []string
	marks uint64 // a bit for each, to tell most others by
}

// expandOnly is what there is to look at in a record without changes.
var expandOnly = newNameSet("expand")

func newNameSet(names ...string) *nameSet {
	s := &nameSet{}
	s.add(names...)
	return s
}

func (s *nameSet) add(names ...string) {
	for _, name := range names {
		if !slices.Contains(s.names, name) {
			s.names = append(s.names, name)
		}
	}
	// side by side, to be near each other when they are looked at
	all, at := strings.Join(s.names, ""), 0
	s.marks = 0
	for i, name := range s.names {
		s.names[i] = all[at : at+len(name)]
		at += len(name)
		s.marks |= mark([]byte(name))
	}
}

// index is the place of a name, -1 if it is none of the set's.
func (s *nameSet) index(name []byte) int {
	if s.marks&mark(name) == 0 {
		return -1
	}
	for i, n := range s.names {
		if n == string(name) {
			return i
		}
	}
	return -1
}

// mark is one of 64 bits, by the length and the ends of a name.
func mark(name []byte) uint64 {
	if len(name) == 0 {
		return 1
	}
	return 1 << ((len(name)*11 + int(name[0])*3 + int(name[len(name)-1])) & 63)
}
