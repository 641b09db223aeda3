// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Oddities is the name of the collection of [Oddity] records.
const Oddities = "oddities"

// Names of the fields of [Oddity] records.
const (
	OddityFieldID              = "id"
	OddityFieldCollection      = "collection"
	OddityFieldClone           = "clone"
	OddityFieldSet             = "set"
	OddityFieldRaw             = "raw"
	OddityFieldProxyRecord     = "proxyRecord"
	OddityFieldRecord          = "record"
	OddityFieldBaseRecordProxy = "baseRecordProxy"
	OddityFieldTableName       = "tableName"
	OddityFieldEmail           = "email"
	OddityFieldVerified        = "verified"
	OddityFieldSetName         = "set_name"
	OddityFieldName            = "name"
	OddityFieldFooBar          = "foo_bar"
	OddityFieldFooBar2         = "fooBar"
	OddityFieldFooBar3         = "foo__bar"
	OddityFieldFunc            = "func"
	OddityFieldType            = "type"
	OddityField2fa             = "2fa"
	OddityFieldUnnamed         = "_"
	OddityFieldIDs             = "ids"
	OddityFieldXMLURLList      = "xml_url_list"
	OddityFieldOne             = "one"
	OddityFieldExpandedTwo     = "expandedTwo"
	OddityFieldTwo             = "two"
	OddityFieldField           = "field"
)

// Values of the field field of [Oddity] records.
const (
	OddityFieldName2 = "name"
	OddityFieldOther = "other"
)

// Oddity is a record of the oddities collection.
type Oddity struct{ core.BaseRecordProxy }

// NewOddity returns a new, unsaved Oddity. It fails when the collection cannot be found.
func NewOddity(app core.App) (*Oddity, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Oddities)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Oddities, err)
	}
	return OddityOf(core.NewRecord(collection)), nil
}

// OddityOf wraps a record of the oddities collection.
func OddityOf(record *core.Record) *Oddity {
	r := &Oddity{}
	r.SetProxyRecord(record)
	return r
}

// FindOddityById returns the Oddity with the id, or [database/sql.ErrNoRows] when there is none.
func FindOddityById(app core.App, id string) (*Oddity, error) {
	record, err := app.FindRecordById(Oddities, id)
	if err != nil {
		return nil, err
	}
	return OddityOf(record), nil
}

// CollectionValue is the collection field: text.
func (r *Oddity) CollectionValue() string {
	return r.GetString(OddityFieldCollection)
}

// SetCollectionValue sets the collection field.
func (r *Oddity) SetCollectionValue(value string) {
	r.Set(OddityFieldCollection, value)
}

// CloneValue is the clone field: text.
func (r *Oddity) CloneValue() string {
	return r.GetString(OddityFieldClone)
}

// SetCloneValue sets the clone field.
func (r *Oddity) SetCloneValue(value string) {
	r.Set(OddityFieldClone, value)
}

// SetValue is the set field: text.
func (r *Oddity) SetValue() string {
	return r.GetString(OddityFieldSet)
}

// SetSetValue sets the set field.
func (r *Oddity) SetSetValue(value string) {
	r.Set(OddityFieldSet, value)
}

// RawValue is the raw field: text.
func (r *Oddity) RawValue() string {
	return r.GetString(OddityFieldRaw)
}

// SetRawValue sets the raw field.
func (r *Oddity) SetRawValue(value string) {
	r.Set(OddityFieldRaw, value)
}

// ProxyRecordValue is the proxyRecord field: text.
func (r *Oddity) ProxyRecordValue() string {
	return r.GetString(OddityFieldProxyRecord)
}

// SetProxyRecordValue sets the proxyRecord field.
func (r *Oddity) SetProxyRecordValue(value string) {
	r.Set(OddityFieldProxyRecord, value)
}

// RecordValue is the record field: text.
func (r *Oddity) RecordValue() string {
	return r.GetString(OddityFieldRecord)
}

// SetRecordValue sets the record field.
func (r *Oddity) SetRecordValue(value string) {
	r.Set(OddityFieldRecord, value)
}

// BaseRecordProxyValue is the baseRecordProxy field: text.
func (r *Oddity) BaseRecordProxyValue() string {
	return r.GetString(OddityFieldBaseRecordProxy)
}

// SetBaseRecordProxyValue sets the baseRecordProxy field.
func (r *Oddity) SetBaseRecordProxyValue(value string) {
	r.Set(OddityFieldBaseRecordProxy, value)
}

// TableNameValue is the tableName field: text.
func (r *Oddity) TableNameValue() string {
	return r.GetString(OddityFieldTableName)
}

// SetTableNameValue sets the tableName field.
func (r *Oddity) SetTableNameValue(value string) {
	r.Set(OddityFieldTableName, value)
}

// EmailValue is the email field: text.
func (r *Oddity) EmailValue() string {
	return r.GetString(OddityFieldEmail)
}

// SetEmailValue sets the email field.
func (r *Oddity) SetEmailValue(value string) {
	r.Set(OddityFieldEmail, value)
}

// VerifiedValue is the verified field: text.
func (r *Oddity) VerifiedValue() string {
	return r.GetString(OddityFieldVerified)
}

// SetVerifiedValue sets the verified field.
func (r *Oddity) SetVerifiedValue(value string) {
	r.Set(OddityFieldVerified, value)
}

// SetName is the set_name field: text.
func (r *Oddity) SetName() string {
	return r.GetString(OddityFieldSetName)
}

// SetSetName sets the set_name field.
func (r *Oddity) SetSetName(value string) {
	r.Set(OddityFieldSetName, value)
}

// NameValue is the name field: text.
func (r *Oddity) NameValue() string {
	return r.GetString(OddityFieldName)
}

// SetNameValue sets the name field.
func (r *Oddity) SetNameValue(value string) {
	r.Set(OddityFieldName, value)
}

// FooBar is the foo_bar field: text.
func (r *Oddity) FooBar() string {
	return r.GetString(OddityFieldFooBar)
}

// SetFooBar sets the foo_bar field.
func (r *Oddity) SetFooBar(value string) {
	r.Set(OddityFieldFooBar, value)
}

// FooBar2 is the fooBar field: text.
func (r *Oddity) FooBar2() string {
	return r.GetString(OddityFieldFooBar2)
}

// SetFooBar2 sets the fooBar field.
func (r *Oddity) SetFooBar2(value string) {
	r.Set(OddityFieldFooBar2, value)
}

// FooBar3 is the foo__bar field: text.
func (r *Oddity) FooBar3() string {
	return r.GetString(OddityFieldFooBar3)
}

// SetFooBar3 sets the foo__bar field.
func (r *Oddity) SetFooBar3(value string) {
	r.Set(OddityFieldFooBar3, value)
}

// Func is the func field: text.
func (r *Oddity) Func() string {
	return r.GetString(OddityFieldFunc)
}

// SetFunc sets the func field.
func (r *Oddity) SetFunc(value string) {
	r.Set(OddityFieldFunc, value)
}

// Type is the type field: text.
func (r *Oddity) Type() string {
	return r.GetString(OddityFieldType)
}

// SetType sets the type field.
func (r *Oddity) SetType(value string) {
	r.Set(OddityFieldType, value)
}

// Field2fa is the 2fa field: text.
func (r *Oddity) Field2fa() string {
	return r.GetString(OddityField2fa)
}

// SetField2fa sets the 2fa field.
func (r *Oddity) SetField2fa(value string) {
	r.Set(OddityField2fa, value)
}

// Unnamed is the _ field: text.
func (r *Oddity) Unnamed() string {
	return r.GetString(OddityFieldUnnamed)
}

// SetUnnamed sets the _ field.
func (r *Oddity) SetUnnamed(value string) {
	r.Set(OddityFieldUnnamed, value)
}

// IDs is the ids field: text.
func (r *Oddity) IDs() string {
	return r.GetString(OddityFieldIDs)
}

// SetIDs sets the ids field.
func (r *Oddity) SetIDs(value string) {
	r.Set(OddityFieldIDs, value)
}

// XMLURLList is the xml_url_list field: text.
func (r *Oddity) XMLURLList() string {
	return r.GetString(OddityFieldXMLURLList)
}

// SetXMLURLList sets the xml_url_list field.
func (r *Oddity) SetXMLURLList(value string) {
	r.Set(OddityFieldXMLURLList, value)
}

// OneValue is the one field: id of a record of oddities.
func (r *Oddity) OneValue() string {
	return r.GetString(OddityFieldOne)
}

// SetOneValue sets the one field.
func (r *Oddity) SetOneValue(value string) {
	r.Set(OddityFieldOne, value)
}

// ExpandedOneValue is the record that one leads to, nil when it is not expanded.
func (r *Oddity) ExpandedOneValue() *Oddity {
	record := r.ExpandedOne(OddityFieldOne)
	if record == nil {
		return nil
	}
	return OddityOf(record)
}

// ExpandedTwo is the expandedTwo field: text.
func (r *Oddity) ExpandedTwo() string {
	return r.GetString(OddityFieldExpandedTwo)
}

// SetExpandedTwo sets the expandedTwo field.
func (r *Oddity) SetExpandedTwo(value string) {
	r.Set(OddityFieldExpandedTwo, value)
}

// TwoValue is the two field: id of a record of oddities.
func (r *Oddity) TwoValue() string {
	return r.GetString(OddityFieldTwo)
}

// SetTwoValue sets the two field.
func (r *Oddity) SetTwoValue(value string) {
	r.Set(OddityFieldTwo, value)
}

// ExpandedTwoValue is the record that two leads to, nil when it is not expanded.
func (r *Oddity) ExpandedTwoValue() *Oddity {
	record := r.ExpandedOne(OddityFieldTwo)
	if record == nil {
		return nil
	}
	return OddityOf(record)
}

// Field is the field field: one of the OddityField values.
func (r *Oddity) Field() string {
	return r.GetString(OddityFieldField)
}

// SetField sets the field field.
func (r *Oddity) SetField(value string) {
	r.Set(OddityFieldField, value)
}
