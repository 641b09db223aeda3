package sqlite_test

import (
	"slices"
	"testing"

	"github.com/holdall-go/holdall/internal/sqlite"
)

func TestDamage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"ok":                                    "",
		"NULL value in things.title":            "broken",
		"CHECK constraint failed in things":     "broken",
		"TEXT value in things.n":                "broken",
		"NUMERIC value in things.n":             "broken",
		"non-INT value in things.n":             "broken",
		"non-unique entry in index things_slug": "damage",
		"row 7 missing from index things_slug":  "damage",
		"wrong # of entries in index x":         "damage",
		"*** in database main ***\nTree 2 page 2: btreeInitPage() returns error code 11": "damage",
		"database disk image is malformed (11)":                                          "damage",
	} {
		damage, broken := sqlite.Damage([]string{line, "ok"})
		got := slices.Repeat([]string{"damage"}, len(damage))
		got = append(got, slices.Repeat([]string{"broken"}, len(broken))...)
		if len(got) > 1 || (want == "") != (len(got) == 0) || len(got) == 1 && got[0] != want {
			t.Errorf("%q: got %v, want %q", line, got, want)
		}
	}
}
