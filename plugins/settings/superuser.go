package settings

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	"github.com/pocketbase/pocketbase/core"
)

// ensureSuperuser creates the superuser, or gives it the password if that is wanted.
func (p *Plugin) ensureSuperuser(app core.App) error {
	wanted := p.config.Superuser
	if wanted.Email == "" {
		return nil
	}
	record, err := app.FindAuthRecordByEmail(core.CollectionNameSuperusers, wanted.Email)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return createSuperuser(app, wanted)
	case err != nil:
		return fmt.Errorf("settings: look for the superuser %s: %w", wanted.Email, err)
	case !wanted.ResetPassword || record.ValidatePassword(wanted.Password):
		return nil
	}
	record.SetPassword(wanted.Password) // ends the sessions that the old one began
	if err := app.Save(record); err != nil {
		return fmt.Errorf("settings: reset the password of the superuser %s: %w", wanted.Email, err)
	}
	app.Logger().Warn("reset the superuser's password", slog.String("email", wanted.Email))
	return nil
}

func createSuperuser(app core.App, wanted Superuser) error {
	if wanted.Password == "" {
		return fmt.Errorf("settings: the superuser %s does not exist, and there is no password to create it with", wanted.Email)
	}
	collection, err := app.FindCachedCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return fmt.Errorf("settings: find the superusers: %w", err)
	}
	record := core.NewRecord(collection)
	record.SetEmail(wanted.Email)
	record.SetPassword(wanted.Password)
	if err := app.Save(record); err != nil {
		return fmt.Errorf("settings: create the superuser %s: %w", wanted.Email, err)
	}
	app.Logger().Info("created the superuser", slog.String("email", wanted.Email))
	return nil
}
