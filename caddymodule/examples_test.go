package caddymodule

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// example returns an example with each of old replaced by the new behind it.
func example(t *testing.T, name string, replace ...string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(caddyfile.Format(text)) != string(text) {
		t.Errorf("%s is not formatted", name)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(string(text), replace[i]) {
			t.Fatalf("%s: no %q in it", name, replace[i])
		}
	}
	return strings.NewReplacer(replace...).Replace(string(text))
}

// quiet are replacements that keep the examples off this machine's standard
// ports and folders, and out of the output of the tests.
func (h *host) quiet() []string {
	return []string{"{\n\ttocsin {", "{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n" +
		"\tstorage file_system " + h.dir + "/storage\n\tlog {\n\t\toutput discard\n\t}\n\ttocsin {"}
}

func TestCaddyfileExample(t *testing.T) {
	t.Chdir("..") // the example names a list beside it
	h := newHost(t)
	text := example(t, "Caddyfile.example", append(h.quiet(), "http://:8000", "http://{ADDR}")...)
	for line := range strings.SplitSeq(example(t, "Caddyfile.example"), "\n") {
		// Commands need the admin endpoint, and 8080 is CrowdSec's port.
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && (line == "admin off" || strings.Contains(line, "8080")) {
			t.Errorf("the example has %q", line)
		}
	}
	h.load(text)
	h.waitStatus(banned, http.StatusForbidden)
	if a := h.get("", "/"); a.status != http.StatusOK || a.body != "Welcome." {
		t.Errorf("ordinary client gets %+v", a)
	}
}

func TestExamplesAreValid(t *testing.T) {
	h := newHost(t)
	t.Setenv("CROWDSEC_API_KEY", "a-key")
	t.Setenv("CROWDSEC_PASSWORD", "password")
	for _, name := range []string{"../examples/caddy/Caddyfile", "../examples/wordpress/Caddyfile", "../examples/compose/Caddyfile", "../.ci/debian/Caddyfile"} {
		if err := h.validate(example(t, name, h.quiet()...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
