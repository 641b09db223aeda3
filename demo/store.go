package demo

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/holdall-go/holdall/collections"
)

// The demo keeps a row of its own in PocketBase's table of parameters, which
// no API reaches, so that it never takes somebody else's records for its own.
const (
	markTable = "_params"
	markID    = "holdallDemo"
)

// mark says what the demo created.
type mark struct {
	Seed          uint64    `json:"seed"`
	SeededAt      time.Time `json:"seededAt"`
	Organizations []string  `json:"organizations"`
	Users         []string  `json:"users"`
	// Superuser is empty when there was a superuser before.
	Superuser string `json:"superuser"`
}

// findMark returns nil when the demo has not been seeded.
func findMark(app core.App) (*mark, error) {
	var value types.JSONRaw
	err := app.DB().Select("value").From(markTable).Where(dbx.HashExp{"id": markID}).Row(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := &mark{}
	if err := json.Unmarshal(value, found); err != nil {
		return nil, fmt.Errorf("read the mark of the demo data: %w", err)
	}
	return found, nil
}

func insertMark(app core.App, m mark) error {
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	now := types.NowDateTime()
	_, err = app.DB().Insert(markTable, dbx.Params{"id": markID, "value": types.JSONRaw(value), "created": now, "updated": now}).Execute()
	return err
}

func deleteMark(app core.App) error {
	_, err := app.DB().Delete(markTable, dbx.HashExp{"id": markID}).Execute()
	return err
}

// checkTarget refuses a database that the demo data does not fit in.
func checkTarget(app core.App, config Config) error {
	for _, name := range seededCollections() {
		if _, err := app.FindCachedCollectionByNameOrId(name); err != nil {
			return fmt.Errorf("the collection %s is missing, so run the migrations first: %w", name, err)
		}
	}

	others, err := app.CountRecords(collections.Organizations)
	if err != nil {
		return fmt.Errorf("count the organizations: %w", err)
	}
	if others > 0 && !config.Force {
		return fmt.Errorf("%w (%d): use an empty data directory, or --force to add the demo data beside them", ErrOtherData, others)
	}
	return nil
}

// seededCollections lists what the demo writes to, so that what refers to
// something comes after it.
func seededCollections() []string {
	return []string{
		collections.Users, collections.Organizations, collections.Memberships, collections.Sites,
		collections.WorkOrders, collections.Notes, collections.Photos,
	}
}

// hasSuperuser ignores the one that PocketBase makes for its own installer.
func hasSuperuser(app core.App) (bool, error) {
	n, err := app.CountRecords(core.CollectionNameSuperusers, dbx.Not(dbx.HashExp{core.FieldNameEmail: core.DefaultInstallerEmail}))
	return n > 0, err
}

// inserter writes new records by one prepared statement per collection. It
// runs no hooks and no validation.
type inserter struct {
	app        core.App // of the transaction
	statements map[string]*statement
}

type statement struct {
	query   *dbx.Query
	columns []string
}

func (in *inserter) insert(record *core.Record) error {
	row, err := record.DBExport(in.app)
	if err != nil {
		return fmt.Errorf("export a record of %s: %w", record.TableName(), err)
	}
	s, ok := in.statements[record.TableName()]
	if !ok {
		if s, err = in.prepare(record.TableName(), row); err != nil {
			return err
		}
	}
	params := make(dbx.Params, len(row))
	for i, column := range s.columns {
		params[placeholder(i)] = row[column]
	}
	if _, err := s.query.Bind(params).Execute(); err != nil {
		return fmt.Errorf("insert a record of %s: %w", record.TableName(), err)
	}
	return nil
}

func (in *inserter) prepare(table string, row map[string]any) (*statement, error) {
	s := &statement{}
	var names, values []string
	for column := range row {
		s.columns = append(s.columns, column)
	}
	slices.Sort(s.columns)
	for i, column := range s.columns {
		names = append(names, "[["+column+"]]")
		values = append(values, "{:"+placeholder(i)+"}")
	}
	s.query = in.app.DB().NewQuery("INSERT INTO {{" + table + "}} (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(values, ", ") + ")").Prepare()
	if err := s.query.LastError; err != nil {
		return nil, fmt.Errorf("prepare the insert into %s: %w", table, err)
	}
	in.statements[table] = s
	return s, nil
}

func placeholder(i int) string { return fmt.Sprintf("p%d", i) }

func (in *inserter) close() {
	for _, s := range in.statements {
		_ = s.query.Close() // the transaction's end closes them as well
	}
}
