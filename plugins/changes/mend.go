package changes

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// mend logs what the triggers could not see: a row that a REPLACE evicted on a
// connection without recursive_triggers, or what was written with the triggers
// off. It compares how many records there are with how many the log takes for
// living, and looks closer at the collections where these differ.
func (l *Log) mend(ctx context.Context) error {
	collections, err := l.app.FindAllCollections(core.CollectionTypeBase, core.CollectionTypeAuth)
	if err != nil {
		return fmt.Errorf("changes: list collections: %w", err)
	}
	const atOnce = 200 // SQLite limits the parts of a statement
	for some := range slices.Chunk(collections, atOnce) {
		differing, err := l.differing(ctx, some)
		if err != nil {
			return err
		}
		for _, d := range differing {
			if err := l.mendCollection(d.Collection, d.N); err != nil {
				return err
			}
		}
	}
	return nil
}

// numbered is a collection and its number in the log.
type numbered struct {
	Collection string `db:"collection"`
	N          int64  `db:"n"`
}

// differing are the collections that have more or fewer records than the log says,
// all counted in one statement and so at one moment.
func (l *Log) differing(ctx context.Context, collections []*core.Collection) ([]numbered, error) {
	counts := make([]string, 0, len(collections))
	params := dbx.Params{}
	for i, c := range collections {
		if unlogged[c.Name] || !l.app.HasTable(c.Name) {
			continue
		}
		id := fmt.Sprint("id", i)
		params[id] = c.Id
		counts = append(counts, "SELECT {:"+id+"} AS collection, (SELECT COUNT(*) FROM {{"+c.Name+"}}) AS records")
	}
	result := []numbered{}
	if len(counts) == 0 {
		return result, nil
	}
	err := l.app.ConcurrentDB().NewQuery(`SELECT n.collection, n.n FROM (` + strings.Join(counts, " UNION ALL ") + `) r
		JOIN _changesNames n ON n.collection = r.collection
		LEFT JOIN (SELECT c, COUNT(*) AS living FROM _changes WHERE deleted = 0 GROUP BY c) l ON l.c = n.n
		WHERE r.records <> COALESCE(l.living, 0)`).WithContext(ctx).Bind(params).All(&result)
	if err != nil {
		return nil, fmt.Errorf("changes: count records: %w", err)
	}
	return result, nil
}

func (l *Log) mendCollection(id string, n int64) error {
	var mended int64
	err := write(l.app, func(tx core.App) error {
		c, err := tx.FindCollectionByNameOrId(id)
		if err != nil {
			return err
		}
		gone, err := logGone(tx, c, n)
		if err != nil {
			return err
		}
		missed, err := affected(tx, n, `INSERT INTO _changes (c, record, deleted, at) SELECT {:n}, id, 0, `+nowMillis+` FROM {{`+c.Name+`}}
			WHERE id NOT IN (SELECT record FROM _changes WHERE c = {:n} AND deleted = 0) `+toEnd)
		mended = gone + missed
		return err
	})
	if err != nil {
		return fmt.Errorf("changes: mend the log: %w", err)
	}
	if mended > 0 {
		l.app.Logger().Warn("Records had changed without the change log. They are logged now.",
			slog.String("collection", id), slog.Int64("records", mended))
	}
	return nil
}

// logGone logs the records of c as deleted that the log takes for living and that
// are gone, and tells how many these are.
func logGone(tx core.App, c *core.Collection, n int64) (int64, error) {
	_, err := affected(tx, n, `CREATE TEMP TABLE _changesGone AS SELECT record FROM _changes
		WHERE c = {:n} AND deleted = 0 AND record NOT IN (SELECT id FROM {{`+c.Name+`}})`)
	if err != nil {
		return 0, err
	}
	gone, err := affected(tx, n, `INSERT INTO _changes (c, record, deleted, at)
		SELECT {:n}, record, 1, `+nowMillis+` FROM temp._changesGone WHERE TRUE `+toEnd)
	if err != nil {
		return 0, err
	}
	_, err = affected(tx, n, `DROP TABLE temp._changesGone`)
	return gone, err
}

// affected runs a statement for collection number n.
func affected(tx core.App, n int64, statement string) (int64, error) {
	result, err := tx.DB().NewQuery(statement).Bind(dbx.Params{"n": n}).Execute()
	if err != nil {
		return 0, fmt.Errorf("changes: mend the log: %w", err)
	}
	return result.RowsAffected()
}
