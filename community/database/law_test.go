//go:build unix

package database_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"
)

// L23: whoever adds a table with addresses has to say in [community.Limits] when its rows are
// deleted, and then adds it here.
func TestL23NoOtherTableHasAddresses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "community.db")
	open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := texts(t, db, "SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'unit' ORDER BY m.name")
	if want := []string{"cases", "changes", "credits", "faults", "ordinary", "records", "reports"}; !slices.Equal(got, want) {
		t.Errorf("tables %q; want %q", got, want)
	}
}
