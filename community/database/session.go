package database

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tocsin-project/tocsin/community"
)

// A session is a transaction of a database.
type session struct {
	*database
	ctx context.Context
	tx  *sql.Tx
	err error // first error of the database: nothing is committed after it
}

// A row is a row of a result.
type row interface{ Scan(into ...any) error }

// exec changes rows, and returns their number.
func (s *session) exec(doing, statement string, args ...any) (int64, error) {
	result, err := s.tx.ExecContext(s.ctx, statement, texts(args)...)
	if err != nil {
		return 0, s.fail(doing, err)
	}
	n, err := result.RowsAffected()
	return n, s.fail(doing, err)
}

// must changes rows and ignores their number.
func (s *session) must(doing, statement string, args ...any) error {
	_, err := s.exec(doing, statement, args...)
	return err
}

// one reads one row, or returns ErrNotFound.
func (s *session) one(doing, query string, args []any, into ...any) error {
	err := s.tx.QueryRowContext(s.ctx, query, texts(args)...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return community.ErrNotFound
	}
	return s.fail(doing, err)
}

// each calls see with each row, until it returns false.
func (s *session) each(doing string, see func(row) (bool, error), query string, args ...any) error {
	rows, err := s.tx.QueryContext(s.ctx, query, texts(args)...)
	if err != nil {
		return s.fail(doing, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has the error
	for rows.Next() {
		if ok, err := see(rows); err != nil || !ok {
			return s.fail(doing, err)
		}
	}
	return s.fail(doing, rows.Err())
}

// all reads rows.
func all[V any](s *session, doing string, read func(row) (V, error), query string, args ...any) ([]V, error) {
	var values []V
	err := s.each(doing, func(r row) (bool, error) {
		v, err := read(r)
		values = append(values, v)
		return true, err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return values, nil
}

// fail notes an error of the database.
func (s *session) fail(doing string, err error) error {
	err = s.failed(s.ctx, doing, err)
	if s.err == nil {
		s.err = err
	}
	return err
}

// texts converts texts to a form that every database accepts.
func texts(args []any) []any {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = community.StoredText(text)
		}
	}
	return args
}

// flag converts a bool for the database.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
