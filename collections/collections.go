// Package collections is the reference app's schema: one file a collection, and
// the record types that are generated from them.
//
// The definitions are the truth. After a change run
//
//	go generate ./collections
//	go run . collections plan
//	go run . collections migrate NAME
package collections

import "github.com/holdall-go/holdall/plugins/schema"

//go:generate go run ./gen

// All returns the definitions in an order in which each relation's target
// stands before it.
func All() []schema.Collection {
	return []schema.Collection{
		users(),
		organizations(),
		memberships(),
		sites(),
		workOrders(),
		notes(),
		photos(),
	}
}
