package schema

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
)

// Apply makes the database's collections equal to the definitions, in one
// transaction and without asking about data: fields and indexes that are not
// defined are dropped with what they hold. Collections that no definition names
// are left alone. It is for tests and tools; production runs migrations.
func Apply(app core.App, definitions []Collection) error {
	return app.RunInTransaction(func(txApp core.App) error {
		// Every collection by itself first, so that relations find their targets;
		// then the fields; then the rules, which may look through any of them.
		for _, d := range definitions {
			_, err := txApp.FindCollectionByNameOrId(d.Name)
			if err == nil {
				continue
			}
			if !errors.Is(err, sql.ErrNoRows) {
				return fmt.Errorf("find collection %s: %w", d.Name, err)
			}
			if d.Type == core.CollectionTypeView {
				continue
			}
			if err := txApp.Save(core.NewCollection(d.typ(), d.Name)); err != nil {
				return fmt.Errorf("create collection %s: %w", d.Name, err)
			}
		}
		for _, withRules := range []bool{false, true} {
			for _, d := range definitions {
				if !withRules {
					d.Rules = Rules{}
				}
				if err := applyOne(txApp, d); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func applyOne(app core.App, d Collection) error {
	wanted, err := d.build(func(name string) (string, error) {
		target, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			return "", fmt.Errorf("find collection %s: %w", name, err)
		}
		return target.Id, nil
	})
	if err != nil {
		return err
	}

	existing, err := app.FindCollectionByNameOrId(d.Name)
	if err == nil {
		wanted.Id = existing.Id
		wanted.MarkAsNotNew()
		for _, f := range wanted.Fields {
			if same := existing.Fields.GetByName(f.GetName()); same != nil && same.Type() == f.Type() {
				f.SetId(same.GetId())
			}
		}
		wanted.Created = existing.Created
		if d.typ() == core.CollectionTypeAuth {
			wanted.AuthToken.Secret = existing.AuthToken.Secret
			wanted.FileToken.Secret = existing.FileToken.Secret
			wanted.PasswordResetToken.Secret = existing.PasswordResetToken.Secret
			wanted.EmailChangeToken.Secret = existing.EmailChangeToken.Secret
			wanted.VerificationToken.Secret = existing.VerificationToken.Secret
		}
	} else if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("find collection %s: %w", d.Name, err)
	}

	if err := app.Save(wanted); err != nil {
		return fmt.Errorf("save collection %s: %w", d.Name, err)
	}
	return nil
}
