package pbtest_test

import (
	"slices"
	"testing"

	"github.com/holdall-go/holdall/internal/pbtest"
)

func TestMutantsLeaveOutEachCondition(t *testing.T) {
	t.Parallel()
	mutants, err := pbtest.Mutants(`a = "x\"y" && (b ?= 1 || (c > d && e:isset = false))`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range mutants {
		rule := "locked"
		if m.Rule != nil {
			rule = *m.Rule
		}
		got = append(got, rule)
	}
	want := []string{
		``,
		`locked`,
		`(b ?= 1 || (c > d && e:isset = false))`,
		`a = "x\"y"`,
		`a = "x\"y" && ((c > d && e:isset = false))`,
		`a = "x\"y" && (b ?= 1)`,
		`a = "x\"y" && (b ?= 1 || (e:isset = false))`,
		`a = "x\"y" && (b ?= 1 || (c > d))`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestMutantsRefuseWhatDoesNotParse(t *testing.T) {
	t.Parallel()
	if _, err := pbtest.Mutants(`a = `); err == nil {
		t.Error("got no error")
	}
}
