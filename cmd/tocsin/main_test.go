package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/lapi"
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
	if out := run(exe, "version"); !strings.HasPrefix(out, "tocsin "+lapi.Version+", Caddy v2.") {
		t.Errorf("version says %q", out)
	}
	modules := strings.Fields(run(exe, "list-modules"))
	for _, m := range []string{"tocsin", "http.handlers.tocsin", "http.matchers.tocsin", "http.handlers.tocsin_ready", "admin.api.tocsin", "http.handlers.reverse_proxy"} {
		if !slices.Contains(modules, m) {
			t.Errorf("module %s is missing", m)
		}
	}
	help := run(exe, "help")
	for _, c := range []string{"status", "check", "list", "unban", "scenarios", "sync", "replay", "run"} {
		if !strings.Contains(help, "\n  "+c+" ") {
			t.Errorf("command %s is missing", c)
		}
	}
	if strings.Contains(help, "\n  tocsin   ") {
		t.Error("the command tocsin is shown beside those below it")
	}
	for answer, want := range map[string]int{`{"result":"pass"}`: 0, `{"result":"ban"}`: 2, "nonsense": 1} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
		for _, args := range [][]string{{"check"}, {"tocsin", "check"}} {
			cmd := exec.CommandContext(t.Context(), exe, append(args, "192.0.2.1", "--address", srv.Listener.Addr().String())...)
			out, err := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != want {
				t.Errorf("%q, when the server says %s: exit code %d, want %d: %v\n%s", args, answer, got, want, err, out)
			}
		}
		srv.Close()
	}
	out := run(exe, "validate", "--adapter", "caddyfile", "--config", "../../Caddyfile.example")
	if !strings.Contains(out, "Valid configuration") {
		t.Errorf("validate says:\n%s", out)
	}
}
