package schema

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// fieldLiteral is a field as a Go composite literal with the options that are
// not zero. relation is the Go expression of the id that it relates to. It
// reports false for a field that cannot be written so: one that does not come
// with PocketBase, or one with a date in it.
func fieldLiteral(f core.Field, relation string) (string, bool) {
	value := reflect.ValueOf(f).Elem()
	typ := value.Type()
	if typ.PkgPath() != reflect.TypeFor[core.TextField]().PkgPath() {
		return "", false
	}
	var parts []string
	for i := range typ.NumField() {
		option := typ.Field(i)
		if !option.IsExported() || isZero(value.Field(i)) {
			continue
		}
		source, ok := goLiteral(value.Field(i))
		if _, isRelation := f.(*core.RelationField); isRelation && option.Name == "CollectionId" {
			source, ok = relation, true
		}
		if !ok {
			return "", false
		}
		if source != "" {
			parts = append(parts, option.Name+": "+source)
		}
	}
	return "&core." + typ.Name() + "{" + strings.Join(parts, ", ") + "}", true
}

// isZero also takes a date for zero that has a time zone but no time.
func isZero(value reflect.Value) bool {
	if z, ok := value.Interface().(interface{ IsZero() bool }); ok {
		return z.IsZero()
	}
	return value.IsZero()
}

// goLiteral is a value as Go source. It reports false for types that have none,
// and gives "" for an empty list, which means the same as its absence.
func goLiteral(value reflect.Value) (string, bool) {
	switch value.Kind() {
	case reflect.String:
		return literal(value.String()), true
	case reflect.Bool:
		return strconv.FormatBool(value.Bool()), true
	case reflect.Int, reflect.Int64, reflect.Int32:
		return strconv.FormatInt(value.Int(), 10), true
	case reflect.Float64:
		return goFloat(value.Float()), true
	case reflect.Pointer:
		if value.IsNil() {
			return "nil", true
		}
		source, ok := goLiteral(value.Elem())
		return "types.Pointer(" + source + ")", ok && value.Elem().Kind() != reflect.Struct
	case reflect.Slice:
		if value.Type().Elem().Kind() != reflect.String {
			return "", false
		}
		if value.Len() == 0 {
			return "", true
		}
		items := make([]string, value.Len())
		for i := range items {
			items[i] = literal(value.Index(i).String())
		}
		return "[]string{" + strings.Join(items, ", ") + "}", true
	}
	return "", false
}

// goFloat is a number that Go takes for a float64 wherever it stands.
func goFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// jsonValueLiteral is a value that was decoded from JSON, as Go source.
func jsonValueLiteral(value any) string {
	switch v := value.(type) {
	case nil:
		return "nil"
	case string:
		return literal(v)
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		items := make([]string, len(keys))
		for i, key := range keys {
			items[i] = literal(key) + ": " + jsonValueLiteral(v[key])
		}
		return "map[string]any{" + strings.Join(items, ", ") + "}"
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = jsonValueLiteral(item)
		}
		return "[]any{" + strings.Join(items, ", ") + "}"
	case float64:
		return goFloat(v)
	default:
		return fmt.Sprintf("%#v", v)
	}
}

// providersLiteral is the OAuth2 providers without secrets: those that the
// variable secrets has, by name, are kept.
func providersLiteral(providers []core.OAuth2ProviderConfig) string {
	var b strings.Builder
	b.WriteString("[]core.OAuth2ProviderConfig{\n")
	for _, p := range providers {
		fmt.Fprintf(&b, "{Name: %s, ClientId: %s, ClientSecret: cmp.Or(secrets[%s], %s)",
			literal(p.Name), literal(p.ClientId), literal(p.Name), literal(placeholderSecret))
		for _, option := range []struct{ name, value string }{
			{"AuthURL", p.AuthURL}, {"TokenURL", p.TokenURL}, {"UserInfoURL", p.UserInfoURL}, {"DisplayName", p.DisplayName},
		} {
			if option.value != "" {
				fmt.Fprintf(&b, ", %s: %s", option.name, literal(option.value))
			}
		}
		if p.PKCE != nil {
			fmt.Fprintf(&b, ", PKCE: types.Pointer(%t)", *p.PKCE)
		}
		if len(p.Extra) > 0 {
			fmt.Fprintf(&b, ", Extra: %s", jsonValueLiteral(p.Extra))
		}
		b.WriteString("},\n")
	}
	b.WriteString("}")
	return b.String()
}
