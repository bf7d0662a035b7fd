// Package database keeps the signals and the accounts of a community in SQLite or PostgreSQL.
//
// A place is the path of a file, for SQLite, or a URL such as
// postgres://user:password@host/name. SQLite is for one server, or some on one machine;
// PostgreSQL for many. What a transaction wrote is on disk when it is acknowledged, and servers
// with one database write in turn. PostgreSQL is best reached directly: of poolers in front of
// it, those in session mode work.
//
// SQLite keeps accounts in a file of their own, beside that of the store, and PostgreSQL in a
// schema of their own or wherever another URL says.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// A database is one place with one layout.
type database struct {
	engine
	name        string  // of the place, without a password
	write, read *sql.DB // the same for PostgreSQL
}

// An engine is what SQLite and PostgreSQL do each in its way.
type engine interface {
	// words replaces what a layout leaves open.
	words() *strings.Replacer
	// prepare makes what tables are made in.
	prepare(ctx context.Context, tx *sql.Tx) error
	// lock makes a transaction the only one that writes.
	lock(ctx context.Context, tx *sql.Tx) error
	// again reports whether a transaction that failed so can be tried once more.
	again(err error) bool
	// lost reports whether an error says that a connection ended.
	lost(err error) bool
	// advice says what an operator can do about an error; empty: unknown.
	advice(err error) string
	// announce tells other servers of a change of the list.
	announce(ctx context.Context, tx *sql.Tx) error
	// listen calls heard when another server announces a change, until ctx ends or it cannot
	// hear any more.
	listen(ctx context.Context, heard func())
}

// connect opens a place, and gives it its layout.
func connect(ctx context.Context, place, kind string) (*database, error) {
	var d *database
	var err error
	if isURL(place) {
		d, err = connectPostgres(place, kind)
	} else {
		d, err = connectSQLite(place)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s database: %w", kind, err)
	}
	if err := d.migrate(ctx, kind); err != nil {
		_ = d.close() // the first error says more
		return nil, fmt.Errorf("opening %s database: %w", kind, err)
	}
	return d, nil
}

func isURL(place string) bool {
	return strings.HasPrefix(place, "postgres://") || strings.HasPrefix(place, "postgresql://")
}

// AccountsPlace returns where the accounts of a store are unless an operator says something
// else: the file beside its file, or the same URL.
func AccountsPlace(store string) string {
	if isURL(store) {
		return store
	}
	ext := filepath.Ext(store)
	return strings.TrimSuffix(store, ext) + "-accounts" + ext
}

func (d *database) close() error {
	err := d.write.Close()
	if d.read != d.write {
		if err := d.read.Close(); err != nil {
			return d.explain(err)
		}
	}
	return d.explain(err)
}

// tries is how often a transaction is tried that met another one, or a lost connection.
const tries = 5

// update calls f in a transaction that is alone, and commits it if f returns nil.
func (d *database) update(ctx context.Context, f func(s *session) error) error {
	for try := 1; ; try++ {
		err := d.updateOnce(ctx, f)
		if err == nil || try == tries || !d.again(err) {
			return err
		}
	}
}

func (d *database) updateOnce(ctx context.Context, f func(s *session) error) error {
	tx, err := d.begin(ctx, d.write, nil, d.lock)
	if err != nil {
		return d.failed(ctx, "beginning to write", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	s := &session{ctx: ctx, tx: tx, database: d}
	if err := f(s); err != nil {
		return err
	}
	if s.err != nil { // even if f forgot it
		return s.err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return d.failed(ctx, "committing", tx.Commit())
}

// view calls f with a consistent state.
func (d *database) view(ctx context.Context, f func(s *session) error) error {
	tx, err := d.begin(ctx, d.read, &sql.TxOptions{ReadOnly: true, Isolation: d.isolation()}, nil)
	if err != nil {
		return d.failed(ctx, "beginning to read", err)
	}
	defer tx.Rollback() //nolint:errcheck // it wrote nothing
	s := &session{ctx: ctx, tx: tx, database: d}
	if err := f(s); err != nil {
		return err
	}
	return s.err
}

// begin begins a transaction, on another connection if the one that it got was lost meanwhile,
// as all are when a database restarts.
func (d *database) begin(ctx context.Context, db *sql.DB, o *sql.TxOptions, lock func(context.Context, *sql.Tx) error) (*sql.Tx, error) {
	for try := 1; ; try++ {
		tx, err := db.BeginTx(ctx, o)
		if err == nil && lock != nil {
			if err = lock(ctx, tx); err != nil {
				_ = tx.Rollback() // nothing was done in it
			}
		}
		if err == nil {
			return tx, nil
		}
		if try == tries || ctx.Err() != nil || !d.lost(err) {
			return nil, err
		}
	}
}

// isolation gives a reading transaction one state from its begin to its end. SQLite does that
// anyway.
func (d *database) isolation() sql.IsolationLevel {
	if d.read == d.write {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// failed says what failed, where, and what to do. The error of a context comes first.
func (d *database) failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", doing, ended)
	}
	return fmt.Errorf("%s: %w", doing, d.explain(err))
}

// explain adds to an error where it was, and what an operator can do.
func (d *database) explain(err error) error {
	if err == nil {
		return nil
	}
	if advice := d.advice(err); advice != "" {
		return fmt.Errorf("%s: %w: %s", d.name, err, advice)
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

// nanos is how a time is kept; 0: none.
func nanos(t time.Time) int64 {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1678:
		return 1
	case t.Year() > 2261:
		return 1<<63 - 1
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
