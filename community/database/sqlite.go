package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
)

// sqliteFile is the engine of a file.
type sqliteFile struct{ path string }

// busyTimeout is how long a program waits for another one that has the file locked.
const busyTimeout = 30 * time.Second

// pragmas are for all connections. With synchronous=FULL a commit waits until it is on disk.
// secure_delete overwrites deleted data, so that no purged address stays in the file.
var pragmas = []string{
	fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
	"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "journal_size_limit(67108864)", "cache_size(-16384)",
}

func connectSQLite(ctx context.Context, path string) (*database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Only the owner may read the file. SQLite gives its other files the same mode.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: want a file that the user of this server may write, in a folder that exists", err)
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	d := &database{engine: sqliteFile{path}, name: path}
	if d.write, err = openSQLite(path, "immediate"); err != nil {
		return nil, err
	}
	d.write.SetMaxOpenConns(1)
	if err := awaitSQLite(ctx, d.write); err != nil {
		_ = d.write.Close() // the first error says more
		return nil, d.explain(err)
	}
	if d.read, err = openSQLite(path, "deferred"); err != nil {
		return nil, err
	}
	d.read.SetMaxOpenConns(8)
	d.read.SetMaxIdleConns(8)
	return d, nil
}

func openSQLite(path, lock string) (*sql.DB, error) {
	query := url.Values{"_pragma": pragmas, "_txlock": {lock}}
	at := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: query.Encode()}
	return sql.Open("sqlite", at.String())
}

// awaitSQLite opens the first connection of db. SQLite does not wait, whatever busy_timeout
// says, while another program makes a new file one with a write-ahead log, or closes it as
// the last one.
func awaitSQLite(ctx context.Context, db *sql.DB) error {
	for late := time.Now().Add(busyTimeout); ; {
		err := db.PingContext(ctx)
		if !isBusy(err) || time.Now().After(late) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func isBusy(err error) bool {
	failure, ok := errors.AsType[*sqlite.Error](err)
	return ok && failure.Code()&0xff == codeBusy
}

func (sqliteFile) words() *strings.Replacer {
	return strings.NewReplacer("NUMBERED,", "INTEGER PRIMARY KEY,", "BYTES", "BLOB", ") ROWS", ") WITHOUT ROWID", "USING_ARRIVED ", "")
}

func (sqliteFile) prepare(context.Context, *sql.Tx) error { return nil }

// lock does nothing: the transaction takes the lock when it begins.
func (sqliteFile) lock(context.Context, *sql.Tx) error { return nil }

// again is never needed: the holder of the lock is the only writer.
func (sqliteFile) again(error) bool { return false }

func (sqliteFile) lost(error) bool { return false }

// announce does nothing: other servers poll the file.
func (sqliteFile) announce(context.Context, *sql.Tx) error { return nil }

func (sqliteFile) listen(ctx context.Context, _ func()) { <-ctx.Done() }

// Codes of SQLite's errors; the upper bits have details.
const (
	codeBusy     = 5
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

func (sqliteFile) advice(err error) string {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return ""
	}
	switch failure.Code() & 0xff {
	case codeBusy:
		return fmt.Sprintf("another program has had the file locked for %.0f s: end it, or use PostgreSQL for several servers", busyTimeout.Seconds())
	case codeReadOnly, codeCantOpen:
		return "the user of this server must own the file and its folder, and may write to both"
	case codeIO:
		return "the disk cannot be read or written: look at the system's log and at the space that is left"
	case codeFull:
		return "the disk is full: make room, and what is sent again will be kept"
	case codeCorrupt, codeNotADB:
		return "the file is damaged or none of SQLite's: restore a backup"
	}
	return ""
}
