// Code generated from the collection definitions. DO NOT EDIT.

package collections

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Users is the name of the collection of [User] records.
const Users = "users"

// Names of the fields of [User] records.
const (
	UserFieldID              = "id"
	UserFieldPassword        = "password"
	UserFieldTokenKey        = "tokenKey"
	UserFieldEmail           = "email"
	UserFieldEmailVisibility = "emailVisibility"
	UserFieldVerified        = "verified"
	UserFieldUsername        = "username"
	UserFieldBio             = "bio"
	UserFieldImage           = "image"
	UserFieldKeptToken       = "keptToken"
	UserFieldCreated         = "created"
	UserFieldUpdated         = "updated"
)

// User is a record of the users collection.
type User struct{ core.BaseRecordProxy }

// NewUser returns a new, unsaved User. It fails when the collection cannot be found.
func NewUser(app core.App) (*User, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Users)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Users, err)
	}
	return UserOf(core.NewRecord(collection)), nil
}

// UserOf wraps a record of the users collection.
func UserOf(record *core.Record) *User {
	r := &User{}
	r.SetProxyRecord(record)
	return r
}

// FindUserById returns the User with the id, or [database/sql.ErrNoRows] when there is none.
func FindUserById(app core.App, id string) (*User, error) {
	record, err := app.FindRecordById(Users, id)
	if err != nil {
		return nil, err
	}
	return UserOf(record), nil
}

// Username is the username field: text, at most 64 characters, required.
func (r *User) Username() string {
	return r.GetString(UserFieldUsername)
}

// SetUsername sets the username field.
func (r *User) SetUsername(value string) {
	r.Set(UserFieldUsername, value)
}

// Bio is the bio field: text, at most 2000 characters.
func (r *User) Bio() string {
	return r.GetString(UserFieldBio)
}

// SetBio sets the bio field.
func (r *User) SetBio(value string) {
	r.Set(UserFieldBio, value)
}

// Image is the image field: text, at most 2000 characters.
func (r *User) Image() string {
	return r.GetString(UserFieldImage)
}

// SetImage sets the image field.
func (r *User) SetImage(value string) {
	r.Set(UserFieldImage, value)
}

// KeptToken is the keptToken field: text, at most 64 characters, hidden from the API.
func (r *User) KeptToken() string {
	return r.GetString(UserFieldKeptToken)
}

// SetKeptToken sets the keptToken field.
func (r *User) SetKeptToken(value string) {
	r.Set(UserFieldKeptToken, value)
}

// Created is the created field: when the record was created.
func (r *User) Created() types.DateTime {
	return r.GetDateTime(UserFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *User) Updated() types.DateTime {
	return r.GetDateTime(UserFieldUpdated)
}
