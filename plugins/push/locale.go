package push

import "strings"

// pick returns what there is for a locale: for the locale itself, else for what it
// is a variant of, down to the language. "pt_BR", "pt-br" and "pt-BR" are one.
func pick[T any](choices map[string]T, locale string) (T, bool) {
	wanted := canonical(locale)
	for wanted != "" {
		for name, choice := range choices {
			if canonical(name) == wanted {
				return choice, true
			}
		}
		cut := strings.LastIndexByte(wanted, '-')
		if cut < 0 {
			break
		}
		wanted = wanted[:cut]
	}
	var none T
	return none, false
}

func canonical(locale string) string {
	return strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
}
