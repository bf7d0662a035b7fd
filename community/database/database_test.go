package database_test

import (
	"path/filepath"
	"testing"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

func TestSQLiteIsAStore(t *testing.T) {
	storetest.Store(t, func(t *testing.T) func() (community.Store, error) {
		path := filepath.Join(t.TempDir(), "community #1?.db")
		return func() (community.Store, error) { return database.Open(t.Context(), path) }
	})
}

func TestSQLiteIsAccounts(t *testing.T) {
	storetest.Accounts(t, func(t *testing.T) func() (community.Accounts, error) {
		path := filepath.Join(t.TempDir(), "accounts.db")
		return func() (community.Accounts, error) { return database.OpenAccounts(t.Context(), path) }
	})
}
