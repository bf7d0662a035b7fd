package hubindex

import (
	"os"
	"path/filepath"
	"testing"
)

// What is known of a file depends on the index above it, and on the file's hash.
func TestWhereFilesAreFrom(t *testing.T) {
	const index = `{"version": 7, "appsec-rules": {"a/one": {"path": "appsec-rules/a/one.yaml",
		"versions": {"0.9": {"digest": "aa"}, "0.10": {"digest": "aa"}, "0.1": {"digest": "bb"}}}}}`
	for _, row := range []struct {
		name, index, file, sha    string
		hash, version, item       string
		isFromHub, hasIndexNearby bool
	}{
		{"as it is in the hub", index, "hub/appsec-rules/a/one.yaml", "aa", "aa", "0.10", "a/one", true, true},
		{"an old version", index, "hub/appsec-rules/a/one.yaml", "bb", "bb", "0.1", "a/one", true, true},
		{"changed", index, "hub/appsec-rules/a/one.yaml", "cc", "cc", "?", "a/one", true, true},
		{"a copy in another place", index, "hub/appsec-rules/a/two.yaml", "aa", "aa", "0.10", "", true, true},
		{"one's own", index, "hub/appsec-rules/a/two.yaml", "cc", "", "", "", false, true},
		{"an index that cannot be read", "half of an ind", "hub/appsec-rules/a/one.yaml", "aa", "aa", "", "", true, true},
		{"no index", "", "hub/appsec-rules/a/one.yaml", "aa", "aa", "", "", false, false},
		{"an index too far above", index, "hub/1/2/3/4/one.yaml", "aa", "aa", "", "", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "hub"), 0o755); err != nil {
				t.Fatal(err)
			}
			if row.index != "" {
				if err := os.WriteFile(filepath.Join(dir, "hub", ".index.json"), []byte(row.index), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, filepath.FromSlash(row.file))
			found := Indexes{}.Of(file)
			item, isFromHub := found.Item(file, row.sha)
			hash, version := found.Origin(file, row.sha)
			if hash != row.hash || version != row.version || item != row.item || isFromHub != row.isFromHub || found != nil != row.hasIndexNearby {
				t.Errorf("hash %q, version %q, item %q of the hub: %v, index: %v", hash, version, item, isFromHub, found != nil)
			}
		})
	}
}
