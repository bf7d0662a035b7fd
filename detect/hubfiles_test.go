package detect

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Every scenario of CrowdSec's hub, for whatever log, runs or is skipped with a reason
// that says what it is for: none of them is broken, or asks for what we do not know.
func TestEveryScenarioOfTheHubRunsOrSaysWhyNot(t *testing.T) {
	dir := os.Getenv("TOCSIN_HUB")
	if dir == "" {
		t.Skip("TOCSIN_HUB names no copy of CrowdSec's hub")
	}
	rules, err := Load(LoadConfig{Paths: []string{filepath.Join(dir, "scenarios")}})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(rules.Names()); n < 50 {
		t.Errorf("%d scenarios run, want 50 at least", n)
	}
	foreign := regexp.MustCompile(`^it is for another log than that of HTTP requests$|^its scope is \w+: want Ip$|` +
		`^its type is conditional: want leaky or trigger$|^it asks for evt\.(Unmarshaled|Appsec), |^list "[\w.-]+": missing in |^there is one of that name in `)
	for _, s := range rules.Skipped() {
		if !foreign.MatchString(s.Reason) {
			t.Errorf("%s in %s is skipped: %s", s.Name, s.File, s.Reason)
		}
	}
}
