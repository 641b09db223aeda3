package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdall-go/holdall/internal/sqlite"
)

// rawLoad is statements without a server.
type rawLoad struct {
	name       string
	workers    int
	operations int // of one run, 1 unless it is set
	run        func(ctx context.Context, db *sql.DB, n uint64) error
}

func rawLoads(posts int) []rawLoad {
	return []rawLoad{
		{name: "SQLite, a row by id", workers: 2, run: func(ctx context.Context, db *sql.DB, n uint64) error {
			return readAll(ctx, db, "SELECT * FROM posts WHERE id = ?", laneID('p', int(spread(posts)(n))))
		}},
		{name: "SQLite, 30 rows, the newest first", workers: 2, run: func(ctx context.Context, db *sql.DB, n uint64) error {
			return readAll(ctx, db, "SELECT * FROM posts ORDER BY created DESC LIMIT 30 OFFSET ?", 30*(n%4))
		}},
		{name: "SQLite, the number of all rows", workers: 2, run: func(ctx context.Context, db *sql.DB, _ uint64) error {
			return readAll(ctx, db, "SELECT COUNT(*) FROM posts")
		}},
		{name: "SQLite, a row inserted, each in a transaction", workers: 1, run: func(ctx context.Context, db *sql.DB, n uint64) error {
			return insertRows(ctx, db, 'x', n, 1)
		}},
		{name: "SQLite, a row inserted, 50 in a transaction", workers: 1, operations: 50, run: func(ctx context.Context, db *sql.DB, n uint64) error {
			return insertRows(ctx, db, 'y', n, 50)
		}},
	}
}

func readAll(ctx context.Context, db *sql.DB, query string, args ...any) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	return rows.Err()
}

func insertRows(ctx context.Context, db *sql.DB, letter byte, n uint64, count int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it is committed, or there is an error already
	for i := range count {
		id := fmt.Sprintf("%c%09d%05d", letter, n, i)
		if _, err := tx.ExecContext(ctx, "INSERT INTO entries (id, created, updated, author, title, body, score, published) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			id, "2026-01-01 00:00:00.000Z", "2026-01-01 00:00:00.000Z", laneID('a', 7), "Bench",
			"The readings of the third quarter: pressure, flow, two temperatures and a note.", 12, true); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// measureSQLite runs statements on a copy of the fixture with the driver that the
// programs have, through database/sql, each load for as long as d.
func measureSQLite(ctx context.Context, fixtureDir, dir string, posts int, d time.Duration) (rows []ceilingRow, err error) {
	defer os.RemoveAll(dir)
	if err := copyTo(dir, fixtureDir); err != nil {
		return nil, err
	}
	db, err := sqlite.New().Connect(filepath.Join(dir, "data.db"))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	for _, l := range rawLoads(posts) {
		row, err := l.measure(ctx, db.DB(), d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// measure counts what the workers do, and the processor time of this process, which
// does nothing else meanwhile.
func (l rawLoad) measure(ctx context.Context, db *sql.DB, d time.Duration) (ceilingRow, error) {
	var (
		workers sync.WaitGroup
		made    atomic.Uint64
		failed  = make([]error, l.workers)
	)
	before, err := cpuTime(os.Getpid())
	if err != nil {
		return ceilingRow{}, err
	}
	began := time.Now()
	for i := range l.workers {
		workers.Go(func() {
			for time.Since(began) < d && failed[i] == nil {
				failed[i] = l.run(ctx, db, made.Add(1))
			}
		})
	}
	workers.Wait()
	wall := time.Since(began)
	after, err := cpuTime(os.Getpid())
	if err != nil {
		return ceilingRow{}, err
	}
	for _, err := range failed {
		if err != nil {
			return ceilingRow{}, err
		}
	}
	operations := float64(made.Load()) * float64(max(1, l.operations))
	return ceilingRow{
		Name: l.name, OpsPerSecond: rounded(operations / wall.Seconds()), CPUMicros: rounded((after - before).Seconds() * 1e6 / operations),
	}, nil
}
