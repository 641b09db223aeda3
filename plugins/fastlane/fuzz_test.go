package fastlane_test

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

// FuzzFilters has PocketBase's parser read a filter with its values and with marks in
// their places: both have to mean the same.
func FuzzFilters(f *testing.F) {
	for _, filter := range []string{
		`title = "a" && (n > -1.5 || n ?!~ 2)`, `created > @now && n<@year`, `author.name~'' || a:lower = "A"`, `title = "a'b" &&n=1&&m!=-0`, `(a=1)`, `a = "x" // b`, `1=1`, `a-1 = 1`, `a="x"1 = 1`, `1.=1`, `a = 1@now`,
	} {
		f.Add(filter)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		marked, marks, values, ok := fastlane.MarkedFilter(filter)
		if !ok {
			return
		}
		after, err := fexpr.Parse(marked)
		if err != nil {
			return // so does PocketBase when it is asked for the query
		}
		before, err := fexpr.Parse(filter)
		if err != nil {
			t.Fatalf("%q is refused (%v), and with marks it is %q", filter, err, marked)
		}
		was, is := flat(nil, before), flat(nil, after)
		if len(was) != len(is) || len(marks) != len(values) {
			t.Fatalf("%q is %v, and with marks %v", filter, was, is)
		}
		for i := range was {
			if mark := valueOf(is[i]); len(marks) > 0 && mark == marks[0] {
				if got := valueOf(was[i]); got != values[0] {
					t.Errorf("%q: %v has the mark of %v", filter, got, values[0])
				}
				marks, values = marks[1:], values[1:]
			} else if !reflect.DeepEqual(was[i], is[i]) {
				t.Errorf("%q: %v is %v with marks", filter, was[i], is[i])
			}
		}
		if len(marks) > 0 {
			t.Errorf("%q: the values %v are nowhere", filter, values)
		}
	})
}

// flat lists what a filter is made of.
func flat(list []any, groups []fexpr.ExprGroup) []any {
	for _, g := range groups {
		list = append(list, g.Join)
		switch item := g.Item.(type) {
		case fexpr.Expr:
			list = append(list, item.Left, item.Op, item.Right)
		case fexpr.ExprGroup:
			list = append(flat(append(list, "("), []fexpr.ExprGroup{item}), ")")
		case []fexpr.ExprGroup:
			list = append(flat(append(list, "("), item), ")")
		}
	}
	return list
}

// valueOf is what a token stands for.
func valueOf(part any) any {
	token, _ := part.(fexpr.Token)
	if token.Type == fexpr.TokenNumber {
		if n, err := strconv.ParseFloat(token.Literal, 64); err == nil {
			return n
		}
	}
	return token.Literal
}

// FuzzBodies compares what the lane takes a body for with what encoding/json does.
func FuzzBodies(f *testing.F) {
	for _, body := range []string{
		`{"a":"x","b":-1.5e3,"c":[ "x" , "y" ],"d":{"e":[{"f":"]}"}]},"g":null,"h":true}`, ` { } `, `{"a":"\"\\\u00e9","a":1}`, `{"a":1e999}`, `{"a":01}`, `{"a":"x"}}`, `{"a":["\\\"]","]"],"b":"\\\"","c":"\\"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, ok := fastlane.Values(body, false)
		if !ok {
			return
		}
		want := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("%q is taken, error %v", body, err)
		}
		texts := map[string]string{}
		for key, value := range want {
			texts[key] = string(value)
		}
		if !maps.Equal(got, texts) {
			t.Fatalf("%q: got %q, want %q", body, got, texts)
		}
		if again, ok := fastlane.Values(strings.Trim(body, " \t\r\n"), true); !ok || !maps.Equal(again, texts) {
			t.Errorf("%q: got %q when it is known to be valid, want %q", body, again, texts)
		}
		for _, value := range texts {
			checkMeanings(t, value)
		}
	})
}

func checkMeanings(t *testing.T, value string) {
	t.Helper()
	var meant any
	if err := json.Unmarshal([]byte(value), &meant); err != nil {
		t.Fatalf("%q is taken, error %v", value, err)
	}
	var want []any
	switch meant := meant.(type) {
	case nil, string, float64:
		want = []any{meant}
	case []any:
		names := []string{}
		for _, item := range meant {
			if name, is := item.(string); is {
				names = append(names, name)
			}
		}
		if len(names) == len(meant) {
			want = []any{names}
		}
	}
	if got := fastlane.Meanings(value); !reflect.DeepEqual(got, want) {
		t.Errorf("%q: got %#v, want %#v", value, got, want)
	}
}

// FuzzStoredTexts compares how the lane writes what the database has with how
// PocketBase does.
func FuzzStoredTexts(f *testing.F) {
	fields := []core.Field{
		&core.TextField{Name: "x"}, &core.SelectField{Name: "x", MaxSelect: 1}, &core.SelectField{Name: "x", MaxSelect: 9}, &core.FileField{Name: "x", MaxSelect: 9},
		&core.RelationField{Name: "x", MaxSelect: 9}, &core.DateField{Name: "x"}, &core.BoolField{Name: "x"}, &core.JSONField{Name: "x"},
	}
	for _, text := range []string{"", "a<b>\u2028\xff", `["a","b"]`, `["a","a"]`, "2024-02-28 23:59:59.999Z", "2024-02-30 00:00:00.000Z", "true", ` {"a":[1,"<"]}`, `{"b":1.0,"a":2}`, "[", "null"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, field := range fields {
			got, want, ok, err := fastlane.Stored(field, text)
			if ok && (err != nil || got != want) {
				t.Errorf("%q of a %s: got %s, want %s, error %v", text, field.Type(), got, want, err)
			}
		}
	})
}

// FuzzNumbers compares how the lane writes numbers with how encoding/json does.
func FuzzNumbers(f *testing.F) {
	for _, n := range []float64{0, -0.5, 1e21, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1)} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n float64) {
		want, err := json.Marshal(n)
		if err != nil {
			return // it is not finite
		}
		if got := fastlane.AppendNumber(nil, n); string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
