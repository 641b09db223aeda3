package versions

import (
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"
	"github.com/pocketbase/pocketbase/tools/router"
	"github.com/spf13/cast"
)

// batched is one request of a batch.
type batched struct {
	collection *core.Collection // nil if it is none of a record
	pick       *pick
}

// batchedPath is what the requests of a batch may be for.
var batchedPath = regexp.MustCompile(`^/api/collections/([^/?]+)/records(/[^/?]+)?$`)

// changeBatch makes the requests of a batch ones of the newest version.
func (p *Plugin) changeBatch(e *core.BatchRequestEvent) error {
	c, ok := e.Get(callKey).(*call)
	if !ok || c.t.identical() {
		return e.Next()
	}
	c.batch = make([]batched, len(e.Batch))
	for i, request := range e.Batch {
		if request == nil {
			continue
		}
		if err := c.changeBatched(e, i, request); err != nil {
			return batchError(i, err)
		}
	}
	return e.Next()
}

// batchError is how PocketBase refuses a batch for one of its requests.
func batchError(i int, err error) error {
	answer := router.ToApiError(err)
	refused := router.NewBadRequestError("Batch transaction failed.", nil)
	refused.Data = map[string]any{"requests": map[string]any{strconv.Itoa(i): map[string]any{
		"code": "batch_request_failed", "message": "Batch request failed.", "response": answer,
	}}}
	return refused
}

func (c *call) changeBatched(e *core.BatchRequestEvent, i int, request *core.InternalRequest) error {
	path, query, _ := strings.Cut(request.URL, "?")
	match := batchedPath.FindStringSubmatch(path)
	if match == nil {
		return nil
	}
	collection := c.t.collection(match[1])
	if collection == nil {
		return nil
	}
	c.batch[i].collection = collection
	if query != "" {
		var auth *core.Collection
		if e.Auth != nil {
			auth = e.Auth.Collection()
		}
		changed, asked, err := c.t.rewriteQuery(collection, query, "", auth)
		if err != nil {
			return err
		}
		c.batch[i].pick = asked
		request.URL = path + "?" + changed
	}
	plan := c.t.plan(collection)
	if plan == nil || request.Body == nil {
		return nil
	}
	body, files := map[string]any{}, map[string]any{}
	for name, value := range request.Body {
		switch value.(type) {
		case *filesystem.File, []*filesystem.File:
			if !plan.isNew(name) {
				files[plan.renamed(name)] = value
			}
		default:
			body[name] = value
		}
	}
	changed, err := c.t.mapBody(plan, body, createsOne(e.App, collection, request))
	if err != nil {
		return err
	}
	maps.Copy(changed, files)
	request.Body = changed
	return nil
}

// createsOne tells whether a request of a batch makes a record. PUT does unless
// there is one.
func createsOne(app core.App, c *core.Collection, request *core.InternalRequest) bool {
	switch strings.ToUpper(request.Method) {
	case "POST":
		return true
	case "PUT":
		id := cast.ToString(request.Body["id"])
		if id == "" {
			return true
		}
		_, err := app.FindRecordById(c, id)
		return err != nil
	}
	return false
}

// appendBatch appends the answers to a batch.
func (c *call) appendBatch(out, body []byte, i int) ([]byte, int, error) {
	out = append(out, '[')
	index := 0
	end, err := eachItem(body, i, func(start, end int) error {
		if index > 0 {
			out = append(out, ',')
		}
		one := call{t: c.t, shape: oneRecord}
		if index < len(c.batch) {
			one.collection, one.pick = c.batch[index].collection, c.batch[index].pick
		}
		index++
		if one.collection == nil {
			out = append(out, body[start:end]...)
			return nil
		}
		var err error
		out, _, err = one.appendWith(out, body, start, "body")
		return err
	})
	return append(out, ']'), end, err
}

// batchErrors gives the fields in the refusal of a batch the names that the client
// knows.
func (c *call) batchErrors(data map[string]any) map[string]any {
	requests, ok := data["requests"].(map[string]any)
	if !ok {
		return data
	}
	changed := maps.Clone(requests)
	for index, problem := range requests {
		i, err := strconv.Atoi(index)
		item, ok := problem.(map[string]any)
		if err != nil || !ok || i < 0 || i >= len(c.batch) || c.batch[i].collection == nil {
			continue
		}
		if answer, ok := item["response"].(*router.ApiError); ok && answer != nil {
			renamed := router.NewApiError(answer.Status, answer.Message, nil)
			renamed.Data = c.t.namesBefore(c.batch[i].collection, answer.Data)
			item = maps.Clone(item)
			item["response"] = renamed
			changed[index] = item
		}
	}
	data = maps.Clone(data)
	data["requests"] = changed
	return data
}
