package versions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdall-go/holdall/plugins/versions"
)

// fieldNames are those of random fields, of one and several bytes, which are often the same.
var fieldNames = []string{"a", "b", "c", "aa", "name", "title", "é", "q\"q"}

// Programs do what the changes do one after the other, whatever has happened to the
// fields and whatever there is in a record.
func TestProgramsDoWhatChangesDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, versions.Config{})
	random := rand.New(rand.NewPCG(3, 4))
	programs, changed := 0, 0
	for range 3000 {
		way, err := versions.NewTransformer(w.app, randomHistory(random))
		if err != nil {
			t.Fatal(err)
		}
		if versions.HasProgram(way, "orders") {
			programs++
		}
		slow := versions.Reading(way, "orders", "crew")
		for range 5 {
			record := randomObject(random, 2)
			if sameDown(t, way, slow, record) != record {
				changed++
			}
		}
	}
	if programs < 500 || changed < 2000 {
		t.Errorf("got %d programs and %d changed records, which proves little", programs, changed)
	}
}

// FuzzProgram changes records with the history of the test world.
func FuzzProgram(f *testing.F) {
	for _, seed := range []string{
		`{"subject":"a","technician":"x","source":"app","effort":12345678901234567890.10,"data":{"subject":1e400}}`,
		`{"expand":{"technician":{"given":"Ada","family":"By\u0022ron","handle":"a"}},"technician":"x"}`,
		`{"subject":1,"subject":2}`, `{"title":1,"subject":2}`, `{"sub\u006aect":"a","caption":null}`,
		` { "subject" : "a" , "source" : [ ] } `, `{"expand":{"technician":[{"family":"B"},7,null]}}`, `{"subject":"a"`, `{"subject":}`,
	} {
		f.Add(seed)
	}
	w := newWorld(f, versions.Config{})
	way := transformer(f, w, first)
	slow := versions.Reading(way, "orders", "crew", "notes")
	if !versions.HasProgram(way, "orders") || !versions.HasProgram(way, "crew") || versions.HasProgram(way, "notes") {
		f.Fatal("want programs but for the collection with a transform")
	}
	f.Fuzz(func(t *testing.T, record string) { sameDown(t, way, slow, record) })
}

// sameDown fails unless both ways do the same with a record. It returns the record
// as it is then.
func sameDown(t *testing.T, way, slow *versions.Transformer, record string) string {
	t.Helper()
	got, err := way.Down("orders", []byte(record))
	want, slowErr := slow.Down("orders", []byte(record))
	if err != nil || slowErr != nil {
		t.Fatalf("%s: %v, %v", record, err, slowErr)
	}
	if !bytes.Equal(got, want) && (!json.Valid(want) || tokens(got) != tokens(want)) {
		t.Fatalf("%s became\n%s, want\n%s", record, got, want)
	}
	return string(got)
}

// tokens are what JSON says, in its order, with numbers as they are written.
func tokens(text []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var all strings.Builder
	for {
		token, err := decoder.Token()
		if err != nil {
			return all.String()
		}
		fmt.Fprintf(&all, "%T %q\n", token, fmt.Sprint(token))
	}
}

// randomHistory makes versions with random changes, of which many contradict each other.
func randomHistory(random *rand.Rand) []versions.Version {
	all := []versions.Version{{Date: "2026-11-01"}}
	for i := range 1 + random.IntN(3) {
		v := versions.Version{Date: fmt.Sprintf("2027-01-%02d", i+1)}
		for range 1 + random.IntN(3) {
			v.Changes = append(v.Changes, randomChange(random))
		}
		all = append(all, v)
	}
	return all
}

func randomChange(random *rand.Rand) versions.Change {
	picked := random.Perm(len(fieldNames))
	one, other, third := fieldNames[picked[0]], fieldNames[picked[1]], fieldNames[picked[2]]
	collection := []string{"orders", "orders", "crew"}[random.IntN(3)]
	switch random.IntN(9) {
	case 0, 1, 2, 3:
		return versions.Rename(collection, one, other)
	case 4:
		return versions.Add(collection, one, nil)
	case 5:
		return versions.Remove(collection, one, map[string]int{"b": 1})
	case 6:
		return versions.Transform(collection, []string{one}, []string{other}, nil, func(o *versions.Object) error {
			o.Rename(other, one)
			return nil
		})
	default:
		return versions.Split(collection, one, []string{other, third}, cut, func(parts []string) string { return strings.Join(parts, "\"\n") })
	}
}

// randomObject writes an object, in which members may come twice.
func randomObject(random *rand.Rand, depth int) string {
	var members []string
	for range random.IntN(9) {
		name := fieldNames[random.IntN(len(fieldNames))]
		if random.IntN(3) == 0 {
			name = []string{"id", "x", "", "longer than all", "technician"}[random.IntN(5)]
		}
		key, _ := json.Marshal(name)
		if random.IntN(20) == 0 && name != "" && name[0] < 0x80 {
			key = fmt.Appendf(nil, `"\u%04x%s`, name[0], key[2:])
		}
		value := randomValue(random, depth)
		if random.IntN(4) != 0 && strings.Contains(strings.Join(members, ","), string(key)) {
			continue
		}
		members = append(members, string(key)+":"+value)
	}
	if depth > 0 && random.IntN(3) == 0 {
		members = append(members, `"expand":{"technician":`+randomObject(random, depth-1)+`}`)
	}
	between := []string{",", ",", " , "}[random.IntN(3)]
	return "{" + strings.Join(members, between) + "}"
}

func randomValue(random *rand.Rand, depth int) string {
	switch random.IntN(8) {
	case 0:
		return []string{"12345678901234567890", "1e400", "-0.10", "1E+2"}[random.IntN(4)]
	case 1:
		return []string{"true", "false", "null", `""`, "[]"}[random.IntN(5)]
	case 2:
		if depth > 0 {
			return "[" + randomObject(random, depth-1) + ",1," + randomObject(random, depth-1) + "]"
		}
	case 3:
		if depth > 0 {
			return randomObject(random, depth-1)
		}
	}
	text, _ := json.Marshal(randomText(random))
	return string(text)
}
