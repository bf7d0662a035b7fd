package caddymodule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// provisionError returns why Caddy does not provision a Caddyfile of this name.
func provisionError(t *testing.T, name, text string) string {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": name})
	if err != nil {
		t.Fatalf("the adapter refuses it already: %v", err)
	}
	var cfg caddy.Config
	if err := json.Unmarshal(config, &cfg); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&cfg); err != nil {
		return err.Error()
	}
	return "valid"
}

// An error that only the server can find names the line of the option that it is about.
func TestErrorsNameTheLine(t *testing.T) {
	for _, row := range []struct {
		global, site string // lines from 5 on, and from 10 on
		want         string // in the error
		line         string
	}{
		{"lapi ftp://host key", "", "lapi 1: ", "5"},
		{"lapi http://127.0.0.1:1 {env.TOCSIN_TEST_NONE}", "", "lapi 1: key: ", "5"},
		{"lapi http://127.0.0.1:1 {\ntimeout 1s\n}", "", "timeout and failure are for mode live", "5"},
		{"lapi http://127.0.0.1:1 {\nname {env.TOCSIN_TEST_NONE}\n}", "", "lapi 1: name: ", "6"},
		{"blocklist more.txt\nlapi http://127.0.0.1:1 a\nlapi ftp://host b", "", "lapi 2: ", "7"},
		{"snapshot on", "", "snapshot: ", "5"},
		{"\nnat64 nonsense", "", "nat64: ", "6"},
		{"geoip none.mmdb", "", "none.mmdb", "5"},
		{"detect {DIR}/none", "", "detect: ", "5"},
		{"startup closed\ndetect builtin {\npolicy nosuch ban\n}", "", "there is no scenario", "7"},
		{"report nobody", "", "report: no source with the name", "5"},
		{"contact nowhere", "", `contact "nowhere": `, "5"},
		{"challenge turnstile {env.TOCSIN_TEST_NONE} secret", "", "challenge: ", "5"},
		{"appsec nowhere key", "", "appsec: ", "5"},
		{"appsec http://127.0.0.1:1 key {\n\n\ntls none.pem\n}", "", "none.pem", "8"},
		{"", "page {DIR}/none.html", "page: ", "10"},
		{"", "dry_run\nallow 192.0.2.0/99", "allow: ", "11"},
		{"", "title none\ncontact nowhere", `contact "nowhere": `, "11"},
	} {
		dir := t.TempDir()
		// Four lines before the options, and those of the site begin at line 10.
		text := "{\nadmin off\ntocsin {\nblocklist list.txt\n" + row.global + "\n}\n}\nhttp://127.0.0.1:1 {\ntocsin {\n" + row.site + "\n}\n}\n"
		text = strings.ReplaceAll(text, "{DIR}", dir)
		got := provisionError(t, "some/Caddyfile", text)
		if !strings.Contains(got, row.want) || !strings.HasSuffix(got, ", at some/Caddyfile:"+row.line) {
			t.Errorf("%s%s: got %s; want %q, and line %s", row.global, row.site, got, row.want, row.line)
		}
	}
}

// An option of an imported file is in that file.
func TestErrorsNameTheImportedFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "options")
	if err := os.WriteFile(name, []byte("startup closed\nsnapshot on\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := provisionError(t, "Caddyfile", "{\nadmin off\ntocsin {\nimport "+name+"\n}\n}\nhttp://127.0.0.1:1 {\ntocsin\n}\n")
	if !strings.HasSuffix(got, ", at "+name+":2") {
		t.Errorf("got %s", got)
	}
}

// A change of lines alone changes nothing else: the engine stays.
func TestLinesAreNoPartOfTheIdentity(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", "192.0.2.1")
	h.load(globals("blocklist {DIR}/list.txt") + "http://{ADDR} {\ntocsin\n}")
	before, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	h.load("\n\n" + globals("blocklist {DIR}/list.txt") + "http://{ADDR} {\n\ntocsin\n}")
	after, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	if before.engine != after.engine || before.Lines[""] == after.Lines[""] {
		t.Errorf("the same engine: %t, at %s, now at %s", before.engine == after.engine, before.Lines[""], after.Lines[""])
	}
}
