package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// option is one option of a collection that is no field, index or rule.
type option struct {
	path  string // OTP.EmailTemplate.Subject, as it is written in Go
	name  string // otp.emailTemplate.subject, as the API names it
	value reflect.Value
}

// secretOption is the name of the options that are neither shown nor written.
const secretOption = "Secret"

// placeholderSecret stands for the client secret of an OAuth2 provider that a
// migration adds. PocketBase refuses a provider without one.
const placeholderSecret = "set the secret in the dashboard"

// collectionOptions lists the options of a collection, without secrets and rules.
func collectionOptions(c *core.Collection) []option {
	if c.IsView() {
		return []option{{path: "ViewQuery", name: "viewQuery", value: reflect.ValueOf(c.ViewQuery)}}
	}
	if !c.IsAuth() {
		return nil
	}
	var options []option
	value := reflect.ValueOf(c).Elem()
	for _, root := range authOptionFields() {
		options = appendOptions(options, root.Name, jsonName(root), value.FieldByName(root.Name))
	}
	return options
}

// authOptionFields are the fields of [core.Collection] that hold the options of
// auth collections. PocketBase keeps them in an embedded struct of their own.
func authOptionFields() []reflect.StructField {
	collection := reflect.TypeFor[core.Collection]()
	token, _ := collection.FieldByName("AuthToken")
	embedded := collection.Field(token.Index[0]).Type

	var fields []reflect.StructField
	for i := range embedded.NumField() {
		f := embedded.Field(i)
		if f.IsExported() && f.Name != "AuthRule" && f.Name != "ManageRule" {
			fields = append(fields, f)
		}
	}
	return fields
}

func appendOptions(options []option, path, name string, value reflect.Value) []option {
	if path == mfaRule {
		return options
	}
	if value.Kind() != reflect.Struct {
		return append(options, option{path, name, value})
	}
	for i := range value.NumField() {
		f := value.Type().Field(i)
		if !f.IsExported() || f.Name == secretOption {
			continue
		}
		options = appendOptions(options, path+"."+f.Name, name+"."+jsonName(f), value.Field(i))
	}
	return options
}

// jsonName is the name of a struct field in JSON.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

// same reports whether the option has the value of other.
func (o option) same(other option) bool {
	if providers, ok := o.value.Interface().([]core.OAuth2ProviderConfig); ok {
		return sameProviders(providers, other.value.Interface().([]core.OAuth2ProviderConfig))
	}
	if o.value.Kind() == reflect.Slice && o.value.Len() == 0 && other.value.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(o.value.Interface(), other.value.Interface())
}

// show is the value for people and for JSON, without secrets.
func (o option) show() any {
	if providers, ok := o.value.Interface().([]core.OAuth2ProviderConfig); ok {
		return withoutSecrets(providers)
	}
	return o.value.Interface()
}

// set gives the option of c the value.
func (o option) set(c *core.Collection) error {
	if providers, ok := o.value.Interface().([]core.OAuth2ProviderConfig); ok {
		c.OAuth2.Providers = keepSecrets(providers, c.OAuth2.Providers)
		return nil
	}
	field := reflect.ValueOf(c).Elem()
	for name := range strings.SplitSeq(o.path, ".") {
		field = field.FieldByName(name)
		if !field.IsValid() {
			return fmt.Errorf("a collection has no option %s", o.path)
		}
	}
	field.Set(o.value)
	return nil
}

// changedOptions pairs the options that differ.
func changedOptions(from, to *core.Collection) (changed [][2]option) {
	old := collectionOptions(from)
	for _, o := range collectionOptions(to) {
		i := slices.IndexFunc(old, func(p option) bool { return p.path == o.path })
		if i >= 0 && !o.same(old[i]) {
			changed = append(changed, [2]option{old[i], o})
		}
	}
	return changed
}

// withoutSecrets returns the providers with their secrets blanked.
func withoutSecrets(providers []core.OAuth2ProviderConfig) []core.OAuth2ProviderConfig {
	plain := slices.Clone(providers)
	for i := range plain {
		plain[i].ClientSecret = ""
		if len(plain[i].Extra) == 0 {
			plain[i].Extra = nil
		}
	}
	return plain
}

func sameProviders(a, b []core.OAuth2ProviderConfig) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	return reflect.DeepEqual(withoutSecrets(a), withoutSecrets(b))
}

// keepSecrets returns providers with the secrets that existing ones of the same
// name have, and a placeholder in the others.
func keepSecrets(providers, existing []core.OAuth2ProviderConfig) []core.OAuth2ProviderConfig {
	result := slices.Clone(providers)
	for i := range result {
		result[i].ClientSecret = placeholderSecret
		for _, p := range existing {
			if p.Name == result[i].Name && p.ClientSecret != "" {
				result[i].ClientSecret = p.ClientSecret
			}
		}
	}
	return result
}

// mfaRule is the option that is a rule. It is kept with the rules.
const mfaRule = "MFA.Rule"

// ruleKind is one of the rules that a collection has.
type ruleKind struct {
	path string // ListRule, as it is written in Go
	name string // listRule, as the API names it
	get  func(c *core.Collection) *string
	set  func(c *core.Collection, rule *string)
}

// ruleKinds are all rules, in the order of the dashboard.
var ruleKinds = []ruleKind{
	{"ListRule", "listRule", func(c *core.Collection) *string { return c.ListRule }, func(c *core.Collection, r *string) { c.ListRule = r }},
	{"ViewRule", "viewRule", func(c *core.Collection) *string { return c.ViewRule }, func(c *core.Collection, r *string) { c.ViewRule = r }},
	{"CreateRule", "createRule", func(c *core.Collection) *string { return c.CreateRule }, func(c *core.Collection, r *string) { c.CreateRule = r }},
	{"UpdateRule", "updateRule", func(c *core.Collection) *string { return c.UpdateRule }, func(c *core.Collection, r *string) { c.UpdateRule = r }},
	{"DeleteRule", "deleteRule", func(c *core.Collection) *string { return c.DeleteRule }, func(c *core.Collection, r *string) { c.DeleteRule = r }},
	{"AuthRule", "authRule", authOnly(func(c *core.Collection) *string { return c.AuthRule }), func(c *core.Collection, r *string) { c.AuthRule = r }},
	{"ManageRule", "manageRule", authOnly(func(c *core.Collection) *string { return c.ManageRule }), func(c *core.Collection, r *string) { c.ManageRule = r }},
	// nothing but an expression or its absence: here "" and nil are one
	{mfaRule, "mfa.rule", authOnly(func(c *core.Collection) *string {
		if c.MFA.Rule == "" {
			return nil
		}
		return &c.MFA.Rule
	}), func(c *core.Collection, r *string) {
		c.MFA.Rule = ""
		if r != nil {
			c.MFA.Rule = *r
		}
	}},
}

// authOnly is get for auth collections, and nil for the others.
func authOnly(get func(*core.Collection) *string) func(*core.Collection) *string {
	return func(c *core.Collection) *string {
		if !c.IsAuth() {
			return nil
		}
		return get(c)
	}
}

// sameRule reports whether two rules as PocketBase stores them are equal.
func sameRule(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
