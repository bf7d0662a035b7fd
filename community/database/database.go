// Package database keeps the signals and the accounts of a community in SQLite or PostgreSQL.
//
// A place is the path of a file, for SQLite, or a URL such as
// postgres://user:password@host/name. SQLite is for one server, or some on one machine;
// PostgreSQL for many. An acknowledged transaction is on disk, and servers with one database
// write in turn. Connect to PostgreSQL directly, or through a pooler in session mode.
//
// Accounts are separate from the store: in SQLite in a second file beside it, in PostgreSQL in
// a second schema or at another URL.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A database is a place with a layout.
type database struct {
	engine
	name        string  // the place, without a password
	write, read *sql.DB // the same for PostgreSQL
}

// An engine has the differences between SQLite and PostgreSQL.
type engine interface {
	// words replaces the placeholders of a layout.
	words() *strings.Replacer
	// prepare makes the file or schema for the tables.
	prepare(ctx context.Context, tx *sql.Tx) error
	// lock makes a transaction the only one that writes.
	lock(ctx context.Context, tx *sql.Tx) error
	// again reports whether a transaction that failed with an error can be retried.
	again(err error) bool
	// lost reports whether an error means that a connection ended.
	lost(err error) bool
	// advice tells the operator what to do about an error; empty: unknown.
	advice(err error) string
	// announce tells other servers of a change of the list.
	announce(ctx context.Context, tx *sql.Tx) error
	// listen calls heard when another server announces a change, until ctx ends or the
	// connection fails.
	listen(ctx context.Context, heard func())
}

// connect opens a place, and migrates its layout.
func connect(ctx context.Context, place, kind string) (*database, error) {
	var d *database
	var err error
	if isURL(place) {
		d, err = connectPostgres(place, kind)
	} else {
		d, err = connectSQLite(ctx, place)
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

// AccountsPlace returns the default place for the accounts of a store: a file beside its file,
// such as community.accounts.db, or the same URL. Programs without Caddy used community-accounts.db
// before; if only that file is there, it is the place.
func AccountsPlace(store string) string {
	if isURL(store) {
		return store
	}
	ext := filepath.Ext(store)
	stem := strings.TrimSuffix(store, ext)
	place, earlier := stem+".accounts"+ext, stem+"-accounts"+ext
	if !exists(place) && exists(earlier) {
		return earlier
	}
	return place
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
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

// tries is how often a transaction runs at most after conflicts or lost connections.
const tries = 5

// update calls f in the only writing transaction, and commits if f returns nil.
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
	if s.err != nil { // even if f ignored it
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

// begin starts a transaction. If its connection was lost, for example because the database
// restarted, it uses another one.
func (d *database) begin(ctx context.Context, db *sql.DB, o *sql.TxOptions, lock func(context.Context, *sql.Tx) error) (*sql.Tx, error) {
	for try := 1; ; try++ {
		tx, err := db.BeginTx(ctx, o)
		if err == nil && lock != nil {
			if err = lock(ctx, tx); err != nil {
				_ = tx.Rollback() // it has done nothing
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

// isolation gives a reading transaction one consistent state. SQLite always does that.
func (d *database) isolation() sql.IsolationLevel {
	if d.read == d.write {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// failed adds to an error what failed, where, and what to do. It prefers the error of a context.
func (d *database) failed(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s: %w", doing, ended)
	}
	return fmt.Errorf("%s: %w", doing, d.explain(err))
}

// explain adds to an error the place and the advice for the operator.
func (d *database) explain(err error) error {
	if err == nil {
		return nil
	}
	if advice := d.advice(err); advice != "" {
		return fmt.Errorf("%s: %w: %s", d.name, err, advice)
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

// nanos converts a time for the database; 0: no time.
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
