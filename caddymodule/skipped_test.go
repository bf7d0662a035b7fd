package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
)

// hubOf lays out CrowdSec's folders with one scenario of its hub, and returns
// that of the enabled ones.
func (h *host) hubOf(scenario string) string {
	h.t.Helper()
	etc := filepath.Join(h.dir, "crowdsec")
	file := filepath.Join(etc, "hub", "scenarios", "crowdsecurity", "upgraded.yaml")
	for _, dir := range []string{filepath.Dir(file), filepath.Join(etc, "scenarios")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			h.t.Fatal(err)
		}
	}
	index := `{"scenarios": {"crowdsecurity/upgraded": {"path": "scenarios/crowdsecurity/upgraded.yaml", "versions": {}}}}`
	for name, text := range map[string]string{file: scenario, filepath.Join(etc, "hub", ".index.json"): index} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			h.t.Fatal(err)
		}
	}
	link := filepath.Join(etc, "scenarios", "upgraded.yaml")
	if err := os.Symlink(file, link); err != nil && !os.IsExist(err) {
		h.t.Fatal(err)
	}
	return filepath.Dir(link)
}

// A logLine is one of Caddy's.
type logLine struct{ Level, Msg, Scenario, File, Reason string }

// validateLogged validates a config that looks for the scenarios of a folder, and
// returns the log lines about skipped scenarios.
func (h *host) validateLogged(detect string) ([]logLine, error) {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "caddy.log")
	config := globals("blocklist {DIR}/list.txt\n" + detect)
	config = strings.Replace(config, "output discard", "output file "+file+" {\nroll_disabled\n}\nformat json", 1)
	failure := h.validate(config + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	text, err := os.ReadFile(file)
	if err != nil && failure == nil {
		h.t.Fatal(err)
	}
	var lines []logLine
	for line := range strings.Lines(string(text)) {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			h.t.Fatalf("%s: %v", line, err)
		}
		if strings.Contains(l.Msg, "is skipped") {
			lines = append(lines, l)
		}
	}
	return lines, failure
}

const (
	upgraded = "type: trigger\nname: crowdsecurity/upgraded\ndescription: x\nfilter: "
	ownName  = "type: trigger\nname: mine\ndescription: x\nfilter: \"evt.Parsed.request == '/mine'\"\ngroupby: evt.Meta.source_ip\nlabels: {remediation: true}\n"
)

// caddy validate passes, and the log names what was skipped, with the line.
func TestAConfigWithNewerScenariosIsValid(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	for _, row := range []struct{ name, yaml, line, reason, level string }{
		{"a key", upgraded + "'true'\nsampling: 5\n", "5", "it has the key sampling, which this version does not know", "warn"},
		{"a helper", upgraded + "Glob(evt.Meta.http_path)\n", "1", "it calls Glob, which this version does not know", "warn"},
		{"an operator", upgraded + "evt.Meta.http_path =~ 'a'\n", "1", "it has the operator =~, which this version does not know", "warn"},
		{"a kind of list", upgraded + "'true'\ndata: [{dest_file: a, type: bots}]\n", "1", "the list a is of the type bots, which this version does not know", "warn"},
		{"a type", "type: sliding\nname: crowdsecurity/upgraded\n", "1", "its type is sliding, which this version does not know", "warn"},
		{"a format", upgraded + "'true'\nformat: 9.0\n", "1", "it has the format 9.0, which this version does not know", "warn"},
		{"another log", upgraded + "evt.Meta.log_type == 'ssh'\n", "1", "it is for another log than that of HTTP requests", "info"},
		{"no filter", "type: trigger\nname: crowdsecurity/upgraded\n", "1", "it is broken: filter: required", "warn"},
		{"an invalid filter", upgraded + "(\n", "4", "it is broken: filter: reading the expression: unexpected token EOF (1:1)", "warn"},
		{"a capacity for a trigger", upgraded + "'true'\ncapacity: 1\n", "5", "it is broken: capacity: 1: a trigger must not have a capacity", "warn"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			scenarios := h.hubOf(row.yaml)
			lines, err := h.validateLogged("detect builtin " + scenarios + " {\npolicy crowdsecurity/upgraded ban\n}")
			want := []logLine{
				{row.level, "a scenario is skipped", "crowdsecurity/upgraded", filepath.Join(scenarios, "upgraded.yaml") + ":" + row.line, row.reason},
				{"warn", "a policy has no effect: its scenario does not exist, or is skipped", "crowdsecurity/upgraded", "", ""},
			}
			if err != nil || !slices.Equal(lines, want) {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, lines, want)
			}
		})
	}
}

// Scenarios with newer syntax are skipped in an operator's own file, too. Wrong ones are
// an error.
func TestAConfigWithAnOperatorsMistakeIsNot(t *testing.T) {
	h := newHost(t)
	h.list("list.txt", banned)
	for _, row := range []struct{ name, yaml, policy, want string }{
		{"a key", ownName + "sampling: 5\n", "", ""},
		{"a key, and a policy for it", ownName + "sampling: 5\n", "policy mine alert", ""},
		{"a policy for another", ownName, "policy yours alert", `there is no scenario "yours"`},
		{"no filter", "type: trigger\nname: mine\n", "", "own.yaml:1: filter: required"},
		{"an invalid filter", "type: trigger\nname: mine\nfilter: evt.Meta.a ==\n", "", "own.yaml:3: filter: reading the expression"},
		{"a leaky bucket of no size", strings.Replace(ownName, "trigger", "leaky", 1) + "capacity: 0\nleakspeed: 1s\n", "", "own.yaml:7: capacity: 0: want 1 or more"},
		{"an invalid time", ownName + "blackhole: soon\n", "", "own.yaml:7: blackhole: "},
		{"no YAML", "type: [", "", "reading "},
	} {
		t.Run(row.name, func(t *testing.T) {
			h.t = t
			file := h.file("own.yaml", row.yaml)
			_, err := h.validateLogged("detect builtin " + file + " {\n" + row.policy + "\n}")
			if (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q in it", err, row.want)
			}
		})
	}
}

// An upgrade of the hub, whatever it brings, and a restart: the site runs, its own
// scenarios do, and the status says what is missing.
func TestAnUpgradeOfTheHubTakesNoSiteDown(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	own := h.file("own.yaml", ownName)
	for i, yaml := range []string{"\x00", "type: [", "- a\n", upgraded + "'true'\nsampling: 5\n", upgraded + "}{\n"} {
		scenarios := h.hubOf(yaml)
		client := fmt.Sprintf("198.51.100.%d", 70+i)
		h.load(h.watched("detect "+own+" "+scenarios+" {\npolicy crowdsecurity/http-probing alert\n}", ""))
		if a := h.get(client, "/"); a.status != http.StatusOK {
			t.Errorf("%q: status %d", yaml, a.status)
		}
		if a := h.get(client, "/mine"); a.status != http.StatusForbidden {
			t.Errorf("%q: the operator's own scenario does not run: status %d", yaml, a.status)
		}
		h.skips(yaml, "upgraded.yaml", "crowdsecurity/upgraded: it ")
	}
}

// skips checks that the status, in JSON and for people, names one scenario.
func (h *host) skips(name, file, reason string) {
	h.t.Helper()
	var a admin.Status
	out, _ := h.command("status", "--address", h.admin, "--json") // the list may not be read yet
	if err := json.Unmarshal([]byte(out), &a); err != nil {
		h.t.Fatalf("%s: %v", out, err)
	}
	if s := a.Detect.Skipped; len(s) != 1 || !strings.Contains(s[0], file) || !strings.Contains(s[0], reason) || a.Detect.Foreign != 0 {
		h.t.Errorf("%q: skipped %q, of which %d foreign", name, s, a.Detect.Foreign)
	}
	out, _ = h.command("status", "--address", h.admin)
	if _, below, ok := strings.Cut(out, "\nSKIPPED\n"); !ok || !strings.Contains(below, file) || !strings.Contains(below, reason) {
		h.t.Errorf("%q: the status says\n%s", name, out)
	}
}
