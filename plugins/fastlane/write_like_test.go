package fastlane_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// likeness knows which of the values that one app has made up stands for which of the
// other's: ids, file names, token keys, patterns, hashes of passwords, times. All
// else has to be the same to the byte.
type likeness struct {
	theirs map[string]string    // of each value of PocketBase, the lane's
	ours   map[string]string    // the other way round
	times  map[[2]string]bool   // that were found to be of the same moment
	now    [2][2]time.Time      // between which the last request was answered, here and there
	loose  bool                 // any moment of the run is as good
	since  time.Time            // the run
	hashes map[[2]string]string // hashes, and the password that both are of
}

func newLikeness() *likeness {
	return &likeness{theirs: map[string]string{}, ours: map[string]string{}, times: map[[2]string]bool{}, hashes: map[[2]string]string{}, since: time.Now()}
}

// invented are what apps make up. What tests make up has four zeros in it.
var invented = []*regexp.Regexp{
	regexp.MustCompile(`^[a-z0-9]{15}$`),
	regexp.MustCompile(`^auto-[a-z0-9]{10}$`),
	regexp.MustCompile(`^[A-Za-z0-9]{50}$`),
}

// stored is the name of a file that was uploaded.
var stored = regexp.MustCompile(`^(\w+)_[a-z0-9]{10}(\.\w+)$`)

// aboutFile is what PocketBase says of a file, with the name that it would have had.
var aboutFile = regexp.MustCompile(`^("\w+)_[a-z0-9]{10}(\.\w+" mime type must be .*)$`)

const timeLayout = "2006-01-02 15:04:05.000Z"

// like tells whether a text of PocketBase and one of the lane's are the same.
func (l *likeness) like(a, b string) bool {
	if a == b {
		return true
	}
	if of, known := l.theirs[a]; known {
		return of == b
	}
	if _, known := l.ours[b]; known || a == "" || b == "" {
		return false
	}
	switch {
	case len(a) == len(timeLayout) && len(b) == len(a) && a[10] == ' ':
		return l.sameMoment(a, b)
	case a[0] == '$' && b[0] == '$':
		return l.samePassword(a, b)
	case (a[0] == '{' || a[0] == '[') && a[0] == b[0]:
		return l.sameJSON(a, b)
	}
	if !sameKind(a, b) {
		return false
	}
	l.theirs[a], l.ours[b] = b, a
	return true
}

// sameKind tells whether both were made up in the same way.
func sameKind(a, b string) bool {
	if strings.Contains(a, "0000") || strings.Contains(b, "0000") {
		return false
	}
	for _, pattern := range []*regexp.Regexp{stored, aboutFile} {
		if first, second := pattern.FindStringSubmatch(a), pattern.FindStringSubmatch(b); first != nil && second != nil {
			return slices.Equal(first[1:], second[1:])
		}
	}
	return slices.ContainsFunc(invented, func(r *regexp.Regexp) bool { return r.MatchString(a) && r.MatchString(b) })
}

// sameMoment tells whether each time was the present when it was written.
func (l *likeness) sameMoment(a, b string) bool {
	if l.times[[2]string{a, b}] {
		return true
	}
	for side, value := range []string{a, b} {
		at, err := time.Parse(timeLayout, value)
		from, to := l.now[side][0].Truncate(time.Millisecond), l.now[side][1]
		if l.loose {
			from, to = l.since.Truncate(time.Millisecond), time.Now()
		}
		if err != nil || at.Before(from) || at.After(to) {
			return false
		}
	}
	l.times[[2]string{a, b}] = true
	return true
}

// passwords are all that requests set.
var passwords = []string{"correct horse", "another one of theirs", "12345678", "\u00fcml\u00e4ute and so on"}

// samePassword tells whether both are hashes of one password, at the same cost.
func (l *likeness) samePassword(a, b string) bool {
	if len(a) < 7 || len(b) < 7 || a[:7] != b[:7] {
		return false
	}
	if l.hashes[[2]string{a, b}] != "" {
		return true
	}
	for _, password := range passwords {
		if bcrypt.CompareHashAndPassword([]byte(a), []byte(password)) == nil && bcrypt.CompareHashAndPassword([]byte(b), []byte(password)) == nil {
			l.hashes[[2]string{a, b}] = password
			return true
		}
	}
	return false
}

// sameJSON compares what is between the texts to the byte, and the texts by like.
func (l *likeness) sameJSON(a, b string) bool {
	for {
		i, j := strings.IndexByte(a, '"'), strings.IndexByte(b, '"')
		if i < 0 || j < 0 {
			return a == b
		}
		if a[:i] != b[:j] {
			return false
		}
		first, restA, okA := cutText(a[i:])
		second, restB, okB := cutText(b[j:])
		if !okA || !okB {
			return a == b
		}
		if a[i:len(a)-len(restA)] != b[j:len(b)-len(restB)] && (first == second || !l.like(first, second)) {
			return false // if they are the same, they are escaped in two ways
		}
		a, b = restA, restB
	}
}

// cutText reads the text in quotes that s begins with.
func cutText(s string) (text, rest string, ok bool) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			err := json.Unmarshal([]byte(s[:i+1]), &text)
			return text, s[i+1:], err == nil
		}
	}
	return "", "", false
}

// sameRow compares values as SQLite writes them out, so that a number is no text.
func (l *likeness) sameRow(a, b []string) bool {
	return slices.EqualFunc(a, b, func(a, b string) bool {
		if a == b {
			return true
		}
		textA, okA := unquote(a)
		textB, okB := unquote(b)
		return okA && okB && l.like(textA, textB)
	})
}

// unquote reads a text in SQL.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return "", false
	}
	return strings.ReplaceAll(s[1:len(s)-1], "''", "'"), true
}

// lane returns a request of PocketBase's with the ids that the lane's app has.
func (l *likeness) lane(text string, references []string) string {
	for _, id := range references {
		if of, known := l.theirs[id]; known {
			text = strings.ReplaceAll(text, id, of)
		}
	}
	return text
}
