package protect

import (
	"strings"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// nameReadOnly is the answer in the document.
const nameReadOnly = "ReadOnly"

// describe tells of the refusal, on the operations that have it.
func (p *Plugin) describe() {
	apidoc.Of(p.app).AddRule(apidoc.Rule{
		ID: registered,
		Components: func(all *apidoc.Components) {
			answer := all.Responses["BadRequest"]
			answer.Description = "Service Unavailable.\n\n- `data.code` is `" + CodeReadOnly + "` if the server takes no changes at the moment, " +
				"because its disk is nearly full or cannot be written to. Nothing was changed."
			answer.Headers = map[string]apidoc.Header{"Retry-After": {
				Schema: &apidoc.Schema{Type: "integer"}, Description: "After how many seconds to try again.",
			}}
			all.Responses[nameReadOnly] = answer
		},
		Apply: func(method, path string, op *apidoc.Operation) {
			if _, said := op.Responses["503"]; said || isRead(method) || !strings.HasPrefix(path, "/api/") || p.allowed[method+" "+path] {
				return
			}
			op.Responses["503"] = apidoc.Response{Ref: "#/components/responses/" + nameReadOnly}
		},
	})
}
