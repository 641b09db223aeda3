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
	UserFieldName            = "name"
	UserFieldAvatar          = "avatar"
	UserFieldPhone           = "phone"
	UserFieldLocale          = "locale"
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

// Name is the name field: text, at most 120 characters.
func (r *User) Name() string {
	return r.GetString(UserFieldName)
}

// SetName sets the name field.
func (r *User) SetName(value string) {
	r.Set(UserFieldName, value)
}

// Avatar is the avatar field: name of a file.
func (r *User) Avatar() string {
	return r.GetString(UserFieldAvatar)
}

// SetAvatar sets the avatar field: a new *filesystem.File, the name of the stored file to keep it, or nil.
func (r *User) SetAvatar(value any) {
	r.Set(UserFieldAvatar, value)
}

// Phone is the phone field: text, at most 32 characters.
func (r *User) Phone() string {
	return r.GetString(UserFieldPhone)
}

// SetPhone sets the phone field.
func (r *User) SetPhone(value string) {
	r.Set(UserFieldPhone, value)
}

// Locale is the locale field: text, at most 16 characters.
func (r *User) Locale() string {
	return r.GetString(UserFieldLocale)
}

// SetLocale sets the locale field.
func (r *User) SetLocale(value string) {
	r.Set(UserFieldLocale, value)
}

// Created is the created field: when the record was created.
func (r *User) Created() types.DateTime {
	return r.GetDateTime(UserFieldCreated)
}

// Updated is the updated field: when the record was last saved.
func (r *User) Updated() types.DateTime {
	return r.GetDateTime(UserFieldUpdated)
}
