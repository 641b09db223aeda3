package sqlite

import "strings"

// contents is how the lines of PRAGMA quick_check begin that are about what rows hold,
// or about an index for full text, which can be made anew: the file is sound.
//
// Source: https://www.sqlite.org/pragma.html#pragma_quick_check
var contents = []string{
	"NULL value in ", "CHECK constraint failed in ", "NUMERIC value in ", "TEXT value in ", "non-",
	"malformed inverted index for ", "unable to validate the inverted index for ",
}

// Damage takes the lines of PRAGMA quick_check or integrity_check apart: those about a
// file that is damaged, and those about rows that break what their table says of them.
// Both are empty for a sound database.
func Damage(found []string) (damage, broken []string) {
	for _, line := range found {
		line = strings.TrimSpace(strings.ReplaceAll(line, "\n", " "))
		switch {
		case line == "ok":
		case isContent(line):
			broken = append(broken, line)
		default:
			damage = append(damage, line)
		}
	}
	return damage, broken
}

func isContent(line string) bool {
	for _, begin := range contents {
		if strings.HasPrefix(line, begin) && !strings.HasPrefix(line, "non-unique entry") {
			return true
		}
	}
	return false
}
