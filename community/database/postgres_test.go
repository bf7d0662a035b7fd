//go:build unix

package database_test

import (
	"testing"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
	"github.com/tocsin-project/tocsin/internal/storetest"
)

func TestPostgreSQLIsAStore(t *testing.T) {
	storetest.Store(t, func(t *testing.T) func() (community.Store, error) {
		at := postgresURL(t)
		return func() (community.Store, error) { return database.Open(t.Context(), at) }
	})
}

func TestPostgreSQLIsAccounts(t *testing.T) {
	storetest.Accounts(t, func(t *testing.T) func() (community.Accounts, error) {
		at := postgresURL(t)
		return func() (community.Accounts, error) { return database.OpenAccounts(t.Context(), at) }
	})
}
