package idempotency

import (
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// The names in the document of what several operations have.
const (
	nameKey         = "idempotencyKey"
	nameIfMatch     = "ifMatch"
	nameIfNoneMatch = "ifNoneMatch"

	nameKeyInvalid   = "KeyInvalid"
	nameKeyConflict  = "KeyConflict"
	nameKeyReused    = "KeyReused"
	nameTooLong      = "TransactionTooLong"
	namePrecondition = "PreconditionFailed"
)

// further is what is said of refusals, after what else is said of their statuses.
var further = map[string]string{
	nameKeyInvalid:   "- `data.code` is `" + codeKeyInvalid + "` if the Idempotency-Key is none.",
	nameKeyConflict:  "- `data.code` is `" + codeInProgress + "` while the first request with the Idempotency-Key runs. Try again later.\n- `data.code` is `" + codeNotKept + "` if it was done and its answer was not kept.",
	nameKeyReused:    "- `data.code` is `" + codeKeyReused + "` if the Idempotency-Key came with another request before.",
	nameTooLong:      "- `data.code` is `" + codeTooLong + "` if the request took too long and was undone. Try again later.",
	namePrecondition: "- `data.code` is `" + codePrecondition + "` if the record is not what If-Match says. Read it again.",
}

// describe tells of the headers and refusals, on the operations that have them.
func (p *Plugin) describe(app core.App) {
	apidoc.Of(app).AddRule(apidoc.Rule{ID: registered, Components: addComponents, Apply: func(method, path string, op *apidoc.Operation) {
		r := describedRoute(method, path)
		r.keyed = r.keyed && !p.skipsPath(path)
		if r.keyed {
			parameter(op, nameKey)
			header(op, replayedHeader)
			refuse(op, http.StatusBadRequest, nameKeyInvalid)
			refuse(op, http.StatusConflict, nameKeyConflict)
			refuse(op, http.StatusUnprocessableEntity, nameKeyReused)
		}
		if r.match {
			parameter(op, nameIfMatch)
			refuse(op, http.StatusPreconditionFailed, namePrecondition)
		}
		if r.keyed || r.match {
			refuse(op, http.StatusServiceUnavailable, nameTooLong)
		}
		if r.tagged {
			header(op, "ETag")
		}
		if r.tagged && method == http.MethodGet {
			parameter(op, nameIfNoneMatch)
			op.Responses["304"] = apidoc.Response{
				Description: "The caller has the answer already.",
				Headers:     map[string]apidoc.Header{"ETag": {Ref: "#/components/headers/ETag"}},
			}
		}
	}})
}

var recordPath = regexp.MustCompile(`^/api/collections/[^/{}]+/records(/\{id\})?$`)

// describedRoute is routeOf for an operation of the document.
func describedRoute(method, path string) route {
	if match := recordPath.FindStringSubmatch(path); match != nil {
		path = "/api/collections/{collection}/records" + match[1]
	}
	return routeOfPattern(method, method+" "+path)
}

func addComponents(c *apidoc.Components) {
	text := func(maximum int) *apidoc.Schema {
		s := &apidoc.Schema{Type: "string"}
		if maximum > 0 {
			s.MaxLength = &maximum
		}
		return s
	}
	maps.Copy(c.Parameters, map[string]apidoc.Parameter{
		nameKey: {
			Name: keyHeader, In: "header", Schema: text(2*maxKey + 2), Example: "8e03978e-40d5-43dd-bc93-6894a57f9324",
			Description: "Makes the request safe to repeat: whatever it does happens once for a key of up to 255 printable ASCII characters, such as a UUID, and every repetition gets the first answer.",
		},
		nameIfMatch: {
			Name: "If-Match", In: "header", Schema: text(0),
			Description: "The ETag of the record as the caller knows it. If it has changed since, nothing happens.",
		},
		nameIfNoneMatch: {
			Name: "If-None-Match", In: "header", Schema: text(0),
			Description: "The ETag of an answer that the caller has. It is not sent again if it would be the same.",
		},
	})
	if c.Headers == nil {
		c.Headers = map[string]apidoc.Header{}
	}
	maps.Copy(c.Headers, map[string]apidoc.Header{
		replayedHeader: {
			Schema:      &apidoc.Schema{Type: "string", Enum: []any{"true", "false"}},
			Description: "Whether this is the answer to an earlier request with the key. Without a key there is no such header.",
		},
		"ETag": {Schema: text(0), Description: "Changes when the record does."},
		"Retry-After": {
			Schema: &apidoc.Schema{Type: "integer"}, Description: "After how many seconds to try again.",
		},
	})
	general := c.Responses["BadRequest"]
	for name, status := range map[string]int{
		nameKeyInvalid: http.StatusBadRequest, nameKeyConflict: http.StatusConflict, nameKeyReused: http.StatusUnprocessableEntity,
		nameTooLong: http.StatusServiceUnavailable, namePrecondition: http.StatusPreconditionFailed,
	} {
		answer := general
		if status != http.StatusBadRequest {
			answer.Description = http.StatusText(status) + "."
		}
		answer.Description += "\n\n" + further[name]
		if name == nameKeyConflict || name == nameTooLong {
			answer.Headers = map[string]apidoc.Header{"Retry-After": {Ref: "#/components/headers/Retry-After"}}
		}
		c.Responses[name] = answer
	}
}

func parameter(op *apidoc.Operation, name string) {
	op.Parameters = append(op.Parameters, apidoc.Parameter{Ref: "#/components/parameters/" + name})
}

// header adds a header to the answers of success.
func header(op *apidoc.Operation, name string) {
	for status, answer := range op.Responses {
		if !strings.HasPrefix(status, "2") || answer.Ref != "" {
			continue
		}
		headers := maps.Clone(answer.Headers)
		if headers == nil {
			headers = map[string]apidoc.Header{}
		}
		headers[name] = apidoc.Header{Ref: "#/components/headers/" + name}
		answer.Headers = headers
		op.Responses[status] = answer
	}
}

// refuse adds a refusal: the common one where nothing particular is said of its
// status, else after what is said.
func refuse(op *apidoc.Operation, status int, name string) {
	key := strconv.Itoa(status)
	answer, said := op.Responses[key]
	if said && answer.Ref == "" {
		answer.Description += "\n" + further[name]
		op.Responses[key] = answer
		return
	}
	op.Responses[key] = apidoc.Response{Ref: "#/components/responses/" + name}
}
