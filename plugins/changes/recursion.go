package changes

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// warnOfRecursion names the triggers of somebody's own that write to the table they
// are on, if the connections let triggers fire themselves: most of these were
// written for a database where that is off, and make each write fail.
func warnOfRecursion(app core.App) error {
	var on bool
	if err := app.DB().NewQuery("PRAGMA recursive_triggers").Row(&on); err != nil {
		return fmt.Errorf("changes: read recursive_triggers: %w", err)
	}
	if !on {
		return nil
	}
	triggers := []struct {
		Name  string `db:"name"`
		Table string `db:"tbl_name"`
		SQL   string `db:"sql"`
	}{}
	err := app.DB().NewQuery(`SELECT name, tbl_name, sql FROM sqlite_master
		WHERE type = 'trigger' AND name NOT GLOB '_changes_[0-9]*_*' ORDER BY name`).All(&triggers)
	if err != nil {
		return fmt.Errorf("changes: list the triggers of others: %w", err)
	}
	for _, t := range triggers {
		if writesTo(t.SQL, t.Table) {
			app.Logger().Warn("A trigger writes to the table it is on and fires itself, because this program turns recursive_triggers on. "+
				"If writes fail with \"too many levels of trigger recursion\", give the trigger a WHEN clause that ends it, or set Engine.PlainTriggers.",
				slog.String("trigger", t.Name), slog.String("table", t.Table))
		}
	}
	return nil
}

// writesTo tells whether the body of a trigger seems to write to a table.
func writesTo(trigger, table string) bool {
	const name = "[`\"\\[]?"
	statement := regexp.MustCompile(`(?is)\b(UPDATE(\s+OR\s+\w+)?|INTO|DELETE\s+FROM)\s+` + name + regexp.QuoteMeta(table) + `\b`)
	begin := regexp.MustCompile(`(?i)\bBEGIN\b`).FindStringIndex(trigger)
	return begin != nil && statement.MatchString(trigger[begin[1]:]) && strings.TrimSpace(table) != ""
}
