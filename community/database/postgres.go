package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgres is the engine of a PostgreSQL server.
type postgres struct {
	config *pgx.ConnConfig
	schema string
}

// settings are for all connections. A server that hangs in a transaction blocks the others for
// at most a minute.
var settings = map[string]string{
	"application_name": "tocsin", "statement_timeout": "60s", "lock_timeout": "30s",
	"idle_in_transaction_session_timeout": "60s", "tcp_user_timeout": "30s",
	"synchronous_commit": "on",
}

func connectPostgres(place, kind string) (*database, error) {
	name := redacted(place)
	config, err := pgx.ParseConfig(place)
	if err != nil {
		return nil, fmt.Errorf("%s: want a URL such as postgres://user:password@host/name", name)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	for name, value := range settings {
		if _, ok := config.RuntimeParams[name]; !ok || name == "synchronous_commit" {
			config.RuntimeParams[name] = value
		}
	}
	p := postgres{config: config, schema: "tocsin_" + kind}
	config.RuntimeParams["search_path"] = p.schema
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(tries - 1) // the last try gets a new one
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &database{engine: p, name: name, write: db, read: db}, nil
}

// redacted returns a URL for errors: without passwords.
func redacted(place string) string {
	at, err := url.Parse(place)
	if err != nil {
		return "the database's URL"
	}
	query := at.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, "xxxxx")
		}
	}
	at.RawQuery = query.Encode()
	return at.Redacted()
}

func (postgres) words() *strings.Replacer {
	return strings.NewReplacer("NUMBERED,", "BIGINT PRIMARY KEY,", "BYTES", "BYTEA", ") ROWS", ")", "USING_ARRIVED ", "USING brin ")
}

// prepare makes the schema if it is missing. CREATE SCHEMA IF NOT EXISTS needs the right to
// create schemas even if the schema exists, so prepare checks first.
func (p postgres) prepare(ctx context.Context, tx *sql.Tx) error {
	var there bool
	err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", p.schema).Scan(&there)
	if err != nil || there {
		return err
	}
	_, err = tx.ExecContext(ctx, "CREATE SCHEMA "+pgx.Identifier{p.schema}.Sanitize())
	return err
}

// lock waits for the other writers. The number identifies this program's locks, and the schema
// the database.
func (p postgres) lock(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7467891, hashtext($1))", p.schema)
	return err
}

func (postgres) again(err error) bool {
	code := codeOf(err)
	return code == "40001" || code == "40P01" // an unexpected conflict, or a deadlock
}

func (postgres) lost(err error) bool {
	if code := codeOf(err); code != "" {
		return code == "57P01" || code == "57P02" // ended by the operator, or with the server
	}
	_, refused := errors.AsType[*pgconn.ConnectError](err)
	return !refused && !errors.Is(err, sql.ErrConnDone)
}

func codeOf(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	return ""
}

func (p postgres) announce(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_notify($1, '')", p.schema)
	return err
}

func (p postgres) listen(ctx context.Context, heard func()) {
	conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
	if err != nil {
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it only listened
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{p.schema}.Sanitize()); err != nil {
		return
	}
	for {
		heard() // also once at the start, for earlier changes
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return
		}
	}
}

func (postgres) advice(err error) string {
	code := codeOf(err)
	switch {
	case strings.HasPrefix(code, "28"):
		return "the user or the password is wrong, or pg_hba.conf does not let it in"
	case code == "3D000":
		return "make the database: createdb"
	case code == "42501":
		return "the user must own the database, or its tables: GRANT CREATE ON DATABASE"
	case code == "25006":
		return "this server is a standby or read-only: name the primary"
	case code == "53100":
		return "the database's disk is full: make room, and what is sent again will be kept"
	case code == "53300":
		return "the database has no connection left: raise max_connections"
	case code == "55P03", code == "57014":
		return "it took too long: another server hangs in a transaction, or the database is overloaded"
	case strings.HasPrefix(code, "57P"), strings.HasPrefix(code, "08"), errors.Is(err, driver.ErrBadConn):
		return "the database was stopped or restarted: what is sent again will be kept"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "is PostgreSQL running, and does the URL have its host and port?"
	}
	return ""
}
