package versions

import "bytes"

// The scanner finds where JSON values begin and end, and looks into as few as it
// can. What it passes over is never judged: it goes on to whoever decodes it, byte
// for byte. Each function returns an index, or -1 for what is no JSON.

// space returns the index of the first byte at or after i that is no white space.
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns the index after a string that begins at i.
func stringEnd(b []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		before := i - 1
		for b[before] == '\\' {
			before--
		}
		if (i-before)%2 == 1 { // an even number of backslashes, which escape each other
			return i + 1
		}
	}
}

// valueEnd returns the index after a value that begins at i.
func valueEnd(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return stringEnd(b, i)
	case '{', '[':
		return nestedEnd(b, i)
	}
	start := i
	for i < len(b) {
		switch c := b[i]; {
		case c >= 'a' && c <= 'z' || c >= '-' && c <= '9': // as nearly always
		case c == ',' || c == '}' || c == ']' || c == ' ' || c == '\n' || c == '\t' || c == '\r':
			return filled(start, i)
		case c == '"' || c == '{' || c == '[' || c == ':':
			return -1
		}
		i++
	}
	return filled(start, i)
}

func filled(start, end int) int {
	if start == end {
		return -1
	}
	return end
}

// nestedEnd returns the index after an object or a list that begins at i.
func nestedEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = stringEnd(b, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// eachMember calls visit with the place of each member of the object that begins at i:
// its name is b[key:keyEnd], with quotes, and its value b[value:end]. It returns
// the index after the object.
func eachMember(b []byte, i int, visit func(key, keyEnd, value, end int) error) (int, error) {
	if i >= len(b) || b[i] != '{' {
		return -1, errNotJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for i < len(b) && b[i] == '"' {
		key := i
		keyEnd := stringEnd(b, i)
		if keyEnd < 0 {
			break
		}
		if i = space(b, keyEnd); i >= len(b) || b[i] != ':' {
			break
		}
		value := space(b, i+1)
		end := valueEnd(b, value)
		if end < 0 {
			break
		}
		if err := visit(key, keyEnd, value, end); err != nil {
			return -1, err
		}
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

// eachItem calls visit with the place of each item of the list that begins at i,
// and returns the index after the list.
func eachItem(b []byte, i int, visit func(value, end int) error) (int, error) {
	if i >= len(b) || b[i] != '[' {
		return -1, errNotJSON
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for i < len(b) {
		end := valueEnd(b, i)
		if end < 0 {
			break
		}
		if err := visit(i, end); err != nil {
			return -1, err
		}
		if i = space(b, end); i >= len(b) {
			break
		}
		if b[i] == ']' {
			return i + 1, nil
		}
		if b[i] != ',' {
			break
		}
		i = space(b, i+1)
	}
	return -1, errNotJSON
}
