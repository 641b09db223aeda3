package main

import (
	"strings"
	"unicode"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/holdall-go/holdall/examples/conduit/collections"
)

// maxSlug is how many characters of a title its slug takes.
const maxSlug = 80

// reservedSlugs would be out of reach behind a route of that name.
var reservedSlugs = map[string]bool{"feed": true}

// slugArticle is a hook: it gives an article a slug when it is new, and another
// when its title changes.
func slugArticle(e *core.RecordEvent) error {
	article := collections.ArticleOf(e.Record)
	base := slugOf(article.Title())
	if !article.IsNew() && base == slugOf(collections.ArticleOf(e.Record.Original()).Title()) {
		return e.Next()
	}
	slug := base
	taken := base == "" || reservedSlugs[base]
	if !taken {
		var err error
		if taken, err = slugTaken(e.App, base, article.Id); err != nil {
			return err
		}
	}
	if taken {
		// chance enough that nobody meets it; the index has the last word
		const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
		slug = strings.TrimPrefix(base+"-"+security.RandomStringWithAlphabet(8, alphabet), "-")
	}
	article.SetSlug(slug)
	return e.Next()
}

// slugOf makes "how-to-train-your-dragon" of "How to train your dragon?". Letters
// of other scripts stay.
func slugOf(title string) string {
	var slug strings.Builder
	length, gap := 0, false
	for _, r := range strings.ToLower(title) {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r) {
			gap = length > 0
			continue
		}
		if length >= maxSlug {
			break
		}
		if gap {
			slug.WriteByte('-')
			length++
			gap = false
		}
		slug.WriteRune(r)
		length++
	}
	return slug.String()
}
