package schema

import (
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// words are the identifiers in an expression. A back-relation such as
// notes_via_author gives its parts too.
func words(expression string) map[string]bool {
	found := map[string]bool{}
	for _, word := range wordPattern.FindAllString(expression, -1) {
		word = strings.ToLower(word)
		found[word] = true
		for part := range strings.SplitSeq(word, "_via_") {
			found[part] = true
		}
	}
	return found
}

var wordPattern = regexp.MustCompile(`\w+`)

// ruleWords are the words of a rule without those that name no field or
// collection: quoted values, and where a value of the request comes from.
func ruleWords(rule string) map[string]bool {
	return words(notNames.ReplaceAllString(rule, " "))
}

var notNames = regexp.MustCompile(`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|@request\.(?:auth|body|query|headers|method|context)\b`)

// namesPending reports whether a rule of the collection c names something that
// is still to come, other than from c itself.
func (t *transition) namesPending(rule *string, c *core.Collection) bool {
	if rule == nil || *rule == "" {
		return false
	}
	named := ruleWords(*rule)
	if t.caution == brief {
		for word := range named {
			if t.isPresent(word, c) {
				delete(named, word)
			}
		}
	}
	for _, other := range t.to {
		if other.Id == c.Id {
			continue
		}
		present := t.now.byID(other.Id)
		if present == nil || t.parked[other.Id] || present.Name != other.Name ||
			(other.IsView() && present.ViewQuery != other.ViewQuery) {
			if named[strings.ToLower(other.Name)] {
				return true
			}
		}
		for _, f := range other.Fields {
			if other.IsView() {
				break
			}
			if !named[strings.ToLower(f.GetName())] {
				continue
			}
			if present == nil {
				return true
			}
			if old := present.Fields.GetById(f.GetId()); old == nil || old.GetName() != f.GetName() {
				return true
			}
		}
	}
	return false
}

// isPresent reports whether word names a field that exists, or one of c.
func (t *transition) isPresent(word string, c *core.Collection) bool {
	for _, present := range t.now.with(c) {
		if present.Id != c.Id && t.parked[present.Id] {
			continue
		}
		if fieldByName(present, word) != nil {
			return true
		}
	}
	return false
}

// namesGone reports whether a rule of the collection goal names something that
// was there in the beginning and no longer is once goal is saved.
func (t *transition) namesGone(rule *string, goal *core.Collection) bool {
	if rule == nil || *rule == "" {
		return false
	}
	named := ruleWords(*rule)
	for _, old := range t.from {
		present := t.now.byID(old.Id)
		if old.Id == goal.Id {
			present = goal
		}
		if present == nil || present.Name != old.Name || t.parked[old.Id] {
			if named[strings.ToLower(old.Name)] {
				return true
			}
		}
		for _, f := range old.Fields {
			if old.IsView() || !named[strings.ToLower(f.GetName())] {
				continue
			}
			if present == nil {
				return true
			}
			if still := present.Fields.GetById(f.GetId()); still == nil || still.GetName() != f.GetName() {
				return true
			}
		}
	}
	return false
}

// finishRules sets the rules that had to wait, and validates what was saved
// without.
func (t *transition) finishRules() {
	for _, c := range t.to {
		before := len(t.steps)
		t.save(c.Id, c, false, "")
		if len(t.steps) == before && t.toCheck[c.Id] {
			t.steps = append(t.steps, step{kind: stepValidate, collection: c.Name})
		}
		delete(t.toCheck, c.Id)
	}
}
