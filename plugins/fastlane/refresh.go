package fastlane

import "github.com/pocketbase/pocketbase/core"

// refreshPattern is the route by which clients renew their tokens. PocketBase answers
// it, with all that is bound to it; half of its time goes into finding out who asks,
// which the lane knows.
const refreshPattern = "POST /api/collections/{collection}/auth-refresh"

// signsIn tells whether the lane finds out who asks on a route.
func signsIn(pattern string) bool {
	_, known := routes[pattern]
	return known || pattern == refreshPattern
}

// own returns the record of the caller as it was read. Handlers of one request may do
// with it what they like: PocketBase changes the value of a password in place when it
// saves a record, so that each has one of its own.
func (k *known) own() *core.Record {
	record := k.record.Original()
	for _, field := range k.collection.Fields {
		if _, ok := field.(*core.PasswordField); !ok {
			continue
		}
		if kept, ok := record.GetRaw(field.GetName()).(*core.PasswordFieldValue); ok {
			value := *kept
			record.SetRaw(field.GetName(), &value)
		}
	}
	return record
}
