// Package golden holds files that are made from the code: what stands in one has to be what
// the code says now.
package golden

import (
	"os"
	"testing"
)

// File holds that a file has the text want. If update is set, it writes that into the file.
// Command is what sets it, for who reads the error.
func File(t *testing.T, file, want string, update bool, command string) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil { //nolint:gosec // a page that everybody may read
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says: %s", file, command)
	}
}
