package clienttypes

import (
	"fmt"
	"strings"
)

// printer is a text that is written from its beginning to its end. Writing cannot fail.
type printer struct{ text strings.Builder }

func (p *printer) print(text string) { p.text.WriteString(text) }

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(&p.text, format, args...) }

// String is what has been written.
func (p *printer) String() string { return p.text.String() }
