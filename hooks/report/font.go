package report

import (
	"fmt"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/text/unicode/norm"
)

// The Go fonts have Latin, Greek and Cyrillic. There is no font for the scripts of
// East and South Asia, nor for those that are written from right to left, that
// is small enough to be carried by a backend; see docs/reports.md for how to
// bring one.
const (
	family = "Go"

	// missing stands for a character that the font does not have.
	missing = '□'
)

var glyphs = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(goregular.TTF) })

// fonts are the files by style.
func fonts() map[string][]byte {
	return map[string][]byte{"": goregular.TTF, "B": gobold.TTF}
}

// text is a string that can be printed.
type text struct {
	font    *sfnt.Font
	buffer  sfnt.Buffer
	missing bool // whether a character was replaced
}

func newText() (*text, error) {
	font, err := glyphs()
	if err != nil {
		return nil, fmt.Errorf("read the font: %w", err)
	}
	return &text{font: font}, nil
}

// line is the string in one line.
func (t *text) line(s string) string {
	return strings.Join(strings.Fields(t.lines(s)), " ")
}

// lines is the string with the characters that the font has, and line breaks as
// they were.
func (t *text) lines(s string) string {
	var out strings.Builder
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for _, r := range norm.NFC.String(s) {
		switch {
		case r == '\n':
			out.WriteRune(r)
		case unicode.IsSpace(r):
			out.WriteByte(' ')
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
			// they have no form of their own
		case t.has(r):
			out.WriteRune(r)
		default:
			out.WriteRune(missing)
			t.missing = true
		}
	}
	return strings.TrimSpace(out.String())
}

func (t *text) has(r rune) bool {
	if r > 0xffff { // which the library for PDF does not write
		return false
	}
	index, err := t.font.GlyphIndex(&t.buffer, r)
	return err == nil && index != 0
}
