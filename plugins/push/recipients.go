package push

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/search"
)

// Recipients are whom a message is for: all devices of some users, or chosen
// devices. Exactly one of the fields is set; the functions of this package do it.
type Recipients struct {
	Users    []User       `json:"users,omitempty" maxItems:"10000" doc:"All devices of these."`
	Devices  []string     `json:"devices,omitempty" maxItems:"10000" doc:"The ids of devices."`
	Topic    string       `json:"topic,omitempty" doc:"The devices that are subscribed to it."`
	Segment  *UserSegment `json:"segment,omitempty" doc:"All devices of the users for whom a filter holds when the message is due."`
	Everyone bool         `json:"everyone,omitempty" doc:"Every device."`
}

// User names a record of an auth collection.
type User struct {
	Collection string `json:"collection" doc:"The name or id of an auth collection."`
	ID         string `json:"id"`
}

// UserSegment are the users for whom a filter holds at the moment of sending.
type UserSegment struct {
	Collection string `json:"collection" doc:"The name or id of an auth collection."`
	// Filter is in PocketBase's language, with {:name} for values of Params.
	Filter string         `json:"filter,omitempty" doc:"As lists take it, with {:name} for values of params. Left out, it holds for all." example:"team = {:team}"`
	Params map[string]any `json:"params,omitempty"`
}

// Users are records of auth collections, at most 10,000.
func Users(records ...*core.Record) Recipients {
	r := Recipients{Users: []User{}}
	for _, record := range records {
		r.Users = append(r.Users, User{Collection: record.Collection().Id, ID: record.Id})
	}
	return r
}

// UserIDs are records of one auth collection, at most 10,000.
func UserIDs(collection string, ids ...string) Recipients {
	r := Recipients{Users: []User{}}
	for _, id := range ids {
		r.Users = append(r.Users, User{Collection: collection, ID: id})
	}
	return r
}

// Devices are devices by their ids, at most 10,000.
func Devices(ids ...string) Recipients { return Recipients{Devices: append([]string{}, ids...)} }

// Topic are the devices that are subscribed to a topic.
func Topic(name string) Recipients { return Recipients{Topic: name} }

// Segment are the records of an auth collection for which a filter holds when the
// message is due. An empty filter holds for all.
func Segment(collection, filter string, params map[string]any) Recipients {
	return Recipients{Segment: &UserSegment{Collection: collection, Filter: filter, Params: params}}
}

// Everyone is every device.
func Everyone() Recipients { return Recipients{Everyone: true} }

// none tells that there is nobody to tell.
func (r Recipients) none() bool {
	return r.Topic == "" && r.Segment == nil && !r.Everyone && len(r.Users)+len(r.Devices) == 0
}

// resolved returns the recipients with ids for names, or what is wrong with them.
func (r Recipients) resolved(app core.App) (Recipients, error) {
	chosen := 0
	for _, set := range []bool{r.Users != nil, r.Devices != nil, r.Topic != "", r.Segment != nil, r.Everyone} {
		if set {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return r, errors.New("it needs one sort of recipients")
	case len(r.Users) > maxRecipients || len(r.Devices) > maxRecipients:
		return r, fmt.Errorf("at most %d can be named one by one", maxRecipients)
	case r.Topic != "" && !topicName.MatchString(r.Topic):
		return r, fmt.Errorf("%q is not the name of a topic", r.Topic)
	case r.Segment != nil:
		c, err := authCollection(app, r.Segment.Collection)
		if err != nil {
			return r, err
		}
		segment := *r.Segment
		segment.Collection = c.Id
		r.Segment = &segment
		_, _, err = segment.query(app)
		return r, err
	}
	users := make([]User, len(r.Users))
	for i, u := range r.Users {
		c, err := authCollection(app, u.Collection)
		if err != nil {
			return r, err
		}
		users[i] = User{Collection: c.Id, ID: u.ID}
	}
	if r.Users != nil {
		r.Users = users
	}
	return r, nil
}

func authCollection(app core.App, nameOrID string) (*core.Collection, error) {
	c, err := app.FindCachedCollectionByNameOrId(nameOrID)
	if err != nil || !c.IsAuth() {
		return nil, fmt.Errorf("there is no auth collection %q", nameOrID)
	}
	return c, nil
}

// condition is SQL that holds for the devices d of the recipients. It reads each
// of them once for all pages together, except that a segment is evaluated for each.
func (r Recipients) condition(app core.App) (sql string, params dbx.Params, err error) {
	params = dbx.Params{}
	switch {
	case r.Everyone:
		return "TRUE", params, nil
	case r.Topic != "":
		params["topic"] = r.Topic
		return "EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(d.topics) THEN d.topics ELSE '[]' END) WHERE value = {:topic})", params, nil
	case r.Segment != nil:
		users, params, err := r.Segment.query(app)
		if err != nil {
			return "", nil, err
		}
		params["segment"] = r.Segment.Collection
		return "d.[[userCollection]] = {:segment} AND d.[[user]] IN (" + users + ")", params, nil
	case r.Devices != nil:
		params["devices"] = list(r.Devices)
		return "d.id IN (SELECT value FROM json_each({:devices}))", params, nil
	}
	encoded, err := json.Marshal(r.Users)
	if err != nil {
		return "", nil, fmt.Errorf("push: encode users: %w", err)
	}
	params["users"] = string(encoded)
	return "d.id IN (SELECT x.id FROM json_each({:users}) u JOIN {{" + Collection + "}} x" +
		" ON x.[[userCollection]] = json_extract(u.value, '$.collection') AND x.[[user]] = json_extract(u.value, '$.id'))", params, nil
}

// query is SQL for the ids of the users of a segment, as PocketBase filters them.
func (s UserSegment) query(app core.App) (string, dbx.Params, error) {
	c, err := authCollection(app, s.Collection)
	if err != nil {
		return "", nil, err
	}
	q := app.ConcurrentDB().Select("{{" + c.Name + "}}.[[id]]").From(c.Name)
	if s.Filter != "" {
		resolver := core.NewRecordFieldResolver(app, c, nil, true)
		expression, err := search.FilterData(s.Filter).BuildExpr(resolver, dbx.Params(s.Params))
		if err != nil {
			return "", nil, fmt.Errorf("the filter does not fit %s: %w", c.Name, err)
		}
		q.AndWhere(expression)
		if err := resolver.UpdateQuery(q); err != nil {
			return "", nil, fmt.Errorf("the filter does not fit %s: %w", c.Name, err)
		}
	}
	built := q.Build()
	params := dbx.Params{}
	for name, value := range built.Params() {
		params[name] = value
	}
	return built.SQL(), params, nil
}
