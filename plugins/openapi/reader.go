package openapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// What rules decide about.
const (
	actionList   = "list"
	actionView   = "view"
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
	actionManage = "manage"
)

var actions = []string{actionList, actionView, actionCreate, actionUpdate, actionDelete, actionManage}

// reader is for whom a document is: a guest, a superuser, or whom grants speak of.
type reader struct {
	guest, superuser bool
	collection       string          // the id of the caller's collection, "" for guests
	grants           map[string]bool // by collection id and action
	routes           map[string]bool // hidden routes of their own, by method and path
}

// may reports whether there are records with which the reader could do that.
func (r reader) may(c *core.Collection, action string) bool {
	return r.superuser || r.grants[c.Id+" "+action]
}

// of reports whether the reader's token could be one of that collection. A guest
// is told of what comes after signing in neither here nor elsewhere.
func (r reader) of(c *core.Collection) bool {
	return r.superuser || r.collection == c.Id
}

// knows reports whether the reader may do something with records of a collection, or
// sign in to it, so that the document tells of it in any case.
func (r reader) knows(c *core.Collection) bool {
	return r.superuser || c.IsAuth() || slices.ContainsFunc(actions, func(action string) bool { return r.may(c, action) })
}

// methods are those that rules see as @request.method.
var methods = map[string]string{
	actionList: "GET", actionView: "GET", actionCreate: "POST", actionUpdate: "PATCH", actionDelete: "DELETE", actionManage: "PATCH",
}

func ruleOf(c *core.Collection, action string) *string {
	switch action {
	case actionList:
		return c.ListRule
	case actionView:
		return c.ViewRule
	case actionCreate:
		return c.CreateRule
	case actionUpdate:
		return c.UpdateRule
	case actionDelete:
		return c.DeleteRule
	default:
		return c.ManageRule
	}
}

// judge decides what a caller may do by the rules.
type judge struct {
	app         core.App
	caller      *core.Record // nil for a guest
	collections []*core.Collection
	timeout     time.Duration
	known       map[string]bool // verdicts, by collection, method and rule
}

// grants decides every action on every collection.
func (j *judge) grants(ctx context.Context) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	granted := map[string]bool{}
	for _, c := range j.collections {
		for _, action := range actions {
			rule := ruleOf(c, action)
			if rule == nil {
				continue
			}
			if action == actionManage && *rule == "" {
				continue // PocketBase takes an empty manage rule for none
			}
			if *rule == "" || j.satisfiable(ctx, c, action, *rule) {
				granted[c.Id+" "+action] = true
			}
		}
	}
	return granted
}

// satisfiable reports whether the rule may admit the caller to some record, with
// some request. It answers true where it cannot tell.
//
// Conditions that only the record's own values decide, or what the request
// sends, are taken for met: records and requests may be of any kind. What is
// left speaks of the caller and of records that there are. It is asked of the
// database by PocketBase's own reading of rules, for each relation of the record
// by itself, with the relation leading to any record that there is.
func (j *judge) satisfiable(ctx context.Context, c *core.Collection, action, rule string) bool {
	method := methods[action]
	if action != actionCreate {
		action = ""
	}
	key := c.Id + " " + method + action + " " + rule
	if verdict, ok := j.known[key]; ok {
		return verdict
	}
	verdict := j.decide(ctx, c, method, action == actionCreate, rule)
	j.known[key] = verdict
	return verdict
}

func (j *judge) decide(ctx context.Context, c *core.Collection, method string, isNew bool, rule string) bool {
	parsed, err := fexpr.Parse(rule)
	if err != nil {
		return true
	}
	for _, lead := range leads(parsed, c, isNew) {
		residual, err := render(parsed, func(e fexpr.Expr) bool { return decidable(e, c, lead, isNew) })
		if err != nil {
			return true
		}
		if holds, err := j.holds(ctx, c, lead, method, residual); err == nil && !holds {
			return false
		}
	}
	return true
}

// self is the lead of conditions that begin at the record itself.
const self = ""

// leads are the relation fields of the record from which the rule goes on, self
// if it asks for what leads to the record or for its id. There is at least one,
// as conditions on the caller alone need to be asked too.
func leads(groups []fexpr.ExprGroup, c *core.Collection, isNew bool) []string {
	found := []string{}
	add := func(lead string, ok bool) {
		for _, known := range found {
			ok = ok && known != lead
		}
		if ok {
			found = append(found, lead)
		}
	}
	var walk func([]fexpr.ExprGroup)
	walk = func(groups []fexpr.ExprGroup) {
		for _, group := range groups {
			switch item := group.Item.(type) {
			case fexpr.Expr:
				add(leadOf(item.Left, c, isNew))
				add(leadOf(item.Right, c, isNew))
			case []fexpr.ExprGroup:
				walk(item)
			}
		}
	}
	walk(groups)
	if len(found) == 0 {
		found = append(found, "@")
	}
	return found
}

// leadOf is where the path of an operand leads on from, if it does.
func leadOf(t fexpr.Token, c *core.Collection, isNew bool) (lead string, ok bool) {
	if t.Type != fexpr.TokenIdentifier || strings.HasPrefix(t.Literal, "@") {
		return "", false
	}
	first, _, deeper := strings.Cut(t.Literal, ".")
	if !deeper {
		return self, first == core.FieldNameId && !isNew
	}
	if _, isRelation := c.Fields.GetByName(first).(*core.RelationField); isRelation {
		return first, true
	}
	return self, c.Fields.GetByName(first) == nil && strings.Contains(first, "_via_") && !isNew
}

// decidable reports whether the condition can be asked with nothing of the
// record but its lead.
func decidable(e fexpr.Expr, c *core.Collection, lead string, isNew bool) bool {
	return known(e.Left, c, lead, isNew) && known(e.Right, c, lead, isNew)
}

func known(t fexpr.Token, c *core.Collection, lead string, isNew bool) bool {
	switch t.Type {
	case fexpr.TokenText, fexpr.TokenNumber:
		return true
	case fexpr.TokenIdentifier:
	default:
		return false // a function of anything
	}
	for _, sent := range []string{"@request.body.", "@request.query.", "@request.headers.", "@request.context"} {
		if strings.HasPrefix(t.Literal, sent) {
			return false
		}
	}
	if strings.HasPrefix(t.Literal, "@") {
		return true
	}
	if from, ok := leadOf(t, c, isNew); ok {
		return from == lead
	}
	return isConstant(t.Literal)
}

func isConstant(literal string) bool {
	return literal == "true" || literal == "false" || literal == "null"
}

// holds asks whether there is a record behind the lead for which the condition
// holds.
func (j *judge) holds(ctx context.Context, c *core.Collection, lead, method, condition string) (bool, error) {
	info := &core.RequestInfo{Context: core.RequestInfoContextDefault, Method: method, Auth: j.caller}
	base := c
	db := j.app.ConcurrentDB()
	query := db.Select("(1)").From(c.Name)
	switch lead {
	case self:
	case "@":
		with := *c
		with.Name = "__openapi_caller"
		base, query = &with, db.Select("(1)").PreFragment("WITH {{"+with.Name+"}} AS (SELECT '' AS [[id]])").From(with.Name)
	default:
		field, _ := c.Fields.GetByName(lead).(*core.RelationField)
		target, err := j.app.FindCachedCollectionByNameOrId(field.CollectionId)
		if err != nil {
			return false, fmt.Errorf("find the collection of %s.%s: %w", c.Name, lead, err)
		}
		value := "[[t.id]]"
		if field.IsMultiple() {
			value = "json_array([[t.id]])"
		}
		with := *c
		with.Name = "__openapi_" + lead
		base = &with
		query = db.Select("(1)").From(with.Name).PreFragment(
			"WITH {{" + with.Name + "}} AS (SELECT '' AS [[id]], " + value + " AS [[" + lead + "]] FROM {{" + target.Name + "}} {{t}})")
	}
	resolver := core.NewRecordFieldResolver(j.app, base, info, true)
	expression, err := search.FilterData(condition).BuildExpr(resolver)
	if err != nil {
		return false, fmt.Errorf("read the rule %s: %w", condition, err)
	}
	query.AndWhere(expression)
	if err := resolver.UpdateQuery(query); err != nil {
		return false, fmt.Errorf("join for the rule %s: %w", condition, err)
	}
	var found []int
	if err := query.WithContext(ctx).Limit(1).Column(&found); err != nil {
		return false, fmt.Errorf("ask for the rule %s: %w", condition, err)
	}
	return len(found) > 0, nil
}
