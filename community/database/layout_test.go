//go:build unix

package database_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/community"
)

// A database of layout 1 is brought to layout 2 with all its data.
func TestAnOlderLayoutIsMigrated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "community.db")
	const columns = "SELECT name FROM pragma_index_info('reports_unit') ORDER BY seqno"
	for _, row := range []struct {
		name, driver, indexes, columns string
		place                          func(t testing.TB) string
	}{
		{
			"SQLite", "sqlite", "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('reports', 'runs') AND sql <> '' ORDER BY name", columns,
			func(testing.TB) string { return path },
		},
		{
			"PostgreSQL", "pgx", "SELECT indexname FROM pg_indexes WHERE tablename IN ('reports', 'runs') AND indexname NOT LIKE '%pkey' ORDER BY indexname",
			"SELECT attname FROM pg_attribute WHERE attrelid = 'tocsin_community.reports_unit'::regclass ORDER BY attnum", postgresURL,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			place := row.place(t)
			s := open(t, place)
			for range 3 {
				if _, err := appendNext(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			db, err := sql.Open(row.driver, place)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			toLayout1(t, db, row.driver)
			s = open(t, place)
			if got, want := texts(t, db, row.indexes), []string{"reports_arrived", "reports_last", "reports_member", "reports_unit"}; !slices.Equal(got, want) {
				t.Errorf("indexes %q; want %q", got, want)
			}
			if got := texts(t, db, row.columns); !slices.Equal(got, []string{"unit"}) {
				t.Errorf("reports_unit has the columns %q; want the unit", got)
			}
			if n, err := appendNext(t.Context(), s); n != 4 || err != nil {
				t.Errorf("after the migration: number %d, %v; want 4", n, err)
			}
			if err := s.View(t.Context(), func(tx community.ReadTx) error {
				reports, err := tx.ReportsAfter(0, 10)
				if len(reports) != 4 {
					t.Errorf("%d reports; want 4", len(reports))
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// toLayout1 undoes the second layout.
func toLayout1(t *testing.T, db *sql.DB, driver string) {
	t.Helper()
	statements := []string{
		"DROP INDEX reports_unit", "CREATE INDEX reports_unit ON reports (unit, member, last)",
		"CREATE INDEX runs_last ON runs (last)", "UPDATE layout SET version = 1",
	}
	if driver == "pgx" {
		db.SetMaxOpenConns(1)
		statements = append([]string{"SET search_path = tocsin_community"}, statements...)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// texts returns the rows of a query.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
