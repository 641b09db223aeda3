package changes

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// KeepHistory gives a collection, named by its id, a full log until the given
// time, without a consumer that reads it: for readers with positions of their
// own, who come and go. All changes that are committed after it returns are in
// [Log.History], also those of other processes and of later starts. Asking again
// extends the time and costs little.
func (l *Log) KeepHistory(ctx context.Context, collectionID string, until time.Time) error {
	err := write(l.app, func(tx core.App) error {
		kept, err := isKept(tx, collectionID)
		if err != nil {
			return err
		}
		end, err := head(ctx, tx.DB())
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`INSERT INTO _changesKept (collection, since, until) VALUES ({:collection}, {:since}, {:until})
			ON CONFLICT (collection) DO UPDATE SET until = MAX(until, excluded.until),
				since = CASE WHEN {:kept} THEN since ELSE excluded.since END`).WithContext(ctx).
			Bind(dbx.Params{"collection": collectionID, "since": end, "until": until.UnixMilli(), "kept": kept}).Execute()
		if err != nil || kept {
			return err
		}
		c, err := tx.FindCollectionByNameOrId(collectionID)
		if err != nil {
			return err
		}
		return l.installFor(tx, c, asWanted)
	})
	if err != nil {
		return fmt.Errorf("changes: keep the history of %s: %w", collectionID, err)
	}
	return nil
}

// HistoryReaches tells whether [Log.History] has every change of a collection,
// named by its id, since a position, with rows of the collection as it is now.
// It needs [Log.KeepHistory].
func (l *Log) HistoryReaches(ctx context.Context, collectionID string, position int64) (bool, error) {
	switch err := l.Check(ctx, position); {
	case errors.Is(err, ErrUnknownPosition), errors.Is(err, ErrTooOld):
		return false, nil
	case err != nil:
		return false, err
	}
	var reaches bool
	err := l.app.ConcurrentDB().NewQuery(`SELECT
			EXISTS (SELECT 1 FROM _changesKept WHERE collection = {:collection} AND since <= {:position} AND until > {:now})
			AND NOT EXISTS (SELECT 1 FROM _changes WHERE c = {:schema} AND record = {:collection} AND seq > {:position})`).
		WithContext(ctx).
		Bind(dbx.Params{"collection": collectionID, "position": position, "schema": schemaCollection, "now": time.Now().UnixMilli()}).
		Row(&reaches)
	if err != nil {
		return false, fmt.Errorf("changes: check the history of %s: %w", collectionID, err)
	}
	return reaches, nil
}

// ReadOf is [Log.Read] of some collections only, named by their ids or
// [SchemaCollection]. It passes over the changes of others, which is cheaper than
// to read them, but not free: there is no index over the collection.
func (l *Log) ReadOf(ctx context.Context, after int64, limit int, collections ...string) (Page, error) {
	names := make([]any, len(collections))
	for i, c := range collections {
		names[i] = c
	}
	known := []int64{}
	err := l.app.ConcurrentDB().Select("n").From("_changesNames").Where(dbx.In("collection", names...)).WithContext(ctx).Column(&known)
	if err != nil {
		return Page{}, fmt.Errorf("changes: number collections: %w", err)
	}
	list := make([]string, 0, len(known)+1)
	for _, n := range known {
		list = append(list, strconv.FormatInt(n, 10))
	}
	if slices.Contains(collections, SchemaCollection) {
		list = append(list, strconv.Itoa(schemaCollection))
	}
	return read(ctx, l.app.ConcurrentDB(), after, limit, `SELECT l.seq, l.c, COALESCE(n.collection, '') AS collection, l.record, l.deleted, l.at
		FROM _changes l LEFT JOIN _changesNames n ON n.n = l.c
		WHERE l.c IN (`+strings.Join(list, ", ")+`) AND l.seq > {:after} ORDER BY l.seq LIMIT {:limit}`)
}

// endKept drops the full log of collections that were to be kept until before now.
// What it holds of them stays for the retention.
func (l *Log) endKept(ctx context.Context, now time.Time) error {
	params := dbx.Params{"now": now.UnixMilli()}
	expired := []string{}
	err := l.app.ConcurrentDB().NewQuery(`SELECT collection FROM _changesKept WHERE until <= {:now}`).
		WithContext(ctx).Bind(params).Column(&expired)
	if err != nil || len(expired) == 0 {
		return err
	}
	return l.app.RunInTransaction(func(tx core.App) error {
		ended := []string{} // but those that were asked for meanwhile
		err := tx.DB().NewQuery(`DELETE FROM _changesKept WHERE until <= {:now} RETURNING collection`).
			WithContext(ctx).Bind(params).Column(&ended)
		if err != nil {
			return err
		}
		for _, id := range ended {
			c, err := tx.FindCollectionByNameOrId(id)
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			if err := l.installFor(tx, c, asWanted); err != nil {
				return err
			}
		}
		return nil
	})
}

// isKept tells whether somebody asked for the full log of the collection.
func isKept(tx core.App, collectionID string) (bool, error) {
	var kept bool
	err := tx.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM _changesKept WHERE collection = {:collection} AND until > {:now})`).
		Bind(dbx.Params{"collection": collectionID, "now": time.Now().UnixMilli()}).Row(&kept)
	if err != nil {
		return false, fmt.Errorf("changes: look for kept histories: %w", err)
	}
	return kept, nil
}

// restartKept notes that the full log of a collection has a gap that ends now.
func restartKept(tx core.App, collectionID string) error {
	_, err := tx.DB().NewQuery(`UPDATE _changesKept SET since = ` + endOfLog + `
		WHERE collection = {:collection}`).Bind(dbx.Params{"collection": collectionID}).Execute()
	if err != nil {
		return fmt.Errorf("changes: restart history: %w", err)
	}
	return nil
}
