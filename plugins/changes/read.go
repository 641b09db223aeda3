package changes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/pocketbase/dbx"
)

// SchemaCollection is the collection of a [Change] of a collection itself: a new
// field or rule, a rename, a drop. Its Record is the id of the collection.
const SchemaCollection = "_collections"

var (
	// ErrUnknownPosition is returned for a position that this database never
	// reached: it is of another server, or of a timeline that a restored backup
	// has undone. The reader starts again from 0.
	ErrUnknownPosition = errors.New("the position is not one of this change log")

	// ErrTooOld is returned for a position from before the oldest deletion that
	// the log remembers. What the reader holds may contain records that are gone.
	ErrTooOld = errors.New("the position is older than what the change log remembers")
)

// Change says that a record changed. Of several changes of one record the
// compact log tells the last one only; the full log tells each.
type Change struct {
	// Seq is the position of the change. Positions grow in the order of the
	// commits. They are below 2^53.
	Seq int64
	// Collection is the id of the collection, or [SchemaCollection].
	Collection string
	// Record is the id of the record.
	Record string
	// Deleted tells that the record is gone.
	Deleted bool
	// At is when the change was made, by the server's clock.
	At time.Time

	// Before and After are the row as a JSON object of raw column values, nil
	// where there is none. Only the full log has them. Passwords and token keys
	// are left out.
	Before, After json.RawMessage

	// Attribution says where the change came from. Only the full log has it.
	Attribution
}

// Attribution is the origin of a change.
type Attribution struct {
	// ActorCollection and Actor are the id of the collection and of the auth
	// record that made the request, empty for guests and for changes from outside
	// a request.
	ActorCollection, Actor string
	// Request is the id of the request.
	Request string
	// Origin is "api" for requests, what [WithOrigin] named, or empty for
	// everything else, such as raw SQL.
	Origin string
	// Trace is where in a trace the change was made, see [Tracer]. It is empty without
	// one.
	Trace string
}

// Page is a stretch of the log.
type Page struct {
	Changes []Change
	// Next is the position to go on from. It moves on even if nothing was found.
	Next int64
	// UpToDate tells that there was nothing behind this page.
	UpToDate bool
}

// Head returns the position of the last committed change.
func (l *Log) Head(ctx context.Context) (int64, error) {
	return head(ctx, l.app.ConcurrentDB())
}

func head(ctx context.Context, db dbx.Builder) (int64, error) {
	var seq int64
	err := db.NewQuery(`SELECT COALESCE(` + endOfLog + `, 0)`).WithContext(ctx).Row(&seq)
	if err != nil {
		return 0, fmt.Errorf("changes: read head: %w", err)
	}
	return seq, nil
}

// Read returns up to limit changes after a position, in order, each record once.
// Position 0 is the beginning of everything.
func (l *Log) Read(ctx context.Context, after int64, limit int) (Page, error) {
	return l.ReadFrom(ctx, l.app.ConcurrentDB(), after, limit)
}

// ReadFrom is [Log.Read] within the transaction of the caller, so that the
// changes and the records it reads beside them are of one moment.
func (l *Log) ReadFrom(ctx context.Context, db dbx.Builder, after int64, limit int) (Page, error) {
	return read(ctx, db, after, limit, `SELECT l.seq, l.c, COALESCE(n.collection, '') AS collection, l.record, l.deleted, l.at
		FROM _changes l LEFT JOIN _changesNames n ON n.n = l.c
		WHERE l.seq > {:after} AND l.c >= 0 ORDER BY l.seq LIMIT {:limit}`)
}

// History returns up to limit rows of the full log after a position, in order.
func (l *Log) History(ctx context.Context, after int64, limit int) (Page, error) {
	return read(ctx, l.app.ConcurrentDB(), after, limit, `SELECT h.*, h.after IS NULL AS deleted, COALESCE(n.collection, '') AS collection
		FROM _changesHistory h LEFT JOIN _changesNames n ON n.n = h.c
		WHERE h.seq > {:after} ORDER BY h.seq LIMIT {:limit}`)
}

// HistoryOf is [Log.History] of some collections only, named by their ids.
func (l *Log) HistoryOf(ctx context.Context, after int64, limit int, collections ...string) (Page, error) {
	names, err := json.Marshal(collections)
	if err != nil {
		return Page{}, fmt.Errorf("changes: name collections: %w", err)
	}
	return read(ctx, l.app.ConcurrentDB(), after, limit, `SELECT h.*, h.after IS NULL AS deleted, COALESCE(n.collection, '') AS collection
		FROM _changesHistory h LEFT JOIN _changesNames n ON n.n = h.c
		WHERE h.seq > {:after} AND h.c IN (SELECT n FROM _changesNames WHERE collection IN (SELECT value FROM json_each({:collections})))
		ORDER BY h.seq LIMIT {:limit}`, dbx.Params{"collections": string(names)})
}

type row struct {
	Seq             int64   `db:"seq"`
	C               int64   `db:"c"`
	Collection      string  `db:"collection"`
	Record          string  `db:"record"`
	Deleted         bool    `db:"deleted"`
	At              int64   `db:"at"`
	Before          *string `db:"before"`
	After           *string `db:"after"`
	ActorCollection string  `db:"actorCollection"`
	Actor           string  `db:"actor"`
	Request         string  `db:"request"`
	Origin          string  `db:"origin"`
	Trace           string  `db:"trace"`
}

func read(ctx context.Context, db dbx.Builder, after int64, limit int, query string, more ...dbx.Params) (Page, error) {
	if limit < 1 {
		return Page{}, fmt.Errorf("changes: limit must be at least 1, got %d", limit)
	}
	// The head first: read after the rows it could have moved past one that the
	// rows do not show.
	end, err := head(ctx, db)
	if err != nil {
		return Page{}, err
	}
	rows := make([]row, 0, min(limit, 256))
	params := dbx.Params{"after": after, "limit": limit}
	for _, p := range more {
		maps.Copy(params, p)
	}
	err = db.NewQuery(query).WithContext(ctx).Bind(params).All(&rows)
	if err != nil {
		return Page{}, fmt.Errorf("changes: read log: %w", err)
	}

	page := Page{Changes: make([]Change, len(rows)), UpToDate: len(rows) < limit}
	for i, r := range rows {
		page.Changes[i] = r.change()
	}
	page.Next = max(after, end)
	if len(rows) > 0 && (!page.UpToDate || rows[len(rows)-1].Seq > end) {
		page.Next = rows[len(rows)-1].Seq
	}
	return page, nil
}

func (r row) change() Change {
	c := Change{
		Seq: r.Seq, Collection: r.Collection, Record: r.Record, Deleted: r.Deleted, At: time.UnixMilli(r.At).UTC(),
		Attribution: Attribution{ActorCollection: r.ActorCollection, Actor: r.Actor, Request: r.Request, Origin: r.Origin, Trace: r.Trace},
	}
	if r.C == schemaCollection {
		c.Collection = SchemaCollection
	}
	if r.Before != nil {
		c.Before = json.RawMessage(*r.Before)
	}
	if r.After != nil {
		c.After = json.RawMessage(*r.After)
	}
	return c
}

// Check tells whether a reader can go on from a position: nil, or
// [ErrUnknownPosition], or [ErrTooOld], or what the database said.
func (l *Log) Check(ctx context.Context, position int64) error {
	if position == 0 {
		return nil
	}
	state := struct {
		Known bool  `db:"known"`
		Floor int64 `db:"floor"`
	}{}
	// A position is known if one life of the database has given it out: it lies
	// between the start of that life and the end that the next one found.
	err := l.app.ConcurrentDB().NewQuery(`SELECT
			EXISTS (SELECT 1 FROM (SELECT start, COALESCE(LEAD(previousEnd) OVER (ORDER BY start), ` + endOfLog + `) AS finish FROM _changesBoots)
				WHERE {:position} BETWEEN start AND finish) AS known,
			(SELECT seq FROM _changesFloor) AS floor`).
		WithContext(ctx).Bind(dbx.Params{"position": position}).One(&state)
	if err != nil {
		return fmt.Errorf("changes: check position: %w", err)
	}
	if !state.Known {
		return ErrUnknownPosition
	}
	if position < state.Floor {
		return ErrTooOld
	}
	return nil
}

// Wait returns as soon as there are changes after a position, with the position
// of the last one, or when ctx is done. Any number of readers may wait; waiting
// costs no query.
func (l *Log) Wait(ctx context.Context, after int64) (int64, error) {
	return l.signal.wait(ctx, after)
}
