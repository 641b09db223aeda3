// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// Animals is the name of the collection of [Animal] records.
const Animals = "animals"

// Names of the fields of [Animal] records.
const (
	AnimalFieldID         = "id"
	AnimalFieldName       = "name"
	AnimalFieldStory      = "story"
	AnimalFieldFanMail    = "fan_mail"
	AnimalFieldCamURL     = "camUrl"
	AnimalFieldWeight     = "weight"
	AnimalFieldLegs       = "legs"
	AnimalFieldTame       = "tame"
	AnimalFieldBorn       = "born"
	AnimalFieldCreated    = "created"
	AnimalFieldChanged    = "changed"
	AnimalFieldUpdated    = "updated"
	AnimalFieldDiet       = "diet"
	AnimalFieldMoods      = "moods"
	AnimalFieldPortrait   = "portrait"
	AnimalFieldPictures   = "pictures"
	AnimalFieldKeeper     = "keeper"
	AnimalFieldFriends    = "friends"
	AnimalFieldInspector  = "inspector"
	AnimalFieldInspectors = "inspectors"
	AnimalFieldFacts      = "facts"
	AnimalFieldCage       = "cage"
	AnimalFieldLock       = "lock"
)

// Values of the diet field of [Animal] records.
const (
	AnimalDietPlants     = "plants"
	AnimalDietMeat       = "meat"
	AnimalDietBothOfThem = "bothOfThem"
)

// Values of the moods field of [Animal] records.
const (
	AnimalMoodsCalm      = "calm"
	AnimalMoodsVeryWild  = "very-wild"
	AnimalMoodsVeryWild2 = "very_wild"
	AnimalMoodsValue4    = "喜"
	AnimalMoods1         = "+1"
)

// Animal is a record of the animals collection.
type Animal struct{ core.BaseRecordProxy }

// NewAnimal returns a new, unsaved Animal. It fails when the collection cannot be found.
func NewAnimal(app core.App) (*Animal, error) {
	collection, err := app.FindCachedCollectionByNameOrId(Animals)
	if err != nil {
		return nil, fmt.Errorf("find collection %s: %w", Animals, err)
	}
	return AnimalOf(core.NewRecord(collection)), nil
}

// AnimalOf wraps a record of the animals collection.
func AnimalOf(record *core.Record) *Animal {
	r := &Animal{}
	r.SetProxyRecord(record)
	return r
}

// FindAnimalById returns the Animal with the id, or [database/sql.ErrNoRows] when there is none.
func FindAnimalById(app core.App, id string) (*Animal, error) {
	record, err := app.FindRecordById(Animals, id)
	if err != nil {
		return nil, err
	}
	return AnimalOf(record), nil
}

// Name is the name field: text, 2 to 40 characters, required.
func (r *Animal) Name() string {
	return r.GetString(AnimalFieldName)
}

// SetName sets the name field.
func (r *Animal) SetName(value string) {
	r.Set(AnimalFieldName, value)
}

// Story is the story field: HTML.
func (r *Animal) Story() string {
	return r.GetString(AnimalFieldStory)
}

// SetStory sets the story field.
func (r *Animal) SetStory(value string) {
	r.Set(AnimalFieldStory, value)
}

// FanMail is the fan_mail field: email address.
func (r *Animal) FanMail() string {
	return r.GetString(AnimalFieldFanMail)
}

// SetFanMail sets the fan_mail field.
func (r *Animal) SetFanMail(value string) {
	r.Set(AnimalFieldFanMail, value)
}

// CamURL is the camUrl field: URL, required.
func (r *Animal) CamURL() string {
	return r.GetString(AnimalFieldCamURL)
}

// SetCamURL sets the camUrl field.
func (r *Animal) SetCamURL(value string) {
	r.Set(AnimalFieldCamURL, value)
}

// Weight is the weight field: number, at least 0.5, at most 10000000.
func (r *Animal) Weight() float64 {
	return r.GetFloat(AnimalFieldWeight)
}

// SetWeight sets the weight field.
func (r *Animal) SetWeight(value float64) {
	r.Set(AnimalFieldWeight, value)
}

// Legs is the legs field: whole number.
func (r *Animal) Legs() int {
	return r.GetInt(AnimalFieldLegs)
}

// SetLegs sets the legs field.
func (r *Animal) SetLegs(value int) {
	r.Set(AnimalFieldLegs, value)
}

// Tame is the tame field: true or false.
func (r *Animal) Tame() bool {
	return r.GetBool(AnimalFieldTame)
}

// SetTame sets the tame field.
func (r *Animal) SetTame(value bool) {
	r.Set(AnimalFieldTame, value)
}

// Born is the born field: date and time in UTC.
func (r *Animal) Born() types.DateTime {
	return r.GetDateTime(AnimalFieldBorn)
}

// SetBorn sets the born field.
func (r *Animal) SetBorn(value types.DateTime) {
	r.Set(AnimalFieldBorn, value)
}

// Created is the created field: when the record was created.
func (r *Animal) Created() types.DateTime {
	return r.GetDateTime(AnimalFieldCreated)
}

// Changed is the changed field: when the record was last changed.
func (r *Animal) Changed() types.DateTime {
	return r.GetDateTime(AnimalFieldChanged)
}

// Updated is the updated field: when the record was last saved.
func (r *Animal) Updated() types.DateTime {
	return r.GetDateTime(AnimalFieldUpdated)
}

// Diet is the diet field: one of the AnimalDiet values.
func (r *Animal) Diet() string {
	return r.GetString(AnimalFieldDiet)
}

// SetDiet sets the diet field.
func (r *Animal) SetDiet(value string) {
	r.Set(AnimalFieldDiet, value)
}

// Moods is the moods field: up to 3 of the AnimalMoods values.
func (r *Animal) Moods() []string {
	return r.GetStringSlice(AnimalFieldMoods)
}

// SetMoods sets the moods field.
func (r *Animal) SetMoods(value []string) {
	r.Set(AnimalFieldMoods, value)
}

// Portrait is the portrait field: name of a file, served with a file token only.
func (r *Animal) Portrait() string {
	return r.GetString(AnimalFieldPortrait)
}

// SetPortrait sets the portrait field: a new *filesystem.File, the name of the stored file to keep it, or nil.
func (r *Animal) SetPortrait(value any) {
	r.Set(AnimalFieldPortrait, value)
}

// Pictures is the pictures field: names of up to 5 files.
func (r *Animal) Pictures() []string {
	return r.GetStringSlice(AnimalFieldPictures)
}

// SetPictures sets the pictures field: a slice of new *filesystem.File and the names of stored files to keep.
func (r *Animal) SetPictures(value any) {
	r.Set(AnimalFieldPictures, value)
}

// Keeper is the keeper field: id of a record of keepers.
func (r *Animal) Keeper() string {
	return r.GetString(AnimalFieldKeeper)
}

// SetKeeper sets the keeper field.
func (r *Animal) SetKeeper(value string) {
	r.Set(AnimalFieldKeeper, value)
}

// ExpandedKeeper is the record that keeper leads to, nil when it is not expanded.
func (r *Animal) ExpandedKeeper() *Keeper {
	record := r.ExpandedOne(AnimalFieldKeeper)
	if record == nil {
		return nil
	}
	return KeeperOf(record)
}

// Friends is the friends field: ids of up to 9 records of animals.
func (r *Animal) Friends() []string {
	return r.GetStringSlice(AnimalFieldFriends)
}

// SetFriends sets the friends field.
func (r *Animal) SetFriends(value []string) {
	r.Set(AnimalFieldFriends, value)
}

// ExpandedFriends are the records that friends leads to, nil when they are not expanded.
func (r *Animal) ExpandedFriends() []*Animal {
	var result []*Animal
	for _, record := range r.ExpandedAll(AnimalFieldFriends) {
		result = append(result, AnimalOf(record))
	}
	return result
}

// Inspector is the inspector field: id of a record of _superusers.
func (r *Animal) Inspector() string {
	return r.GetString(AnimalFieldInspector)
}

// SetInspector sets the inspector field.
func (r *Animal) SetInspector(value string) {
	r.Set(AnimalFieldInspector, value)
}

// ExpandedInspector is the record that inspector leads to, nil when it is not expanded.
func (r *Animal) ExpandedInspector() *core.Record {
	return r.ExpandedOne(AnimalFieldInspector)
}

// Inspectors is the inspectors field: ids of up to 9 records of _superusers.
func (r *Animal) Inspectors() []string {
	return r.GetStringSlice(AnimalFieldInspectors)
}

// SetInspectors sets the inspectors field.
func (r *Animal) SetInspectors(value []string) {
	r.Set(AnimalFieldInspectors, value)
}

// ExpandedInspectors are the records that inspectors leads to, nil when they are not expanded.
func (r *Animal) ExpandedInspectors() []*core.Record {
	return r.ExpandedAll(AnimalFieldInspectors)
}

// Facts is the facts field: JSON.
func (r *Animal) Facts() types.JSONRaw {
	value, _ := r.Get(AnimalFieldFacts).(types.JSONRaw)
	return value
}

// SetFacts sets the facts field: any value that can be marshalled to JSON.
func (r *Animal) SetFacts(value any) {
	r.Set(AnimalFieldFacts, value)
}

// Cage is the cage field: longitude and latitude.
func (r *Animal) Cage() types.GeoPoint {
	return r.GetGeoPoint(AnimalFieldCage)
}

// SetCage sets the cage field.
func (r *Animal) SetCage(value types.GeoPoint) {
	r.Set(AnimalFieldCage, value)
}

// SetLock sets the lock field: the plain password, of which only a hash is kept.
func (r *Animal) SetLock(value string) {
	r.Set(AnimalFieldLock, value)
}
