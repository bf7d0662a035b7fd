package detect

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
)

func TestSimulatedScenariosAreToldOfAlone(t *testing.T) {
	const both = "type: trigger\nname: a\nfilter: 'true'\nlabels: {remediation: true, action: ban, duration: 1h}\n---\n" +
		"type: trigger\nname: b\nfilter: 'true'\nlabels: {remediation: true}\n"
	for _, row := range []struct{ name, yaml, local, want string }{
		{"no file", "", "", "a bans, b bans"},
		{"nothing", "simulation: false\n", "", "a bans, b bans"},
		{"one", "simulation: false\nexclusions:\n- a\n", "", "a tells, b bans"},
		{"all", "simulation: true\n", "", "a tells, b tells"},
		{"all but one", "simulation: true\nexclusions: [b, c]\n", "", "a tells, b bans"},
		{"otherwise here", "simulation: true\nexclusions: [b]\n", "exclusions: [a]\n", "a bans, b tells"},
		{"here alone", "", "simulation: true\n", "a tells, b tells"},
		{"an empty file", "# cscli wrote this\n", "", "a bans, b bans"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "scenarios", "both.yaml"), both)
			for name, content := range map[string]string{"simulation.yaml": row.yaml, "simulation.yaml.local": row.local} {
				if content != "" {
					write(t, filepath.Join(dir, name), content)
				}
			}
			for _, path := range []string{"scenarios", "scenarios/", "scenarios/both.yaml"} {
				rules, err := Load(LoadConfig{Paths: []string{dir + "/" + path}})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, a := range New(Config{Rules: rules}).Request(get(0, "/")) {
					does := "tells"
					if a.Remediation {
						does = "bans"
					}
					if !a.Remediation && (a.Action != lookup.None || a.Duration != 0) {
						t.Errorf("%s tells, and asks for %v for %v", a.Scenario, a.Action, a.Duration)
					}
					if a.Simulated == a.Remediation {
						t.Errorf("%s %s, simulated: %v", a.Scenario, does, a.Simulated)
					}
					got = append(got, a.Scenario+" "+does)
				}
				if strings.Join(got, ", ") != row.want {
					t.Errorf("%s: %v, want %s", path, got, row.want)
				}
				for i, s := range rules.Scenarios() {
					if s.Simulated != strings.Contains(got[i], "tells") {
						t.Errorf("%s: simulated is %v", got[i], s.Simulated)
					}
				}
			}
		})
	}
}

// The operator's word to tocsin is nearer than the one to CrowdSec.
func TestAPolicyEndsASimulation(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "scenarios", "a.yaml"), named("a"))
	write(t, filepath.Join(dir, "simulation.yaml"), "simulation: true\n")
	rules, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "scenarios")}})
	if err != nil {
		t.Fatal(err)
	}
	if rules, err = rules.With(map[string]Policy{"a": {Action: lookup.Captcha}}); err != nil {
		t.Fatal(err)
	}
	if a := New(Config{Rules: rules}).Request(get(0, "/"))[0]; !a.Remediation || a.Action != lookup.Captcha || a.Simulated {
		t.Errorf("it asks for %v (%v), simulated: %v", a.Action, a.Remediation, a.Simulated)
	}
}

func TestASimulationThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "scenarios", "a.yaml"), named("a"))
	file := filepath.Join(dir, "simulation.yaml")
	for content, want := range map[string]string{
		"simulation: [":       "reading " + file + ": yaml: line ",
		"simulation: often\n": "reading " + file + ": yaml: unmarshal errors",
		"- simulation\n":      "reading " + file + ": yaml: unmarshal errors",
	} {
		write(t, file, content)
		if _, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "scenarios")}}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", content, err, want)
		}
	}
	write(t, file, "simulation: true\nuntil: tomorrow\n")
	rules, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "scenarios")}})
	if err != nil {
		t.Fatal(err)
	}
	if s := rules.Skipped(); len(s) != 1 || s[0].String() != file+":2: it has the key until, which this version does not know" || !rules.Scenarios()[0].Simulated {
		t.Errorf("skipped %v", s)
	}
}
