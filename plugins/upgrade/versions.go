package upgrade

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// Versions are those of a program.
type Versions struct {
	// Program is its own, and empty if it has none.
	Program string `json:"program"`
	// PocketBase is that of PocketBase in it, and empty if it is not known.
	PocketBase string `json:"pocketbase"`
}

// String is "1.4.0 with PocketBase 0.39.11".
func (v Versions) String() string {
	text := "version " + cmp.Or(v.Program, "unknown")
	if v.PocketBase != "" {
		text += " with PocketBase " + strings.TrimPrefix(v.PocketBase, "v")
	}
	return text
}

// olderThan tells whether v is older for certain: versions that are no numbers are
// neither older nor newer.
func (v Versions) olderThan(other Versions) bool {
	return less(v.Program, other.Program) || less(v.PocketBase, other.PocketBase)
}

// number is a version as releases have it: https://semver.org.
var number = regexp.MustCompile(`^v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)

// less tells whether a comes before b. Of two versions with the same numbers, one
// with a suffix comes before one without; two suffixes are not compared.
func less(a, b string) bool {
	x, y := number.FindStringSubmatch(a), number.FindStringSubmatch(b)
	if x == nil || y == nil {
		return false
	}
	for i := 1; i <= 3; i++ {
		m, err1 := strconv.ParseUint(x[i], 10, 64)
		n, err2 := strconv.ParseUint(y[i], 10, 64)
		if err1 != nil || err2 != nil {
			return false
		}
		if m != n {
			return m < n
		}
	}
	return x[4] != "" && y[4] == ""
}
