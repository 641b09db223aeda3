package clienttypes

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// meaning says what the value of a field is, where its type does not.
func meaning(b *builder, field core.Field) string {
	switch f := field.(type) {
	case *core.RelationField:
		target := "another collection"
		if c := b.byID[f.CollectionId]; c != nil {
			target = c.name
		}
		if f.IsMultiple() {
			return "Ids of records of " + target + "."
		}
		return "The id of a record of " + target + orNone(!f.Required) + "."
	case *core.FileField:
		protected := ""
		if f.Protected {
			protected = " Needs a file token."
		}
		if f.IsMultiple() {
			return "File names." + protected
		}
		return "A file name" + orNone(true) + "." + protected
	case *core.EditorField:
		return "HTML."
	default:
		return ""
	}
}

func orNone(optional bool) string {
	if optional {
		return `, "" for none`
	}
	return ""
}

// limits says what a body may set a field to.
func limits(field core.Field) string {
	switch f := field.(type) {
	case *core.TextField:
		return sentences(between(f.Min, f.Max, "character", "characters"), matches(f.Pattern))
	case *core.PasswordField:
		return sentences(between(f.Min, f.Max, "character", "characters"), matches(f.Pattern))
	case *core.EditorField:
		return sentences("HTML.", atMost(f.MaxSize, "byte", "bytes"))
	case *core.EmailField:
		return domains(f.OnlyDomains, f.ExceptDomains)
	case *core.URLField:
		return domains(f.OnlyDomains, f.ExceptDomains)
	case *core.NumberField:
		return numberLimits(f)
	case *core.BoolField:
		if f.Required {
			return "Must be true."
		}
	case *core.DateField:
		var from, to string
		if !f.Min.IsZero() {
			from = "Not before " + f.Min.String() + "."
		}
		if !f.Max.IsZero() {
			to = "Not after " + f.Max.String() + "."
		}
		return sentences(from, to)
	case *core.SelectField:
		if f.IsMultiple() {
			return between(0, f.MaxSelect, "value", "values")
		}
	case *core.RelationField:
		if f.IsMultiple() {
			return between(f.MinSelect, f.MaxSelect, "record", "records")
		}
	case *core.FileField:
		return fileLimits(f)
	case *core.JSONField:
		return atMost(f.MaxSize, "byte", "bytes")
	case *core.GeoPointField:
		if f.Required {
			return "Not 0, 0."
		}
	}
	return ""
}

func numberLimits(f *core.NumberField) string {
	var whole, from, to, zero string
	if f.OnlyInt {
		whole = "Whole."
	}
	if f.Min != nil {
		from = fmt.Sprintf("At least %v.", *f.Min)
	}
	if f.Max != nil {
		to = fmt.Sprintf("At most %v.", *f.Max)
	}
	if f.Required {
		zero = "Not 0."
	}
	return sentences(whole, from, to, zero)
}

func fileLimits(f *core.FileField) string {
	var many, kinds string
	if f.IsMultiple() {
		many = between(0, f.MaxSelect, "file", "files")
	}
	size := f.MaxSize
	if size <= 0 {
		size = core.DefaultFileFieldMaxSize
	}
	if len(f.MimeTypes) > 0 {
		kinds = "One of " + strings.Join(f.MimeTypes, ", ") + "."
	}
	return sentences(many, atMost(size, "byte", "bytes"), kinds)
}

func atMost(n int64, one, many string) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("At most %d %s.", n, plural(n, one, many))
}

func between(low, high int, one, many string) string {
	switch {
	case low > 0 && low == high:
		return fmt.Sprintf("%d %s.", low, plural(int64(high), one, many))
	case low > 0 && high > 0:
		return fmt.Sprintf("%d to %d %s.", low, high, plural(int64(high), one, many))
	case low > 0:
		return fmt.Sprintf("At least %d %s.", low, plural(int64(low), one, many))
	default:
		return atMost(int64(high), one, many)
	}
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func matches(pattern string) string {
	if pattern == "" {
		return ""
	}
	return "Matches " + pattern + "."
}

func domains(only, except []string) string {
	switch {
	case len(only) > 0:
		return "Only at " + strings.Join(only, ", ") + "."
	case len(except) > 0:
		return "Not at " + strings.Join(except, ", ") + "."
	default:
		return ""
	}
}

// sentences joins those that are there.
func sentences(all ...string) string {
	var present []string
	for _, s := range all {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			present = append(present, s)
		}
	}
	return strings.Join(present, " ")
}
