package fastlane_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/fastlane"
)

// TestValuesWithin takes the values of a body apart that was checked as a whole, and
// compares them with those of encoding/json.
func TestValuesWithin(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, ` { "a" : [ ] , "b":{} } `, `{"a":"","b":"\"","c":"\\","d":"\\\"","e":"\\\\","f":"]}"}`,
		`{"a":[1,-2.5,0,true,false,null,"x",{"b":["[",{"c":"\\"}]}],"z":-0.25}`,
		`{"a":{"b":{"c":{"d":["}",[[["{"]]]]}}},"e":"` + strings.Repeat(`\\\"`, 99) + `"}`,
		"{\n\t\"a\"\r:\n[\t1 ,\n2 ] ,\n\"b\" : null\t}\n",
		`{"a":"caf` + "\u00e9" + `\u00e9","b":[ "` + "\x7f" + `" ]}`,
	} {
		want := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		got, ok := fastlane.ValuesWithin(body)
		if !ok || len(got) != len(want) {
			t.Errorf("%s: got %q, %v, want %d values", body, got, ok, len(want))
		}
		for key, value := range want {
			if got[key] != string(value) {
				t.Errorf("%s: %s is %s, want %s", body, key, got[key], value)
			}
		}
	}
}

// TestInvalidBatches has a mistake at each place of a batch's body, which its parts are
// not looked at for again.
func TestInvalidBatches(t *testing.T) {
	t.Parallel()
	const whole = `{"requests":[{"method":"POST","url":"/x","body":{"a":["b\n",{"c":1.5}],"d":null}}]}`
	if !fastlane.IsBatch(whole) {
		t.Fatal("the whole body is none")
	}
	for at := range whole {
		for _, mistake := range []string{"\x00", "}", "]", `"`, ",", "'", "01"} {
			for _, body := range []string{whole[:at] + mistake + whole[at:], whole[:at] + mistake + whole[at+1:]} {
				if fastlane.IsBatch(body) && !json.Valid([]byte(body)) {
					t.Errorf("%q is taken for a batch", body)
				}
			}
		}
	}
}
