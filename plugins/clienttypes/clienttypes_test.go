package clienttypes_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
	"github.com/spf13/cobra"

	"github.com/holdall-go/holdall/internal/apidoc"
	"github.com/holdall-go/holdall/internal/pbtest"
	"github.com/holdall-go/holdall/plugins/clienttypes"
)

// parcels has a field of each type, relations both ways, a view, an account and
// fields that requests cannot set.
var parcels = pbtest.NewTemplate(func(app core.App) error {
	depots := core.NewBaseCollection("depots")
	depots.Fields.Add(&core.TextField{Name: "name", Required: true, Max: 40, Help: "As on the */ door."})
	if err := app.Save(depots); err != nil {
		return err
	}
	low := 1.0
	c := core.NewBaseCollection("parcels")
	c.Fields.Add(
		&core.TextField{Name: "label", Required: true},
		&core.TextField{Name: "code", AutogeneratePattern: `[a-z]{8}`},
		&core.TextField{Name: "secret", Hidden: true},
		&core.NumberField{Name: "weight", Min: &low},
		&core.NumberField{Name: "count", OnlyInt: true},
		&core.BoolField{Name: "agreed", Required: true},
		&core.DateField{Name: "due"},
		&core.SelectField{Name: "state", Values: []string{"new", "sent"}, MaxSelect: 1, Required: true},
		&core.SelectField{Name: "way", Values: []string{"road", "rail"}, MaxSelect: 1},
		&core.SelectField{Name: "tags", Values: []string{"a", `b"`}, MaxSelect: 2},
		&core.JSONField{Name: "data"},
		&core.GeoPointField{Name: "place"},
		&core.RelationField{Name: "depot", CollectionId: depots.Id, MaxSelect: 1},
		&core.RelationField{Name: "past", CollectionId: depots.Id, MaxSelect: 9},
		&core.FileField{Name: "photo", MaxSelect: 1, MaxSize: 1000, MimeTypes: []string{"image/png"}},
		&core.FileField{Name: "papers", MaxSelect: 3, Required: true},
		&core.NumberField{Name: "number", Required: true},
		&core.AutodateField{Name: "created", OnCreate: true},
	)
	c.CreateRule = types.Pointer("@request.body.number:isset = false")
	c.UpdateRule = types.Pointer("@request.body.label:changed = false && (@request.body.number:isset = false)")
	c.Indexes = []string{"CREATE UNIQUE INDEX idx_parcels_depot ON parcels (depot)"}
	if err := app.Save(c); err != nil {
		return err
	}
	view := core.NewViewCollection("totals")
	view.ViewQuery = "SELECT id, way, count AS total FROM parcels"
	return app.Save(view)
})

// written is the file of an app.
func written(tb testing.TB, app core.App, language clienttypes.Language, options clienttypes.Options) string {
	tb.Helper()
	p, err := clienttypes.Register(app, clienttypes.Config{Program: "parcelbase"})
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	if err := p.Write(&out, app, language, options); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// block is what stands between the line that begins so and the one that closes it.
func block(tb testing.TB, text, begin string) string {
	tb.Helper()
	_, rest, ok := strings.Cut(text, "\n"+begin)
	if !ok {
		tb.Fatalf("%q is not there", begin)
	}
	body, _, _ := strings.Cut(rest, "\n}\n")
	return body + "\n"
}

func TestTypeScriptOfCollections(t *testing.T) {
	t.Parallel()
	text := written(t, parcels.New(t), clienttypes.TypeScript, clienttypes.Options{})
	cases := []struct {
		name, in string
		want     []string
		not      []string
	}{
		{
			"a record has its fields exactly", "export interface Parcel {",
			[]string{
				"  collectionName: \"parcels\";\n", "  id: string;\n", "  label: string;\n", "  weight: number;\n", "  agreed: boolean;\n",
				"  due: DateTime;\n", "  state: ParcelState;\n", "  way: ParcelWay | \"\";\n", "  tags: ParcelTags[];\n",
				"  data: JSONOf<\"parcels.data\">;\n", "  place: GeoPoint;\n", "  depot: string;\n", "  past: string[];\n", "  photo: string;\n",
				"  papers: string[];\n", "  created: DateTime;\n", "/** The id of a record of depots, \"\" for none. */",
			},
			[]string{"secret"},
		},
		{
			"what creates says what must be there", "export interface ParcelCreate {",
			[]string{
				"  label: string;\n", "  code?: string;\n", "  \"code:autogenerate\"?: string;\n", "  agreed: true;\n", "  due?: DateInput;\n",
				"  state: ParcelState;\n", "  way?: ParcelWay | \"\";\n", "  photo?: Upload;\n", "  papers: Upload[];\n",
				"/** At most 1000 bytes. One of image/png. */", "/** At least 1. */",
			},
			[]string{"secret", "created", "  number:", "+\""},
		},
		{
			"what changes has the modifiers", "export interface ParcelUpdate {",
			[]string{
				"  \"weight+\"?: number;\n", "  \"weight-\"?: number;\n", "  \"tags+\"?: ParcelTags | ParcelTags[];\n", "  \"+tags\"?: ",
				"  \"tags-\"?: ", "  \"past+\"?: string | string[];\n", "  papers?: (Upload | string)[];\n", "  \"papers+\"?: Upload | Upload[];\n",
				"  \"papers-\"?: string | string[];\n", "  photo?: Upload | string;\n",
			},
			[]string{"secret", "  id", "  label", "  number", "number+", "\"depot+\""},
		},
		{
			"a field's marks in filters", "export interface ParcelColumns {",
			[]string{"  tags: [\"selects\", ParcelTags];\n", "  depot: [\"one\", \"depots\"];\n", "  past: [\"many\", \"depots\"];\n", "  papers: \"texts\";\n"},
			[]string{"secret"},
		},
		{
			"relations from elsewhere, one where they are unique", "export interface DepotColumns {",
			[]string{"  parcels_via_depot: [\"viaOne\", \"parcels\"];\n", "  parcels_via_past: [\"viaMany\", \"parcels\"];\n"},
			nil,
		},
		{
			"an account shows its address to some", "export interface User {",
			[]string{"  email?: string;\n", "  verified: boolean;\n"},
			[]string{"password", "tokenKey"},
		},
		{"a new account needs a password", "export interface UserCreate {", []string{"  password: string;\n", "  passwordConfirm: string;\n", "  email: string;\n"}, []string{"verified"}},
		{"an account changes its password", "export interface UserUpdate {", []string{"  oldPassword?: string;\n"}, []string{"email:", "verified"}},
		{
			"the collections", "export interface Collections {",
			[]string{
				"  totals: { kind: \"view\"; record: Total; create: never; update: never; columns: TotalColumns };\n",
				"  users: { kind: \"auth\"; record: User; ",
			},
			[]string{"_superusers"},
		},
		{"a comment cannot end early", "export interface DepotCreate {", []string{`/** As on the *\/ door. At most 40 characters. */`}, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := block(t, text, tc.in)
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("there is no %q in:\n%s", want, got)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(got, not) {
					t.Errorf("there is %q in:\n%s", not, got)
				}
			}
		})
	}
	if want := "export type ParcelTags = \"a\" | \"b\\\"\";\n"; !strings.Contains(text, want) {
		t.Errorf("there is no %q", want)
	}
}

func TestDartOfCollections(t *testing.T) {
	t.Parallel()
	text := written(t, parcels.New(t), clienttypes.Dart, clienttypes.Options{})
	for begin, wants := range map[string][]string{
		"class Parcel extends TypedRecord {":        {"  DateTime? get due =>", "  ParcelState? get state =>", "  int get count =>", "  double get weight =>", "  List<ParcelTags> get tags =>"},
		"class ParcelExpand {":                      {"  Depot? get depot {", "  List<Depot> get past =>"},
		"class DepotExpand {":                       {"  Parcel? get parcelsViaDepot {", "  List<Parcel> get parcelsViaPast =>"},
		"class ParcelCreate extends RecordBody {":   {"required this.label", "  final List<Upload> papers;", `"state": state.value`, `papers) file.toFile("papers")`},
		"class ParcelUpdate extends RecordBody {":   {"  final num? weightAdd;", `"tags+": tagsAppend?.map(`, `file.toFile("+papers")`, "}, clear);"},
		"class ParcelFields extends FieldsOf {":     {"  ToOne<DepotFields> get depot", "  ListTerm<ParcelTags> get tags", "  TextTerm<DateTime> get due"},
		"class DepotRelations extends Link {":       {"  ParcelRelations get parcelsViaDepot"},
		"class Records {":                           {"  ReadService<Total, TotalFields, TotalRelations> get totals =>", "  AuthService<User, "},
		"enum ParcelState implements Choice {":      {`  newValue("new")`, `  sent("sent");`},
		"enum ParcelTags implements Choice {":       {`  b("b\"");`},
		"enum ParcelField implements FieldName {":   {`  label("label"),`},
		"extension TypedPocketBase on PocketBase {": {"  Records get records => Records(this);"},
	} {
		got := block(t, text, begin)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s there is no %q in:\n%s", begin, want, got)
			}
		}
	}
}

type handOver struct {
	ID    string `path:"id"`
	Copy  bool   `query:"copy"`
	Token string `header:"X-Token" required:"true"`
	Body  struct {
		To   string  `json:"to" enum:"door,neighbor"`
		Note *string `json:"note"`
	}
}

type receipt struct {
	At    time.Time         `json:"at"`
	Lines []receiptLine     `json:"lines"`
	Sums  map[string]int    `json:"sums"`
	More  any               `json:"more,omitempty"`
	Of    *core.Record      `json:"of" collection:"depots"`
	Next  *receiptLine      `json:"next"`
	Names map[string]string `json:"-"`
}

type receiptLine struct {
	Text string `json:"text"`
}

// withRoutes describes routes as an app does.
func withRoutes(app core.App) error {
	in, none := reflect.TypeFor[handOver](), reflect.TypeFor[apidoc.None]()
	for _, entry := range []apidoc.Entry{
		{Op: apidoc.Op{Method: "POST", Path: "/api/v1/parcels/{id}/hand-over", Summary: "Hand a parcel over", ID: "parcels.handOver"}, In: in, Out: reflect.TypeFor[receipt]()},
		{Op: apidoc.Op{Method: "GET", Path: "/api/v1/parcels/{id}/latest", Collection: "parcels", Parameters: []apidoc.Parameter{{Name: "expand", In: "query", Schema: &apidoc.Schema{Type: "string"}}}}, In: none, Out: reflect.TypeFor[core.Record]()},
		{Op: apidoc.Op{Method: "GET", Path: "/api/v1/parcels/{id}/label", Produces: []string{"application/pdf"}}, In: none, Out: none},
		{Op: apidoc.Op{Method: "DELETE", Path: "/api/v1/depots/{id}"}, In: none, Out: none},
		{Op: apidoc.Op{Method: "POST", Path: "/api/v1/stop", Access: apidoc.Superusers}, In: none, Out: none},
		{Op: apidoc.Op{Method: "GET", Path: "/elsewhere"}, In: none, Out: none},
	} {
		apidoc.Of(app).Add(entry)
	}
	return nil
}

func TestTypeScriptOfRoutes(t *testing.T) {
	t.Parallel()
	text := written(t, parcels.New(t, withRoutes), clienttypes.TypeScript, clienttypes.Options{})
	got := block(t, text, "export function api(")
	for _, want := range []string{
		"      /** Hand a parcel over. */\n",
		"      handOver: (params: { id: string; \"X-Token\": string; copy?: boolean }, body: ParcelsHandOverInput, options?: RouteOptions): Promise<Receipt> =>\n" +
			"        call(pb, \"POST\", \"/api/v1/parcels/{id}/hand-over\", params, [\"X-Token\"], body, options),\n",
		"      getLatest: <E extends string = \"\">(params: { id: string }, options?: RecordRouteOptions<\"parcels\", E>): Promise<Expanded<\"parcels\", E>> =>\n",
		"      getLabel: (params: { id: string }, options?: RouteOptions): Promise<Response> =>\n        download(",
		"    depots: {\n      delete: (params: { id: string }, options?: RouteOptions): Promise<void> =>\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "stop") || strings.Contains(got, "elsewhere") {
		t.Errorf("there are routes for superusers, or that are no API:\n%s", got)
	}
	for begin, want := range map[string]string{
		"export interface ParcelsHandOverInput {": "\n  to: \"door\" | \"neighbor\";\n  note?: string | null;\n",
		"export interface Receipt {": "\n  at: string;\n  lines: ReceiptLine[];\n  sums: { [name: string]: number };\n" +
			"  more?: JSONOf<\"Receipt.more\">;\n  of: Depot;\n  next: ReceiptLine | null;\n",
	} {
		if got := block(t, text, begin); got != want {
			t.Errorf("%s got:\n%s\nwant:\n%s", begin, got, want)
		}
	}
}

func TestDartOfRoutes(t *testing.T) {
	t.Parallel()
	text := written(t, parcels.New(t, withRoutes), clienttypes.Dart, clienttypes.Options{})
	got := block(t, text, "class ParcelsApi {")
	for _, want := range []string{
		"Future<Receipt> handOver({required String id, required String xToken, bool? copy, required ParcelsHandOverInput body, String? idempotencyKey}) async {",
		`"/api/v1/parcels/${_part(id)}/hand-over", method: "POST"`,
		`{"X-Token": xToken}`,
		"Future<Parcel> getLatest({required String id, Expanding<ParcelRelations>? expand, ",
		"Future<http.Response> getLabel(",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in:\n%s", want, got)
		}
	}
}

func TestWhatIsChosen(t *testing.T) {
	t.Parallel()
	app := parcels.New(t, withRoutes)
	p, err := clienttypes.Register(app, clienttypes.Config{})
	if err != nil {
		t.Fatal(err)
	}
	write := func(options clienttypes.Options) (string, error) {
		var out bytes.Buffer
		err := p.Write(&out, app, clienttypes.TypeScript, options)
		return out.String(), err
	}
	one, err := write(clienttypes.Options{Collections: []string{"parcels"}, Routes: []string{"/api/v1/depots"}})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(one, "export interface Depot ") || !strings.Contains(one, "\n  depot: \"text\";\n") || strings.Contains(one, "handOver") || !strings.Contains(one, "delete: (") {
		t.Errorf("got more or less than what was asked for:\n%s", one)
	}
	system, err := write(clienttypes.Options{System: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"export interface Superuser {", "stop: {", "  number: number;\n"} {
		if !strings.Contains(system, want) {
			t.Errorf("with System there is no %q", want)
		}
	}
	if _, err := write(clienttypes.Options{Collections: []string{"parcel"}}); err == nil || err.Error() != `there is no collection "parcel"` {
		t.Errorf("got %v for a collection that is not there", err)
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		root := &cobra.Command{Use: "parcelbase", SilenceErrors: true}
		root.SetOut(&out)
		root.SetArgs(append([]string{"types", "ts"}, args...))
		if _, err := clienttypes.Register(parcels.New(t), clienttypes.Config{RootCmd: root}); err != nil {
			t.Fatal(err)
		}
		err := root.Execute()
		return out.String(), err
	}
	file := filepath.Join(t.TempDir(), "types.gen.ts")

	printed, err := run()
	if err != nil || !strings.HasPrefix(printed, "// Types of this backend") || !strings.Contains(printed, "//\tparcelbase types ts\n") {
		t.Fatalf("got %.200q, %v", printed, err)
	}
	var told bytes.Buffer
	bare := &cobra.Command{Use: "parcelbase"}
	bare.SetOut(io.Discard)
	bare.SetErr(&told)
	bare.SetArgs([]string{"types", "ts"})
	clienttypes.MustRegister(pbtest.New(t), clienttypes.Config{RootCmd: bare})
	if err := bare.Execute(); err != nil || strings.Count(told.String(), "\n") != 1 || !strings.Contains(told.String(), "--migrate") {
		t.Errorf("got %q, %v for an empty database", told.String(), err)
	}
	if _, err := run("--check", file); err == nil || !strings.Contains(err.Error(), "does not exist; write it with: parcelbase types ts --out "+file) {
		t.Errorf("got %v for a file that is not there", err)
	}
	if _, err := run("--out", file); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != printed {
		t.Errorf("the file differs from what is printed: %v", err)
	}
	if out, err := run("--check", file); err != nil || out != "" {
		t.Errorf("got %q, %v for a file that is current", out, err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := run("--out", file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || time.Since(info.ModTime()) < time.Minute {
		t.Errorf("a file that is current was written again: %v", err)
	}
	stale := strings.Replace(printed, "  label: string;\n", "  title: string;\n", 1)
	if err := os.WriteFile(file, []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = run("--check", file)
	for _, want := range []string{file + " is not current: it differs from line ", "\n-   title: string;", "\n+   label: string;", "parcelbase types ts --out " + file} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("there is no %q in %v", want, err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := (clienttypes.Config{Program: "a\nb"}).Validate(); err == nil {
		t.Error("got no error for a program with a line break")
	}
	app := pbtest.New(t)
	if _, err := clienttypes.Register(app, clienttypes.Config{}); err != nil {
		t.Fatal(err)
	}
	if _, err := clienttypes.Register(app, clienttypes.Config{}); err == nil {
		t.Error("got no error for a second registration")
	}
}
