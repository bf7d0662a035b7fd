// Package golden compares files that are generated from the code with what the code
// would generate now.
package golden

import (
	"os"
	"testing"
)

// File checks that a file has the text want. If update is set, it writes the text
// instead. The error shows command, which sets update.
func File(t *testing.T, file, want string, update bool, command string) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil { //nolint:gosec // a public page
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is out of date: run %s", file, command)
	}
}
