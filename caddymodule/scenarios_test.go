package caddymodule

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// gaps are what the columns of a table are set apart by.
var gaps = regexp.MustCompile(` {2,}`)

func TestWhatAScenarioLeadsTo(t *testing.T) {
	const minute, hour = 60e9, 3600e9
	for _, row := range []struct {
		name   string
		s      detect.Scenario
		policy Policy
		local  Local
		want   string
	}{
		{"nothing is said", detect.Scenario{Remediation: true}, Policy{}, Local{}, "ban 4h (local)"},
		{"local says", detect.Scenario{Remediation: true}, Policy{}, Local{Action: "captcha", Duration: hour}, "captcha 1h (local)"},
		{"the scenario says what", detect.Scenario{Remediation: true, Action: lookup.Captcha}, Policy{}, Local{}, "captcha (scenario), 4h (local)"},
		{"the scenario says all", detect.Scenario{Remediation: true, Action: lookup.Ban, Duration: 90 * minute}, Policy{}, Local{}, "ban 1h30m (scenario)"},
		{"local wins over a harsher scenario", detect.Scenario{Remediation: true, Action: lookup.Ban, Duration: minute}, Policy{}, Local{Action: "captcha"}, "captcha (local), 1m (scenario)"},
		{"a policy wins over local", detect.Scenario{Remediation: true, Action: lookup.Captcha, Duration: minute}, Policy{Action: "ban"}, Local{Action: "captcha", Duration: hour}, "ban (policy), 1h (local)"},
		{"it guards a place", detect.Scenario{Remediation: true, Guard: event.GuardPlace, Duration: 10 * minute}, Policy{}, Local{Action: "ban", Duration: hour}, "guard place 10m (scenario)"},
		{"a policy says what", detect.Scenario{Remediation: true, Action: lookup.Ban}, Policy{Action: "ban"}, Local{}, "ban (policy), 4h (local)"},
		{"a policy says all", detect.Scenario{Remediation: true, Action: lookup.Ban, Duration: minute}, Policy{Action: "ban", Duration: minute}, Local{}, "ban 1m (policy)"},
		{"it is told of", detect.Scenario{}, Policy{}, Local{}, "alert (scenario)"},
		{"a policy has it told of", detect.Scenario{}, Policy{Action: "alert"}, Local{}, "alert (policy)"},
	} {
		var a admin.Scenario
		lead(&a, &row.s, row.policy, row.local)
		if got := a.Outcome(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

func TestScenariosAreListed(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.file("other.yaml", "type: counter\nname: test/counter\nfilter: \"true\"\n")
	h.load(h.watched(trap+"detect builtin {DIR}/other.yaml {\npolicy tocsin/http-probing captcha 10m\npolicy tocsin/http-login-bf alert\n}", ""))
	h.get(attacker, "/trap")
	out, failure := h.command("scenarios", "--address", h.admin)
	out = gaps.ReplaceAllString(out, " ")
	for _, want := range []string{
		"SCENARIO THRESHOLD LEADS TO ALERTS COUNTS\n",
		"trap the first ban 1h (scenario) 1 ",
		" captcha 10m (policy) 0 ", " alert (policy) 0 ",
		"LEFT OUT FILE REASON\n", "test/counter ", "its type is counter",
	} {
		if failure != "" || !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, failure)
		}
	}
	a := askFor[admin.Scenarios](h, http.MethodGet, "/tocsin/scenarios", http.StatusOK)
	if a.Of != "server" || len(a.Scenarios) < 10 || a.Scenarios[0].Name != "trap" || a.Scenarios[0].Alerts != 1 ||
		a.Scenarios[0].DurationSeconds != 3600 || len(a.Skipped) != 1 || a.Skipped[0].Name != "test/counter" {
		t.Errorf("%+v", a)
	}
}

func TestScenariosOfAConfigAreListedWithoutAServer(t *testing.T) {
	h := newHost(t)
	own := "scenario limit {\ncapacity 300\nleak 200ms\ncaptcha 10m\n}\n"
	for _, row := range []struct {
		name, global string
		want         []string
		failure      string
	}{
		{"a scenario of its own", own, []string{"limit more than 300, or one in 200ms for long captcha 10m (scenario) 0 ", "tocsin/http-probing "}, ""},
		{"a status alone", "scenario missed {\nstatus 404\n}\n", []string{"missed the first captcha 30m (scenario) 0 "}, ""},
		{"a status alone, and what the operator says", "scenario missed {\nstatus 404\nban 1h\n}\n", []string{"missed the first ban 1h (scenario) 0 "}, ""},
		{"what is matched", "scenario trap {\nmatch {\npath /trap\n}\n}\n", []string{"trap the first ban 4h (local) 0 "}, ""},
		{"local", "local captcha 1h", []string{"tocsin/http-probing "}, ""},
		{
			"a policy for nobody", "detect builtin {\npolicy crowdsecurity/http-probing alert\n}",
			[]string{"tocsin/http-probing "},
			"did you mean tocsin/http-probing?; `caddy tocsin scenarios` lists all names",
		},
		{"nothing is looked for", "detect off", []string{"SCENARIO THRESHOLD"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := h.file("Caddyfile", globals(row.global)+"http://"+h.addr+" {\ntocsin\n}")
			out, failure := h.command("scenarios", "--config", file, "--adapter", "caddyfile")
			out = gaps.ReplaceAllString(out, " ")
			if !strings.Contains(failure, row.failure) || (failure == "") != (row.failure == "") {
				t.Errorf("error %q, want %q", failure, row.failure)
			}
			for _, want := range row.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
	var a admin.Scenarios
	out, failure := h.command("scenarios", "--json", "--config", h.file("caddy.json", `{"apps":{}}`))
	if err := json.Unmarshal([]byte(out), &a); err != nil || failure != "" || a.Of != "config" || len(a.Scenarios) < 10 {
		t.Errorf("%+v, %v, %s", a, err, failure)
	}
	if out, failure := h.command("scenarios", "--address", h.addr); failure == "" {
		t.Errorf("a server that does not answer at the address given: %q", out)
	}
}

func TestAPolicyForNobodyNamesWhatThereIs(t *testing.T) {
	h := newHost(t)
	err := h.validate(globals("detect builtin {\npolicy crowdsecurity/http-probing alert\n}") + "http://{ADDR} {\ntocsin\n}")
	const want = `policy: there is no scenario "crowdsecurity/http-probing": did you mean tocsin/http-probing?; ` +
		"`caddy tocsin scenarios` lists all names"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}
