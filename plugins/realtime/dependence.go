package realtime

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// A condition over other records cannot be asked about the past. But where none of
// these has changed since, it gives today what it gave then.

const (
	// transactionLength is how many changes a transaction has, and transactionSpan
	// how long it takes, at most, for a deletion to be judged by the state before it.
	transactionLength = 10000
	transactionSpan   = time.Minute

	// stillPage is how many changes of other records are gone through to see that
	// none of them matters.
	stillPage = 256
)

// stands tells whether the conditions that decide who gets a change give what they
// gave when it was made, although they look at other records.
func (p *Plugin) stands(ctx context.Context, change changes.Change, collection *core.Collection, a audience) (bool, error) {
	who := a.listeners[0].caller
	needs := map[string]bool{changes.SchemaCollection: true}
	for _, c := range p.unpinned(collection, a, who) {
		found, known, err := p.dependencies(p.access(collection, ruleOf(collection, a), a.spec), c, who)
		if err != nil || !known {
			return false, err
		}
		for _, id := range found {
			needs[id] = true
		}
	}
	ids := make([]string, 0, len(needs)+1)
	for id := range needs {
		ids = append(ids, id)
	}
	if who.collection != "" && !needs[who.collection] {
		ids = append(ids, who.collection)
	}
	after := change.Seq
	if change.After == nil {
		after -= transactionLength
	}
	page, err := p.log.ReadOf(ctx, after, stillPage, ids...)
	if err != nil || !page.UpToDate {
		return false, err
	}
	return !slices.ContainsFunc(page.Changes, func(other changes.Change) bool {
		if other.Seq <= change.Seq && other.At.Before(change.At.Add(-transactionSpan)) {
			return false // was over before
		}
		return needs[other.Collection] || other.Collection == who.collection && other.Record == who.id
	}), nil
}

// dependencies are the ids of the collections that a condition looks at besides
// the row and the caller. It reports false if it looks at more than the log tells
// of, such as the time.
func (p *Plugin) dependencies(g *gate, c *condition, who *caller) ([]string, bool, error) {
	groups, err := fexpr.Parse(c.text)
	if err != nil || !isTimeless(groups) {
		return nil, false, nil //nolint:nilerr // a condition that never holds is not worth the trouble
	}
	auth := who.record.Load()
	row := &image{collection: g.collection, raw: json.RawMessage("{}")}
	statement, _, err := p.statement(g, c, source{row: row}, auth, false)
	if err != nil {
		return nil, false, err
	}
	if auth != nil {
		// the row of the caller, which is looked after on its own
		for _, alias := range []string{"__auth_", "__mm___auth_"} {
			name := auth.Collection().Name
			statement = strings.ReplaceAll(statement, "`"+name+"` `"+alias+name+"`", "")
		}
	}
	var ids []string
	for name := range mentioned(statement) {
		switch other, err := p.app.FindCachedCollectionByNameOrId(name); {
		case strings.EqualFold(name, core.CollectionNameMFAs), strings.EqualFold(name, core.CollectionNameOTPs),
			strings.EqualFold(name, core.CollectionNameAuthOrigins):
			return nil, false, nil // of which the log has nothing
		case err != nil:
		case other.Id == g.collection.Id && !strings.Contains(statement, "`"+other.Name+"` `"):
		case other.IsView():
			return nil, false, nil
		default:
			ids = append(ids, other.Id)
		}
	}
	return ids, true, nil
}

// mentioned are the words of a statement, names of collections among them.
func mentioned(statement string) map[string]bool {
	words := map[string]bool{}
	for _, name := range word.FindAllString(statement, -1) {
		words[name] = true
	}
	return words
}

var word = regexp.MustCompile(`\w+`)

// isTimeless tells whether all that a condition looks at is in the database or the
// subscription.
func isTimeless(item any) bool {
	switch it := item.(type) {
	case fexpr.Expr:
		return isTimelessToken(it.Left) && isTimelessToken(it.Right)
	case fexpr.ExprGroup:
		return isTimeless(it.Item)
	case []fexpr.ExprGroup:
		return !slices.ContainsFunc(it, func(group fexpr.ExprGroup) bool { return !isTimeless(group) })
	}
	return false
}

func isTimelessToken(t fexpr.Token) bool {
	if t.Type == fexpr.TokenFunction {
		return false
	}
	return t.Type != fexpr.TokenIdentifier || !strings.HasPrefix(t.Literal, "@") ||
		strings.HasPrefix(t.Literal, "@request.") || strings.HasPrefix(t.Literal, "@collection.")
}
