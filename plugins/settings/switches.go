package settings

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"
)

// switchedOff says what is off only because the config says so, and would be on
// without. Once the config says so no more, it is turned on again, whereas what
// somebody has turned off in the dashboard stays off.
type switchedOff struct {
	RateLimits bool `json:"rateLimits"`
	Batch      bool `json:"batch"`
}

// turn does what the switches of the config say, and returns what that leaves
// switched off.
func (c Config) turn(s *core.Settings) switchedOff {
	return switchedOff{
		RateLimits: turn(&s.RateLimits.Enabled, c.RateLimits),
		Batch:      turn(&s.Batch.Enabled, c.Batch.Enabled),
	}
}

// turn sets enabled to what the switch says, and reports whether that turned it off.
func turn(enabled, to *bool) (off bool) {
	if to == nil {
		return false
	}
	off = *enabled && !*to
	*enabled = *to
	return off
}

// turnOn takes back what was switched off at an earlier start.
func (off switchedOff) turnOn(s *core.Settings) {
	s.RateLimits.Enabled = s.RateLimits.Enabled || off.RateLimits
	s.Batch.Enabled = s.Batch.Enabled || off.Batch
}

// It is kept in PocketBase's table of parameters, beside the settings, which no
// API reaches.
const (
	paramsTable   = "_params"
	switchedOffID = "holdallSettingsOff"
)

func loadSwitchedOff(app core.App) (off switchedOff, err error) {
	var value types.JSONRaw
	err = app.DB().Select("value").From(paramsTable).Where(dbx.HashExp{"id": switchedOffID}).Row(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return off, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &off)
	}
	if err != nil {
		return off, fmt.Errorf("settings: read what was switched off: %w", err)
	}
	return off, nil
}

func (off switchedOff) save(app core.App) error {
	_, err := app.DB().Delete(paramsTable, dbx.HashExp{"id": switchedOffID}).Execute()
	if err == nil && off != (switchedOff{}) {
		var value []byte
		if value, err = json.Marshal(off); err != nil {
			return err
		}
		now := types.NowDateTime()
		_, err = app.DB().Insert(paramsTable, dbx.Params{
			"id": switchedOffID, "value": types.JSONRaw(value), "created": now, "updated": now,
		}).Execute()
	}
	if err != nil {
		return fmt.Errorf("settings: note what is switched off: %w", err)
	}
	return nil
}
