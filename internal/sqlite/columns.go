package sqlite

import (
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
)

// AddColumn adds a column to a table that was made before there was such a column.
// It does nothing if the column is there.
func AddColumn(db dbx.Builder, table, column, definition string) error {
	var found bool
	err := db.NewQuery(`SELECT EXISTS (SELECT 1 FROM pragma_table_info({:table}) WHERE name = {:column})`).
		Bind(dbx.Params{"table": table, "column": column}).Row(&found)
	if err != nil {
		return fmt.Errorf("look for column %s of %s: %w", column, table, err)
	}
	if found {
		return nil
	}
	_, err = db.NewQuery("ALTER TABLE " + table + " ADD COLUMN " + column + " " + definition).Execute()
	// another process that starts at the same time may have been faster
	if err != nil && !strings.Contains(err.Error(), "duplicate column name") {
		return fmt.Errorf("add column %s to %s: %w", column, table, err)
	}
	return nil
}
