// Code generated from the collection definitions. DO NOT EDIT.

package zoo

import (
	"github.com/pocketbase/pocketbase/core"
)

// AnimalNames is the name of the collection of [AnimalName] records.
const AnimalNames = "animal_names"

// Names of the fields of [AnimalName] records.
const (
	AnimalNameFieldID     = "id"
	AnimalNameFieldName   = "name"
	AnimalNameFieldKeeper = "keeper"
	AnimalNameFieldDiet   = "diet"
)

// Values of the diet field of [AnimalName] records.
const (
	AnimalNameDietPlants     = "plants"
	AnimalNameDietMeat       = "meat"
	AnimalNameDietBothOfThem = "bothOfThem"
)

// AnimalName is a record of the animal_names collection.
type AnimalName struct{ core.BaseRecordProxy }

// AnimalNameOf wraps a record of the animal_names collection.
func AnimalNameOf(record *core.Record) *AnimalName {
	r := &AnimalName{}
	r.SetProxyRecord(record)
	return r
}

// FindAnimalNameById returns the AnimalName with the id, or [database/sql.ErrNoRows] when there is none.
func FindAnimalNameById(app core.App, id string) (*AnimalName, error) {
	record, err := app.FindRecordById(AnimalNames, id)
	if err != nil {
		return nil, err
	}
	return AnimalNameOf(record), nil
}

// Name is the name field: text, 2 to 40 characters, required.
func (r *AnimalName) Name() string {
	return r.GetString(AnimalNameFieldName)
}

// Keeper is the keeper field: id of a record of keepers.
func (r *AnimalName) Keeper() string {
	return r.GetString(AnimalNameFieldKeeper)
}

// ExpandedKeeper is the record that keeper leads to, nil when it is not expanded.
func (r *AnimalName) ExpandedKeeper() *Keeper {
	record := r.ExpandedOne(AnimalNameFieldKeeper)
	if record == nil {
		return nil
	}
	return KeeperOf(record)
}

// Diet is the diet field: one of the AnimalNameDiet values.
func (r *AnimalName) Diet() string {
	return r.GetString(AnimalNameFieldDiet)
}
