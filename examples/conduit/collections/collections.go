// Package collections is Conduit's schema: one file a collection, and the record
// types that are generated from them.
//
// Every rule is locked, so that only superusers reach these collections through
// PocketBase's own API. Everybody else has the routes of the contract.
//
// The definitions are the truth. After a change run
//
//	go generate ./examples/conduit/collections
package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/holdall-go/holdall/plugins/schema"
)

//go:generate go run ./gen

// The longest texts, in characters. The contract names none; these keep one
// client from filling the disk.
const (
	MaxUsername    = 64
	MaxEmail       = 254
	MaxBio         = 2000
	MaxImage       = 2000
	MaxTitle       = 200
	MaxDescription = 1000
	MaxBody        = 100_000
	MaxTag         = 50
	MaxComment     = 10_000
)

// The bounds of a password. The upper one is in bytes, and is that of bcrypt.
const (
	MinPassword = 8
	MaxPassword = 71
)

// All returns the definitions in an order in which each relation's target
// stands before it.
func All() []schema.Collection {
	return []schema.Collection{
		users(),
		follows(),
		articles(),
		articleTags(),
		favorites(),
		comments(),
		counters(),
	}
}

// to is a required relation to one record, which takes this one along when it
// is deleted.
func to(name, collection string) *core.RelationField {
	return &core.RelationField{Name: name, CollectionId: collection, Required: true, MaxSelect: 1, CascadeDelete: true}
}

// timestamps are when a record was created and last saved.
func timestamps() []core.Field {
	return []core.Field{
		&core.AutodateField{Name: "created", OnCreate: true},
		&core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true},
	}
}
