package idempotency

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// The table. It is a plain one, because a collection would cost a validation and
// a hook chain for each write, and its name starts with an underscore as
// PocketBase's own. kept is 0 for a write that is done and whose answer is not
// there, status 0 for one whose answer was not known at the commit.
var tables = []string{
	`CREATE TABLE IF NOT EXISTS _idempotency (
		caller TEXT NOT NULL, [[key]] TEXT NOT NULL, fingerprint BLOB NOT NULL, at INTEGER NOT NULL,
		kept INTEGER NOT NULL DEFAULT 0, status INTEGER NOT NULL DEFAULT 0,
		headers TEXT NOT NULL DEFAULT '', body BLOB,
		PRIMARY KEY (caller, [[key]]))`,
	`CREATE INDEX IF NOT EXISTS _idempotency_at ON _idempotency (at)`,
}

// install makes the table. It runs at every bootstrap.
func install(app core.App) error {
	for _, statement := range tables {
		if _, err := app.DB().NewQuery(statement).Execute(); err != nil {
			return fmt.Errorf("idempotency: create the table: %w", err)
		}
	}
	return nil
}

// answer is what a write was answered with.
type answer struct {
	fingerprint []byte
	kept        bool
	status      int
	header      http.Header
	body        []byte
}

// expiry is the time, in Unix milliseconds, before which answers count as gone.
func (p *Plugin) expiry() int64 { return p.config.Now().Add(-p.config.Retention).UnixMilli() }

// find returns the answer of the key, nil when there is none.
func (p *Plugin) find(app core.App, id identity) (*answer, error) {
	var row struct {
		Fingerprint []byte `db:"fingerprint"`
		Kept        bool   `db:"kept"`
		Status      int    `db:"status"`
		Headers     string `db:"headers"`
		Body        []byte `db:"body"`
	}
	err := app.DB().NewQuery(`SELECT fingerprint, kept, status, headers, body FROM _idempotency
		WHERE caller = {:caller} AND [[key]] = {:key} AND at >= {:expiry}`).
		Bind(dbx.Params{"caller": id.caller, "key": id.key, "expiry": p.expiry()}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("idempotency: find an answer: %w", err)
	}
	found := &answer{fingerprint: row.Fingerprint, kept: row.Kept, status: row.Status, body: row.Body}
	if row.Headers != "" {
		if err := json.Unmarshal([]byte(row.Headers), &found.header); err != nil {
			return nil, fmt.Errorf("idempotency: read the headers of an answer: %w", err)
		}
	}
	return found, nil
}

// claim takes the key for the transaction, and reports whether it was free. It
// is the first statement of the transaction: whoever else claims the same key,
// in this or another process, waits until it is over.
func (p *Plugin) claim(tx core.App, id identity, fingerprint []byte) (bool, error) {
	result, err := tx.DB().NewQuery(`INSERT INTO _idempotency (caller, [[key]], fingerprint, at)
		VALUES ({:caller}, {:key}, {:fingerprint}, {:now})
		ON CONFLICT (caller, [[key]]) DO UPDATE
		SET fingerprint = excluded.fingerprint, at = excluded.at, kept = 0, status = 0, headers = '', body = NULL
		WHERE _idempotency.at < {:expiry}`).
		Bind(dbx.Params{
			"caller": id.caller, "key": id.key, "fingerprint": fingerprint,
			"now": p.config.Now().UnixMilli(), "expiry": p.expiry(),
		}).Execute()
	if err != nil {
		return false, fmt.Errorf("idempotency: claim a key: %w", err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// keep stores the answer of a claimed key.
func keep(app core.App, id identity, a *answer) error {
	headers := ""
	if len(a.header) > 0 {
		encoded, err := json.Marshal(a.header)
		if err != nil {
			return fmt.Errorf("idempotency: write the headers of an answer: %w", err)
		}
		headers = string(encoded)
	}
	_, err := app.DB().NewQuery(`UPDATE _idempotency
		SET kept = {:kept}, status = {:status}, headers = {:headers}, body = {:body}
		WHERE caller = {:caller} AND [[key]] = {:key}`).
		Bind(dbx.Params{
			"caller": id.caller, "key": id.key, "kept": a.kept, "status": a.status, "headers": headers, "body": a.body,
		}).Execute()
	if err != nil {
		return fmt.Errorf("idempotency: keep an answer: %w", err)
	}
	return nil
}

// pruneRows is how many rows are deleted at a time, so that other writers get
// their turn in between.
const pruneRows = 500

// prune deletes the answers that count as gone.
func (p *Plugin) prune(app core.App) {
	for {
		result, err := app.DB().NewQuery(`DELETE FROM _idempotency WHERE rowid IN
			(SELECT rowid FROM _idempotency WHERE at < {:expiry} LIMIT {:rows})`).
			Bind(dbx.Params{"expiry": p.expiry(), "rows": pruneRows}).Execute()
		if err != nil {
			app.Logger().Error("Old answers could not be deleted.", slog.String("plugin", "idempotency"), slog.Any("error", err))
			return
		}
		if n, err := result.RowsAffected(); err != nil || n < pruneRows {
			return
		}
	}
}
