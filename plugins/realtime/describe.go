package realtime

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

const (
	connectText = "\n\nA connection that asks to resume gets event ids that are positions. It comes back with the last of them, subscribes as ever, " +
		"and gets what it missed before anything new. Besides the events of records there are:\n" +
		"- `PB_POSITION` tells a quiet connection how far it is. Its id counts.\n" +
		"- An event of a subscription with the action `reset` says to load anew what is shown. It has no id.\n" +
		"- `PB_CLOSE` is the last one of a connection that the server ends, with `code` (`slow_client`, `slow_filter` or `lost_events`) and `message`."
	subscribeText = "\n\nWith `\"query\":{\"enterLeave\":\"true\"}` in its options, or the header `X-Enter-Leave: true` among them, a topic has two more actions: " +
		"`enter` for an update that makes a record match rule and filter, `leave` for one that makes it match no longer, with nothing but its " +
		"`id`, `collectionId` and `collectionName`."
)

// describe adds to what the document tells of PocketBase's routes what they do
// besides with the plugin.
func describe(app core.App) {
	text := &apidoc.Schema{Type: "string"}
	apidoc.Of(app).AddRule(apidoc.Rule{ID: registered, Apply: func(method, path string, op *apidoc.Operation) {
		switch method + " " + path {
		case "GET /api/realtime":
			op.Description += connectText
			op.Parameters = append(op.Parameters,
				apidoc.Parameter{Name: resumeOption, In: "query", Schema: text, Example: "true", Description: "`true` to get positions, or the id of the last event to go on from there."},
				apidoc.Parameter{Name: resumeHeader, In: "header", Schema: text, Description: "The same, for clients that can set headers."},
				apidoc.Parameter{Name: lastEventIDHeader, In: "header", Schema: text, Description: "The id of the last event, which counts before that in the address. An EventSource sends it by itself."},
			)
		case "POST /api/realtime":
			op.Description += subscribeText
		}
	}})
}
