package requestlog

import (
	"maps"

	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/internal/apidoc"
)

// describe tells of the header that every answer has.
func describe(app core.App) {
	reference := apidoc.Header{Ref: "#/components/headers/" + requestIDHeader}
	alone := map[string]apidoc.Header{requestIDHeader: reference} // most answers have no other
	with := func(headers map[string]apidoc.Header) map[string]apidoc.Header {
		if len(headers) == 0 {
			return alone
		}
		all := maps.Clone(headers)
		all[requestIDHeader] = reference
		return all
	}
	maximum := maxID
	apidoc.Of(app).AddRule(apidoc.Rule{ID: registered, Document: func(d *apidoc.Document) {
		if d.Components.Headers == nil {
			d.Components.Headers = map[string]apidoc.Header{}
		}
		d.Components.Headers[requestIDHeader] = apidoc.Header{
			Description: "The id of the request in the server's log. A request that brings one in this header keeps it, if it has no more than 128 letters, digits and -_.:/+=@.",
			Schema:      &apidoc.Schema{Type: "string", MaxLength: &maximum},
		}
		for name, r := range d.Components.Responses {
			r.Headers = with(r.Headers)
			d.Components.Responses[name] = r
		}
		for _, path := range d.Paths {
			for _, op := range path.Operations {
				for status, r := range op.Responses {
					if r.Ref == "" {
						r.Headers = with(r.Headers)
						op.Responses[status] = r
					}
				}
			}
		}
	}})
}
