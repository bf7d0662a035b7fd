//go:build unix

package database_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/database"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, place string) *database.Store {
	t.Helper()
	s, err := database.Open(context.Background(), place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// says fails the test if an error lacks one of the texts.
func says(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error; want one with %q", texts)
		return
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got error %q; want one with %q", err, text)
		}
	}
}

func TestABackendThatEndsInATransactionTakesNothingElseDown(t *testing.T) {
	s := open(t, postgresURL(t))
	if _, err := appendNext(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	end := func() {
		execute(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tocsin'")
	}
	err := s.Update(t.Context(), func(tx community.Tx) error {
		if err := tx.PutSetting("half", []byte("written")); err != nil {
			return err
		}
		end()
		return tx.PutSetting("other", []byte("written"))
	})
	says(t, err, "keeping setting: postgres:///postgres?", "what is sent again will be kept")
	for n := 2; n < 9; n++ {
		if got, err := appendNext(t.Context(), s); got != n || err != nil {
			t.Fatalf("got number %d, error %v; want %d and none", got, err, n)
		}
		checkSetting(t, s, "count", strconv.Itoa(n))
		end() // now without a transaction
	}
	checkSetting(t, s, "half", "")
	// Waiting callers still learn of changes.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := make(chan error)
	go func() { done <- s.Wait(ctx, 8) }()
	if _, err := appendNext(t.Context(), open(t, postgres(t).URL("postgres"))); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func checkSetting(t *testing.T, s community.Store, name, want string) {
	t.Helper()
	err := s.View(t.Context(), func(tx community.ReadTx) error {
		value, err := tx.Setting(name)
		if string(value) != want {
			t.Errorf("setting %s: got %q; want %q", name, value, want)
		}
		if errors.Is(err, community.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnErrorThatAFunctionForgetsIsNotCommitted(t *testing.T) {
	for name, place := range map[string]func(testing.TB) string{
		"SQLite":     func(t testing.TB) string { return filepath.Join(t.TempDir(), "community.db") },
		"PostgreSQL": postgresURL,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, place(t))
			err := s.Update(t.Context(), func(tx community.Tx) error {
				_, first := tx.PutCase(community.Case{Ticket: "T"})
				_ = tx.PutRecord(community.Record{}) // fine: a record of no unit
				_ = tx.Suppress(nil, noon)           // not fine: NULL
				return first
			})
			says(t, err, "keeping suppression")
			err = s.View(t.Context(), func(tx community.ReadTx) error {
				_, err := tx.CaseByTicket("T")
				return err
			})
			if !errors.Is(err, community.ErrNotFound) {
				t.Errorf("got error %v; want that the case is not there", err)
			}
		})
	}
}

func TestErrorsSayWhereAndWhatToDo(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(dir, "good.db")
	accounts, err := database.OpenAccounts(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	defer accounts.Close()
	for _, row := range []struct {
		place string
		texts []string
	}{
		{filepath.Join(dir, "none", "community.db"), []string{"opening community database", filepath.Join(dir, "none", "community.db"), "in a folder that exists"}},
		{dir, []string{dir, "want a file"}},
		{garbage, []string{garbage, "restore a backup"}},
		{good, []string{good, `kind "accounts"`, `want one of kind "community"`}},
		{"postgres://tocsin:swordfish@127.0.0.1:1/tocsin?sslpassword=swordfish", []string{"postgres://tocsin:xxxxx@127.0.0.1:1/tocsin", "is PostgreSQL running"}},
		{"postgres://tocsin:swordfish@127.0.0.1:port/tocsin", []string{"want a URL such as"}},
		{"postgres://tocsin:swordfish@127.0.0.1/tocsin?sslmode=never", []string{"postgres://tocsin:xxxxx@127.0.0.1/tocsin", "want a URL such as"}},
	} {
		s, err := database.Open(t.Context(), row.place)
		if err == nil {
			s.Close()
		}
		says(t, err, row.texts...)
		if strings.Contains(err.Error(), "swordfish") {
			t.Errorf("the error has the password: %v", err)
		}
	}
	postgresURL(t)
	_, err = database.Open(t.Context(), postgres(t).URL("nowhere"))
	says(t, err, "postgres:///nowhere?", "createdb")
}

func TestALayoutOfANewerProgramIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "community.db")
	for name, row := range map[string]struct{ driver, source, place, table string }{
		"SQLite":     {"sqlite", path, path, "layout"},
		"PostgreSQL": {"pgx", "", "", "tocsin_community.layout"},
	} {
		t.Run(name, func(t *testing.T) {
			if row.place == "" {
				row.place = postgresURL(t)
				row.source = row.place
			}
			open(t, row.place).Close()
			db, err := sql.Open(row.driver, row.source)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("UPDATE " + row.table + " SET version = 9"); err != nil {
				t.Fatal(err)
			}
			_, err = database.Open(t.Context(), row.place)
			says(t, err, "a newer tocsin made layout 9", "up to 2")
		})
	}
}

func TestOnlyTheOwnerReadsTheFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "community.db"))
	if _, err := appendNext(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"community.db", "community.db-wal", "community.db-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v; want 0600", name, info.Mode())
		}
	}
}

func TestWhatIsPurgedIsNotInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "community.db")
	s := open(t, path)
	write := func(f func(tx community.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx community.Tx) error {
		_, _, err := tx.Append(community.Report{Scenario: "name-of-a-person", Last: noon})
		_, filing := tx.PutCase(community.Case{Text: "letter-of-a-person", State: community.Rejected, Decided: noon})
		return errors.Join(err, filing)
	})
	write(func(tx community.Tx) error {
		_, _, err := tx.Purge(community.Limits{Reports: noon.Add(1), Cases: noon.Add(1)}, 99)
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("of-a-person")) {
		t.Error("the file still has what was purged")
	}
}

func TestAccountsAreBesideTheStore(t *testing.T) {
	older, both := t.TempDir(), t.TempDir()
	for _, file := range []string{older + "/community-accounts.db", both + "/community-accounts.db", both + "/community.accounts.db"} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for store, want := range map[string]string{
		"/var/lib/tocsin/community.db": "/var/lib/tocsin/community.accounts.db",
		"community":                    "community.accounts",
		"postgres://h/x":               "postgres://h/x",
		older + "/community.db":        older + "/community-accounts.db",
		both + "/community.db":         both + "/community.accounts.db",
	} {
		if got := database.AccountsPlace(store); got != want {
			t.Errorf("%s: got %s; want %s", store, got, want)
		}
	}
	// Both can be in one PostgreSQL database.
	place := postgresURL(t)
	open(t, place)
	accounts, err := database.OpenAccounts(t.Context(), database.AccountsPlace(place))
	if err != nil {
		t.Fatal(err)
	}
	defer accounts.Close()
	if err := accounts.Add(t.Context(), community.Account{Login: "web1"}); err != nil {
		t.Error(err)
	}
}
