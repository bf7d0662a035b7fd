package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The program is built and asked, since Caddy's commands end the process.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the whole of Caddy")
	}
	exe := filepath.Join(t.TempDir(), "tocsin.exe")
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, out)
		}
		return string(out)
	}
	run("go", "build", "-o", exe, ".")
	run(exe, "version")
	modules := strings.Fields(run(exe, "list-modules"))
	for _, m := range []string{"tocsin", "http.handlers.tocsin", "http.matchers.tocsin", "http.handlers.reverse_proxy"} {
		if !slices.Contains(modules, m) {
			t.Errorf("module %s is missing", m)
		}
	}
	out := run(exe, "validate", "--adapter", "caddyfile", "--config", "../../Caddyfile.example")
	if !strings.Contains(out, "Valid configuration") {
		t.Errorf("validate says:\n%s", out)
	}
}
