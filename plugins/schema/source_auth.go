package schema

import (
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// writeConfigure writes the options of an auth collection that differ from
// PocketBase's defaults. It writes no secret: neither those that sign tokens nor
// the OAuth2 providers with their client secrets, which it only names.
func (s *source) writeConfigure(c *core.Collection) {
	var lines []string
	for _, pair := range changedOptions(core.NewAuthCollection(c.Name), c) {
		lines = append(lines, s.optionLine(pair[1]))
	}
	if c.MFA.Rule != "" {
		lines = append(lines, "c.MFA.Rule = "+ruleLiteral(c.MFA.Rule))
	}
	if len(lines) == 0 {
		return
	}
	s.use(importCore)
	s.printf("Configure: func(c *core.Collection) {\n%s\n},\n", strings.Join(lines, "\n"))
}

// optionLine is the assignment of an option, or what to know about one that
// cannot be written.
func (s *source) optionLine(o option) string {
	if providers, ok := o.value.Interface().([]core.OAuth2ProviderConfig); ok {
		names := make([]string, len(providers))
		for i, p := range providers {
			names[i] = p.Name
		}
		return "// The OAuth2 providers stay in the database, since they hold client secrets: " + strings.Join(names, ", ") + "."
	}
	text, err := s.value(o.path, o.value)
	if err != nil {
		// PocketBase has got an option of a new kind
		return "// c." + o.path + " differs from its default, and cannot be written here."
	}
	if strings.HasSuffix(o.path, ".Duration") {
		text += " // " + humanSeconds(o.value.Int())
	}
	return "c." + o.path + " = " + text
}

// humanSeconds says a number of seconds in the largest unit that divides it.
func humanSeconds(n int64) string {
	for _, unit := range []struct {
		name    string
		seconds int64
	}{{"day", 24 * 60 * 60}, {"hour", 60 * 60}, {"minute", 60}} {
		if n != 0 && n%unit.seconds == 0 {
			return count(n/unit.seconds, unit.name)
		}
	}
	return count(n, "second")
}
