package waf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
)

// writeFile writes a file of CrowdSec's configuration, and returns its name.
func writeFile(t *testing.T, dir, name, content string) string {
	t.Helper()
	name = filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// Findings have the hash and the version of the rule's file in CrowdSec's hub, as the alerts of
// its own AppSec have them.
func TestWhereRulesAreFrom(t *testing.T) {
	known, changed, own := sure("own/known", "a", "certain"), sure("own/changed", "b", "certain"), sure("own/own", "d", "certain")
	hash := func(content string) string {
		sum := sha256.Sum256([]byte(content))
		return hex.EncodeToString(sum[:])
	}
	dir := t.TempDir()
	writeFile(t, dir, "hub/.index.json", fmt.Sprintf(`{"appsec-rules": {
		"own/known": {"path": "appsec-rules/own/known.yaml", "versions": {"0.1": {"digest": "aa"}, "0.2": {"digest": %q}}},
		"own/changed": {"path": "appsec-rules/own/changed.yaml", "versions": {"0.1": {"digest": "bb"}}}}}`, hash(known)))
	for name, content := range map[string]string{"known": known, "changed": changed} {
		file := writeFile(t, dir, "hub/appsec-rules/own/"+name+".yaml", content)
		if err := os.MkdirAll(filepath.Join(dir, "appsec-rules"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(file, filepath.Join(dir, "appsec-rules", name+".yaml")); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, dir, "hub/appsec-rules/own.yaml", own)
	writeFile(t, dir, "appsec-configs/own.yaml", "name: own/config\ninband_rules: [own/*]\n")
	for from, paths := range map[string][]string{
		"files": {filepath.Join(dir, "appsec-rules"), filepath.Join(dir, "hub", "appsec-rules", "own.yaml")}, "a config": {filepath.Join(dir, "appsec-configs")},
	} {
		i := inspector(t, Config{Rules: loadSuite(t, LoadConfig{Paths: paths})})
		for _, row := range []struct{ rule, argument, hash, version string }{
			{"own/known", "a", hash(known), "0.2"},
			{"own/changed", "b", hash(changed), "?"},
			{"own/own", "d", "", ""},
		} {
			if from == "a config" && row.rule == "own/own" {
				continue // it is not beside the config
			}
			v := ask(t, i, inspect.Details{}, "/?"+row.argument+"=evil", "")
			if v.Found == nil {
				t.Fatalf("%s from %s: nothing is found", row.rule, from)
			}
			if f := v.Found.Findings[0]; f.Rule != row.rule || f.Hash != row.hash || f.Version != row.version {
				t.Errorf("from %s: %s, hash %q, version %q, want %+v", from, f.Rule, f.Hash, f.Version, row)
			}
		}
	}
	set := inspector(t, Config{})
	if f := ask(t, set, inspect.Details{}, "/?a=evil", "").Found.Findings[0]; f.Hash != "" || f.Version != "" {
		t.Errorf("a rule of a set: hash %q, version %q", f.Hash, f.Version)
	}
}
