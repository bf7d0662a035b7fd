//go:build unix

package database_test

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/tocsin-project/tocsin/internal/postgrestest"
)

// started is the PostgreSQL server that all tests share.
var started = sync.OnceValues(postgrestest.Start)

func TestMain(m *testing.M) {
	if path := os.Getenv("TOCSIN_TEST_APPEND"); path != "" {
		appendForever(path)
	}
	code := m.Run()
	if postgresUsed.Load() {
		if s, err := started(); err == nil {
			s.Close()
		}
	}
	os.Exit(code)
}

// postgresUsed says that a test asked for the server.
var postgresUsed atomic.Bool

// postgres returns the server. Without PostgreSQL the test is skipped.
func postgres(t testing.TB) *postgrestest.Server {
	t.Helper()
	postgresUsed.Store(true)
	s, err := started()
	if err != nil {
		postgrestest.Missing(t, err)
	}
	return s
}

// postgresURL returns the URL of an empty database: the same for each test.
func postgresURL(t testing.TB) string {
	t.Helper()
	// To make another database takes longer than to empty this one.
	execute(t, "DROP SCHEMA IF EXISTS tocsin_community, tocsin_accounts CASCADE")
	return postgres(t).URL("postgres")
}

// execute runs a statement as the owner of the server.
func execute(t testing.TB, statement string) {
	t.Helper()
	if err := postgres(t).Exec(statement); err != nil {
		t.Fatal(err)
	}
}
