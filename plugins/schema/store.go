package schema

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/dbutils"
)

// store is all SQL of this package. Nothing but markApplied writes.
type store struct{ app core.App }

// scalar runs a query that gives one number.
func (s store) scalar(query string, params dbx.Params) (int64, error) {
	var n int64
	if err := s.app.ConcurrentDB().NewQuery(query).Bind(params).Row(&n); err != nil {
		return 0, err
	}
	return n, nil
}

// rows counts the rows of a table.
func (s store) rows(table string) (int64, error) {
	n, err := s.scalar("SELECT COUNT(*) FROM {{"+table+"}}", nil)
	if err != nil {
		return 0, fmt.Errorf("count the rows of %s: %w", table, err)
	}
	return n, nil
}

// held counts the rows with a value in the field's column, one that is not its
// type's zero.
func (s store) held(table string, field core.Field) (int64, error) {
	n, err := s.scalar("SELECT COUNT(*) FROM {{"+table+"}} WHERE "+heldCondition(field), nil)
	if err != nil {
		return 0, fmt.Errorf("count the values of %s.%s: %w", table, field.GetName(), err)
	}
	return n, nil
}

func heldCondition(field core.Field) string {
	column := "[[" + field.GetName() + "]]"
	switch field.(type) {
	case *core.NumberField, *core.BoolField:
		return "COALESCE(" + column + ", 0) != 0"
	case *core.GeoPointField:
		valid := "json_valid(" + column + ")"
		return "CASE WHEN " + valid + " THEN COALESCE(json_extract(" + column + ", '$.lon'), 0) != 0" +
			" OR COALESCE(json_extract(" + column + ", '$.lat'), 0) != 0 ELSE FALSE END"
	case *core.JSONField:
		return "COALESCE(" + column + `, '') NOT IN ('', 'null', '""', '[]', '{}')`
	}
	if isMultiple(field) {
		return "COALESCE(" + column + ", '') NOT IN ('', '[]')"
	}
	return "COALESCE(" + column + ", '') != ''"
}

// longer counts the rows whose list in the field's column has more than max
// elements, and shorter those with fewer than min but not none.
func (s store) longer(table string, field core.Field, max int) (int64, error) {
	return s.lengths(table, field, " > {:n}", max)
}

func (s store) shorter(table string, field core.Field, min int) (int64, error) {
	length := dbutils.JSONArrayLength(field.GetName())
	return s.lengths(table, field, " < {:n} AND "+length+" > 0", min)
}

func (s store) lengths(table string, field core.Field, condition string, n int) (int64, error) {
	length := dbutils.JSONArrayLength(field.GetName())
	count, err := s.scalar("SELECT COUNT(*) FROM {{"+table+"}} WHERE "+length+condition, dbx.Params{"n": n})
	if err != nil {
		return 0, fmt.Errorf("measure the lists of %s.%s: %w", table, field.GetName(), err)
	}
	return count, nil
}

// misfits counts the rows whose value the field to refuses, although from
// accepts it. A nil from stands for a field that is new.
func (s store) misfits(table string, from, to core.Field) (int64, error) {
	scratch := core.NewCollection(core.CollectionTypeBase, table)
	scratch.Fields.Add(cloneField(to))
	record := core.NewRecord(scratch)
	refuses := func(f core.Field, raw any) (bool, error) {
		value, err := f.PrepareValue(record, raw)
		if err != nil {
			return false, fmt.Errorf("read the values of %s.%s: %w", table, f.GetName(), err)
		}
		record.SetRaw(f.GetName(), value)
		return f.ValidateValue(context.Background(), s.app, record) != nil, nil
	}

	if from == nil {
		refused, err := refuses(to, nil)
		if err != nil || !refused {
			return 0, err
		}
		return s.rows(table)
	}

	rows, err := s.app.ConcurrentDB().NewQuery(
		"SELECT [[" + from.GetName() + "]], COUNT(*) FROM {{" + table + "}} GROUP BY 1").Rows()
	if err != nil {
		return 0, fmt.Errorf("read the values of %s.%s: %w", table, from.GetName(), err)
	}
	defer rows.Close()
	var total int64
	for rows.Next() {
		var text sql.NullString
		var n int64
		if err := rows.Scan(&text, &n); err != nil {
			return 0, fmt.Errorf("read the values of %s.%s: %w", table, from.GetName(), err)
		}
		var raw any // nil is a value of its own
		if text.Valid {
			raw = text.String
		}
		refused, err := refuses(to, raw)
		if err != nil {
			return 0, err
		}
		if !refused {
			continue
		}
		before, err := refuses(from, raw)
		if err != nil {
			return 0, err
		}
		if !before {
			total += n
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("read the values of %s.%s: %w", table, from.GetName(), err)
	}
	return total, nil
}

// duplicates counts the rows of the collection from that share their values in
// the columns of a unique index of the collection to, where columns may be new
// or have another name.
func (s store) duplicates(from, to *core.Collection, index dbutils.Index) (int64, error) {
	columns := make([]string, len(to.Fields))
	for i, f := range to.Fields {
		value := zeroSQL(f)
		if old := from.Fields.GetById(f.GetId()); old != nil {
			value = "[[" + old.GetName() + "]]"
		}
		columns[i] = value + " AS [[" + f.GetName() + "]]"
	}
	keys := make([]string, len(index.Columns))
	present := make([]string, len(index.Columns))
	for i, c := range index.Columns {
		key := c.Name
		if !strings.ContainsAny(key, "( ") {
			key = "[[" + key + "]]"
		}
		// unique indexes do not compare NULL
		present[i] = key + " IS NOT NULL"
		if c.Collate != "" {
			key += " COLLATE " + c.Collate
		}
		keys[i] = key
	}
	condition := strings.Join(present, " AND ")
	if index.Where != "" {
		condition += " AND (" + index.Where + ")"
	}
	n, err := s.scalar("SELECT COALESCE(SUM(n), 0) FROM (SELECT COUNT(*) AS n FROM (SELECT "+
		strings.Join(columns, ", ")+" FROM {{"+from.Name+"}}) WHERE "+condition+
		" GROUP BY "+strings.Join(keys, ", ")+" HAVING COUNT(*) > 1)", nil)
	if err != nil {
		return 0, fmt.Errorf("look for duplicates of the index %s: %w", index.IndexName, err)
	}
	return n, nil
}

// zeroSQL is what a new column of the field holds.
func zeroSQL(f core.Field) string {
	switch f.(type) {
	case *core.NumberField, *core.BoolField:
		return "0"
	case *core.JSONField:
		return "NULL"
	case *core.GeoPointField:
		return `'{"lon":0,"lat":0}'`
	}
	if isMultiple(f) {
		return "'[]'"
	}
	return "''"
}

// appliedMigrations are the names of the migrations that the database has.
func (s store) appliedMigrations() (map[string]bool, error) {
	var files []string
	err := s.app.ConcurrentDB().Select("file").From(core.DefaultMigrationsTable).Column(&files)
	if err != nil {
		return nil, fmt.Errorf("read the applied migrations: %w", err)
	}
	applied := make(map[string]bool, len(files))
	for _, f := range files {
		applied[f] = true
	}
	return applied, nil
}

// markApplied says that the database has had the migration file, as PocketBase
// itself notes it down.
func (s store) markApplied(file string) error {
	_, err := s.app.NonconcurrentDB().Insert(core.DefaultMigrationsTable, dbx.Params{
		"file":    file,
		"applied": time.Now().UnixMicro(),
	}).Execute()
	if err != nil {
		return fmt.Errorf("mark the migration %s as applied: %w", file, err)
	}
	return nil
}
