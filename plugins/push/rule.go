package push

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/changes"
)

// The things that happen to records.
const (
	ActionCreate = "create"
	ActionUpdate = "update"
	ActionDelete = "delete"
)

// Rule sends a message when records change: whom it is about, in which cases, and
// what it says.
//
//	push.Rule{
//		Name: "assigned", Collection: "work_orders", Changed: []string{"assignee"}, To: "assignee", ExceptActor: true,
//		Message: push.Message{Title: `New order: {{.Value "title"}}`, Body: `{{.Value "site.name"}}`, Link: "/orders/{{.Record.Id}}"},
//	}
type Rule struct {
	// Name tells the rule from others, and must not change.
	Name string

	// Collection is that of the records.
	Collection string

	// On are the actions that matter. None means creations and updates.
	On []string

	// Changed are fields of which an update must have changed one. None means any.
	Changed []string

	// When decides whether to send. nil is always.
	When func(e Event) (bool, error)

	// To is the path from the record to its users: a relation such as "assignee",
	// or through others, such as "site.organization.memberships_via_organization.user".
	// "id" is the record itself, if it is a user.
	To string

	// Recipients is for what a path cannot say, in place of To. Recipients{} is nobody.
	Recipients func(e Event) (Recipients, error)

	// ExceptActor leaves out of the users of To who has made the change.
	ExceptActor bool

	// Message is what to send. Its texts, links, picture, collapse key and the
	// values of its data are templates of package text/template over an [Event].
	// Its TTL begins with the change. It has no To, Key and At.
	Message Message
}

// Event is a change for which a rule may send a message.
type Event struct {
	App    core.App
	Action string // create, update or delete
	// Record is as it is after the change, or was before it was deleted. Old is as
	// it was before an update, and nil otherwise.
	Record *core.Record
	Old    *core.Record
	// Actor made the change, if it was made by a request of somebody signed in.
	Actor User
	At    time.Time
}

// Value is a field of the record, or of what it is related to, as text:
// "title", "site.name". Several values have commas between them.
func (e Event) Value(path string) (string, error) { return valueOf(e.App, e.Record, path) }

// OldValue is Value before an update, and empty otherwise.
func (e Event) OldValue(path string) (string, error) {
	if e.Old == nil {
		return "", nil
	}
	return valueOf(e.App, e.Old, path)
}

func valueOf(app core.App, record *core.Record, path string) (string, error) {
	records, field, err := follow(app, record, path)
	if err != nil {
		return "", err
	}
	var values []string
	for _, r := range records {
		if r.Collection().Fields.GetByName(field) == nil {
			return "", fmt.Errorf("%s has no field %s", r.Collection().Name, field)
		}
		values = append(values, r.GetStringSlice(field)...)
	}
	return strings.Join(values, ", "), nil
}

// follow returns the records that a path leads to, and the field at its end.
func follow(app core.App, record *core.Record, path string) ([]*core.Record, string, error) {
	records, field := []*core.Record{record}, path
	cut := strings.LastIndexByte(path, '.')
	if cut < 0 {
		return records, field, nil
	}
	relations, field := path[:cut], path[cut+1:]
	for name, err := range app.ExpandRecord(record, []string{relations}, nil) {
		return nil, "", fmt.Errorf("follow %s: %w", name, err)
	}
	for _, name := range strings.Split(relations, ".") {
		var next []*core.Record
		for _, r := range records {
			next = append(next, r.ExpandedAll(name)...)
		}
		records = next
	}
	return records, field, nil
}

// usersAt returns the users that a path leads to, each once.
func usersAt(app core.App, record *core.Record, path string) ([]User, error) {
	records, field, err := follow(app, record, path)
	if err != nil {
		return nil, err
	}
	var users []User
	for _, r := range records {
		if field == core.FieldNameId && r.Collection().IsAuth() {
			users = append(users, User{Collection: r.Collection().Id, ID: r.Id})
			continue
		}
		relation, ok := r.Collection().Fields.GetByName(field).(*core.RelationField)
		if !ok {
			return nil, fmt.Errorf("%s.%s is no relation", r.Collection().Name, field)
		}
		for _, id := range r.GetStringSlice(field) {
			users = append(users, User{Collection: relation.CollectionId, ID: id})
		}
	}
	slices.SortFunc(users, func(a, b User) int { return strings.Compare(a.Collection+a.ID, b.Collection+b.ID) })
	return slices.Compact(users), nil
}

var ruleName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,60}$`)

func (r Rule) check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("push: rule %q: "+format, append([]any{r.Name}, args...)...))
		}
	}
	refuse(!ruleName.MatchString(r.Name), "Name must be 1..60 letters, digits and _.-")
	refuse(r.Collection == "", "Collection is missing")
	for _, action := range r.On {
		refuse(!slices.Contains([]string{ActionCreate, ActionUpdate, ActionDelete}, action), "On must be create, update and delete, got %q", action)
	}
	refuse((r.To == "") == (r.Recipients == nil), "it needs To or Recipients, and not both")
	m := r.Message
	refuse(m.Key != "" || !m.At.IsZero() || !m.To.none(), "Message must not have To, Key and At")
	if err := m.check(time.Now()); err != nil {
		refuse(true, "Message: %w", err)
	}
	_, err := r.texts()
	refuse(err != nil, "Message: %w", err)
	return errors.Join(errs...)
}

// texts returns the message with each text as its template.
func (r Rule) texts() (map[string]*template.Template, error) {
	texts := map[string]*template.Template{}
	var errs []error
	_, _ = r.Message.rendered(func(text string) (string, error) {
		parsed, err := template.New(r.Name).Parse(text)
		errs = append(errs, err)
		texts[text] = parsed
		return text, nil
	})
	return texts, errors.Join(errs...)
}

// rendered returns the message with another text for each of its texts.
func (m Message) rendered(render func(string) (string, error)) (Message, error) {
	var errs []error
	do := func(text string) string {
		if text == "" {
			return ""
		}
		text, err := render(text)
		errs = append(errs, err)
		return text
	}
	m.Title, m.Body, m.Image, m.Link, m.CollapseKey = do(m.Title), do(m.Body), do(m.Image), do(m.Link), do(m.CollapseKey)
	locales := map[string]Text{}
	for locale, text := range m.Locales {
		locales[locale] = Text{Title: do(text.Title), Body: do(text.Body)}
	}
	data := map[string]string{}
	for name, value := range m.Data {
		data[name] = do(value)
	}
	m.Locales, m.Data = locales, data
	return m, errors.Join(errs...)
}

// consumerName names the plugin's position in the change log.
const consumerName = "push"

// consume makes the log hand over each change of the collections that there are
// rules for. The position moves on once the messages of a change are stored. A rule
// that goes on failing keeps others waiting for three minutes; then the change is
// among the dead of the log.
func (p *Plugin) consume() error {
	if len(p.config.Rules) == 0 {
		return nil
	}
	var collections []string
	for _, r := range p.config.Rules {
		texts, err := r.texts()
		if err != nil {
			return err
		}
		p.rules = append(p.rules, rule{Rule: r, texts: texts})
		collections = append(collections, r.Collection)
	}
	return p.config.Log.Consume(changes.Consumer{
		Name: consumerName, Collections: collections, History: true, MaxAttempts: 10, Handle: p.capture,
		Backoff: func(attempts int) time.Duration { return doubled(time.Second, 30*time.Second, attempts) },
	})
}

// rule is a rule with its templates parsed.
type rule struct {
	Rule
	texts map[string]*template.Template
}

// capture sends the messages of a change. It may be called again for the same
// change, and then finds the keys of what it has sent taken.
func (p *Plugin) capture(_ context.Context, change changes.Change) error {
	collection, err := p.app.FindCachedCollectionByNameOrId(change.Collection)
	if err != nil {
		return nil //nolint:nilerr // of a collection that is gone there is nothing to tell
	}
	var errs []error
	for _, r := range p.rules {
		if r.Collection != collection.Name && r.Collection != collection.Id {
			continue
		}
		if err := p.apply(r, collection, change); err != nil {
			errs = append(errs, fmt.Errorf("push: rule %s: %w", r.Name, err))
		}
	}
	return errors.Join(errs...)
}

// apply sends the message of one rule, if it has one for the change.
func (p *Plugin) apply(r rule, collection *core.Collection, change changes.Change) error {
	e, changed, err := newEvent(p.app, collection, change)
	if err != nil || !r.wants(e, changed) {
		return err
	}
	if r.When != nil {
		if ok, err := r.When(e); err != nil || !ok {
			return err
		}
	}
	to, err := r.recipients(e)
	if err != nil || to.none() {
		return err
	}
	m, err := r.Message.rendered(func(text string) (string, error) {
		var out strings.Builder
		err := r.texts[text].Execute(&out, e)
		return out.String(), err
	})
	if err != nil {
		return err
	}
	m.To, m.Key = to, "rule:"+r.Name+":"+strconv.FormatInt(change.Seq, 10)
	if m.TTL == 0 {
		m.TTL = p.config.TTL
	}
	if age := p.now().Sub(change.At); age > 0 { // the server may have been down
		m.TTL -= age
	}
	if m.TTL <= 0 {
		return nil
	}
	_, err = p.Send(p.app, m)
	return err
}

// wants tells whether the rule is about the change.
func (r rule) wants(e Event, changed []string) bool {
	on := r.On
	if len(on) == 0 {
		on = []string{ActionCreate, ActionUpdate}
	}
	if !slices.Contains(on, e.Action) {
		return false
	}
	return e.Action != ActionUpdate || len(r.Changed) == 0 || slices.ContainsFunc(r.Changed, func(name string) bool { return slices.Contains(changed, name) })
}

func (r rule) recipients(e Event) (Recipients, error) {
	if r.Recipients != nil {
		return r.Rule.Recipients(e)
	}
	users, err := usersAt(e.App, e.Record, r.To)
	if err != nil {
		return Recipients{}, err
	}
	if r.ExceptActor {
		users = slices.DeleteFunc(users, func(u User) bool { return u == e.Actor })
	}
	return Recipients{Users: users}, nil
}
