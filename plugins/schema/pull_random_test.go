package schema_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tests"
	"github.com/pocketbase/pocketbase/tools/types"
)

// secret is in everything that a pull must not write.
const secret = "hush-hush-hush-hush-hush-hush-hush"

// randomApp is an app whose collections somebody built at random.
func randomApp(t *testing.T, seed uint64) core.App {
	t.Helper()
	app, err := tests.NewTestApp(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(app.Cleanup)
	b := &chance{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, app: app}

	users := mustCollection(t, app, "users")
	b.collections = append(b.collections, users)
	for i := range 6 {
		typ := core.CollectionTypeBase
		if i%3 == 1 {
			typ = core.CollectionTypeAuth
		}
		// named like keywords, imports and file suffixes too
		names := []string{"func", "posts", "types", "stock_linux", "all", "Big_Things", "http_url_test", "_private", "staff", "2nd"}
		c := core.NewCollection(typ, fmt.Sprintf("%s%s", b.pick(names...), strings.Repeat("x", i)))
		b.save(c)
		b.collections = append(b.collections, c)
	}
	for _, c := range b.collections {
		b.fill(c)
	}
	b.save(users) // with rules through relations that exist by now
	b.addViews()
	return app
}

// chance builds collections at random.
type chance struct {
	*rand.Rand
	t           *testing.T
	app         core.App
	collections []*core.Collection
}

func (b *chance) save(c *core.Collection) {
	b.t.Helper()
	if err := b.app.Save(c); err != nil {
		b.t.Fatalf("save %s: %v", c.Name, err)
	}
}

func (b *chance) yes() bool { return b.IntN(2) == 0 }

func (b *chance) pick(from ...string) string { return from[b.IntN(len(from))] }

// some are some of the texts, without repetition.
func (b *chance) some(from ...string) []string {
	var result []string
	for _, s := range from {
		if b.yes() {
			result = append(result, s)
		}
	}
	return result
}

func (b *chance) text() string {
	return b.pick("", "plain", "with \"quotes\"", "back`tick", "both ` and \"", "two\nlines", "tick ` and\nnew line\n",
		`back\slash`, "Ünïcödé 日本", "tab\tand\r\nreturn", "trailing\n")
}

// fill gives a collection fields, rules, indexes and options.
func (b *chance) fill(c *core.Collection) {
	b.t.Helper()
	for i := range 3 + b.IntN(8) {
		c.Fields.Add(b.field(fmt.Sprintf("%s%d", b.pick("a", "some_name", "type", "URL"), i)))
	}
	c.Fields.Add(&core.TextField{Name: "code"})
	b.addIndexes(c)
	if b.IntN(3) == 0 {
		id := c.Fields.GetByName("id").(*core.TextField)
		id.Min, id.Max, id.Pattern, id.AutogeneratePattern = 3, 40, `^[a-z]+$`, `[a-z]{20}`
	}
	if c.IsAuth() {
		b.authOptions(c)
	}
	for _, rule := range []**string{&c.ListRule, &c.ViewRule, &c.CreateRule, &c.UpdateRule, &c.DeleteRule} {
		*rule = b.rule()
	}
	b.save(c)
}

func (b *chance) rule() *string {
	long := `@request.auth.id != ""` + strings.Repeat(` && (code ?!= "a && (b" || (id = 'it\'s' || code > "\"x\""))`, 1+b.IntN(4))
	switch b.IntN(6) {
	case 0:
		return nil
	case 1:
		return types.Pointer("")
	case 2:
		return types.Pointer(long)
	case 3:
		return types.Pointer("code = \"`\"\n  // only these\n  && id != ''")
	default:
		return types.Pointer(b.pick(`id = @request.auth.id`, `@request.auth.id != "" && code:length > 3 && id != "abcdefghijklmno"`))
	}
}

func (b *chance) addIndexes(c *core.Collection) {
	for i, columns := range b.some("`code`", "\n  `id`,\n  `code`\n", "`code` COLLATE NOCASE DESC", "lower(code), `id` ASC") {
		where := b.pick("", "`code` != ''", "code != 'a  b'")
		if strings.Contains(where, "a  b") {
			columns += ", code" // the same columns twice would be refused
		}
		c.AddIndex(fmt.Sprintf("idx_%s_%d", c.Name, i), b.IntN(4) == 0, columns, where)
	}
}

// field is a field of any type with any options.
func (b *chance) field(name string) core.Field {
	var (
		required, presentable = b.IntN(3) == 0, b.yes()
		hidden                = b.IntN(5) == 0
		help                  = b.pick("", "What it is for", "with \"quotes\" and ` ticks")
		size                  = []int64{0, 1, 1000, 1 << 10, 3 << 10, 5 << 20, 1<<20 + 1}[b.IntN(7)]
		many                  = []int{0, 1, 2, 99}[b.IntN(4)]
		low, high             = b.IntN(3), 3 + b.IntN(3000)
		domains               = b.some("one.example", "two.example")
		date                  = types.NowDateTime()
	)
	switch b.IntN(15) {
	case 0:
		f := &core.TextField{
			Name: name, Required: required, Presentable: presentable, Hidden: hidden, Help: help, Min: low, Max: high,
			Pattern: b.pick("", `^[a-z]+$`, "^[\"\\w]+$", "^`+$", `^\d+$`),
		}
		if f.Pattern == `^[a-z]+$` {
			f.Max, f.AutogeneratePattern = 40, b.pick("", `[a-z]{30}`)
		}
		return f
	case 1:
		f := &core.NumberField{Name: name, Required: required, Presentable: presentable, Hidden: hidden, Help: help, OnlyInt: b.yes()}
		if b.yes() {
			f.Min = types.Pointer([]float64{0, -1, -3e12}[b.IntN(3)])
		}
		if b.yes() {
			f.Max = types.Pointer([]float64{1, 12345678, 1e18}[b.IntN(3)])
		}
		if !f.OnlyInt && b.yes() {
			f.Max = types.Pointer([]float64{0.1, 2.5, 1e300}[b.IntN(3)])
			f.Min = types.Pointer(-0.000001)
		}
		return f
	case 2:
		return &core.BoolField{Name: name, Required: required, Presentable: presentable, Hidden: hidden, Help: help}
	case 3:
		return &core.EmailField{Name: name, Required: required, Hidden: hidden, OnlyDomains: domains}
	case 4:
		return &core.EmailField{Name: name, Presentable: presentable, ExceptDomains: domains}
	case 5:
		return &core.URLField{Name: name, Required: required, Presentable: presentable, OnlyDomains: domains, Help: help}
	case 6:
		return &core.EditorField{Name: name, Required: required, MaxSize: size, ConvertURLs: b.yes(), Help: help}
	case 7:
		f := &core.DateField{Name: name, Required: required, Presentable: presentable, Hidden: hidden, Help: help}
		if b.yes() {
			f.Min = date
		}
		if b.yes() {
			f.Max = date.AddDate(0, 1, 0)
		}
		return f
	case 8:
		create := b.yes()
		return &core.AutodateField{Name: name, OnCreate: create, OnUpdate: !create || b.yes(), Hidden: hidden}
	case 9:
		values := append(b.some("one", "two words", "`", `"`, "日本", `\`), "last")
		return &core.SelectField{Name: name, Required: required, MaxSelect: min(many, len(values)), Values: values, Help: help}
	case 10:
		return &core.FileField{
			Name: name, Required: required, MaxSelect: many, MaxSize: size, Protected: b.yes(),
			Thumbs: b.some("100x100", "0x50"), MimeTypes: b.some("image/png", "text/plain"), Help: help,
		}
	case 11:
		target := b.collections[b.IntN(len(b.collections))]
		return &core.RelationField{
			Name: name, CollectionId: target.Id, Required: required, MaxSelect: many,
			MinSelect: min(low, many), CascadeDelete: b.yes(), Presentable: presentable,
		}
	case 12:
		return &core.JSONField{Name: name, Required: required, MaxSize: size, Hidden: hidden, Help: help}
	case 13:
		return &core.GeoPointField{Name: name, Required: required, Presentable: presentable, Help: help}
	default:
		return &core.PasswordField{
			Name: name, Required: required, Hidden: b.yes(), Min: low, Max: 70, Cost: []int{0, 4, 12}[b.IntN(3)],
			Pattern: b.pick("", `^\S+$`),
		}
	}
}

// authOptions change any of the options of an auth collection.
func (b *chance) authOptions(c *core.Collection) {
	c.AuthRule = b.rule()
	if b.yes() {
		c.ManageRule = types.Pointer(`@request.auth.verified = true`)
	}
	for _, token := range []*core.TokenConfig{
		&c.AuthToken, &c.FileToken, &c.PasswordResetToken, &c.EmailChangeToken, &c.VerificationToken,
	} {
		token.Secret = secret
		if b.yes() {
			token.Duration = []int64{60, 61, 7200, 604800}[b.IntN(4)]
		}
	}
	for _, template := range []*core.EmailTemplate{
		&c.VerificationTemplate, &c.ResetPasswordTemplate, &c.ConfirmEmailChangeTemplate, &c.OTP.EmailTemplate, &c.AuthAlert.EmailTemplate,
	} {
		if b.yes() {
			template.Subject = "Hello " + b.text()
		}
		if b.yes() {
			template.Body = "<p>{TOKEN} {OTP}</p>" + b.text()
		}
	}
	c.AuthAlert.Enabled = b.yes()
	c.OTP.Enabled = b.yes()
	c.OTP.Length = 4 + b.IntN(5)
	c.OAuth2.Enabled = b.yes()
	if b.yes() {
		c.OAuth2.Providers = []core.OAuth2ProviderConfig{{Name: "google", ClientId: "client", ClientSecret: secret}}
		c.OAuth2.MappedFields.Name = "code"
	}
	c.MFA.Enabled = c.OTP.Enabled || c.OAuth2.Enabled
	if c.MFA.Enabled && b.yes() {
		c.MFA.Rule = `verified = true && "` + "`" + `" != ""`
		c.MFA.Duration = 3600
	}
	switch b.IntN(3) {
	case 0:
		c.AddIndex("idx_identity_"+c.Name, true, "`code`", "code <> ''")
		c.PasswordAuth.IdentityFields = []string{"email", "code"}
	case 1:
		c.PasswordAuth.Enabled = c.MFA.Enabled && (!c.OTP.Enabled || !c.OAuth2.Enabled)
	}
	if b.IntN(4) == 0 {
		c.RemoveIndex("idx_email_" + c.Id)
		c.AddIndex("idx_own_email_"+c.Name, true, "`email` COLLATE NOCASE", "")
	}
	if email := c.Fields.GetByName("email").(*core.EmailField); b.yes() {
		email.Required = b.yes()
		email.OnlyDomains = b.some("zoo.example")
	}
	if password := c.Fields.GetByName("password").(*core.PasswordField); b.yes() {
		password.Min, password.Cost = 12, 4
	}
	c.Fields.GetByName("verified").SetHidden(b.yes())
}

// addViews adds a view of a collection and a view of that view.
func (b *chance) addViews() {
	b.t.Helper()
	source := b.collections[1+b.IntN(len(b.collections)-1)]
	first := core.NewCollection(core.CollectionTypeView, "zz_first")
	first.ViewQuery = "SELECT id, code" + b.pick("", ",\n  'a \"b\"' AS quoted", ", `code` AS other") + "\nFROM `" + source.Name + "`"
	first.ListRule = b.rule()
	first.ViewRule = types.Pointer("")
	b.save(first)
	second := core.NewCollection(core.CollectionTypeView, "aa_second")
	second.ViewQuery = `SELECT id, count(id) AS total FROM zz_first GROUP BY id`
	b.save(second)
}

// editedZoo is an app with the collections of the zoo, a few of which somebody
// changed at random.
func editedZoo(t *testing.T, seed uint64) core.App {
	t.Helper()
	app := zooApp(t)
	if err := app.Delete(mustCollection(t, app, "users")); err != nil {
		t.Fatal(err)
	}
	b := &chance{Rand: rand.New(rand.NewPCG(seed, 1)), t: t, app: app}
	for _, name := range []string{"keepers", "animals", "staff", "quotas", "animal_names"} {
		b.collections = append(b.collections, mustCollection(t, app, name))
	}
	done := 0
	for range 12 {
		// afresh each time: what could not be saved has to be forgotten
		c := mustCollection(t, app, b.collections[b.IntN(len(b.collections))].Name)
		b.edit(c)
		if app.Save(c) == nil {
			done++
		}
	}
	if done < 4 {
		t.Errorf("seed %d: got %d edits that could be saved, want some", seed, done)
	}
	return app
}

// edit changes one thing about a collection.
func (b *chance) edit(c *core.Collection) {
	rules := []**string{&c.ListRule, &c.ViewRule, &c.CreateRule, &c.UpdateRule, &c.DeleteRule}
	if c.IsView() {
		*rules[b.IntN(2)] = types.Pointer(`name != "" && id != ""`)
		c.ViewQuery = b.pick(c.ViewQuery, "SELECT id, name FROM animals", "SELECT id, (name || `born`) AS text FROM animals")
		return
	}
	at := 1 + b.IntN(len(c.Fields))
	name := fmt.Sprintf("new%d", b.IntN(1000))
	switch b.IntN(8) {
	case 0, 1:
		*rules[b.IntN(5)] = []*string{nil, types.Pointer(""), types.Pointer(`id != "x"`)}[b.IntN(3)]
	case 2:
		c.Fields.AddAt(max(at, 6), b.field(name))
	case 3:
		if f := c.Fields[at-1]; !f.GetSystem() { // which comes back, in another place
			c.Fields.RemoveByName(f.GetName())
		}
	case 4:
		if text, ok := c.Fields[at-1].(*core.TextField); ok {
			text.Max, text.Help = 44, "Changed"
		}
		c.Fields[at-1].SetHidden(true)
	case 5:
		c.AddIndex("idx_"+c.Name+"_"+name, false, "`id`, `"+c.Fields[at-1].GetName()+"`", "")
	case 6:
		c.RemoveIndex(b.pick("idx_animals_keeper", "idx_animals_born"))
	case 7:
		if c.IsAuth() {
			b.authOptions(c)
			c.PasswordAuth.IdentityFields = []string{"email"}
			c.RemoveIndex("idx_identity_" + c.Name)
		}
		first, last := len(c.Fields)-2, len(c.Fields)-1
		if b.IntN(3) == 0 && first > 0 && !c.Fields[first].GetSystem() && !c.Fields[last].GetSystem() {
			c.Fields[first], c.Fields[last] = c.Fields[last], c.Fields[first]
		}
	}
}
