package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// hubLike returns the rules of one scenario that is written as CrowdSec's are.
func hubLike(t *testing.T, name, kind, labels string) *Rules {
	t.Helper()
	bucket := "capacity: 5\nleakspeed: 10s"
	if kind == "trigger" {
		bucket = ""
	}
	rules, err := Parse("hub.yaml", fmt.Appendf(nil, "type: %s\nname: %s\nfilter: evt.Meta.http_path startsWith '/x'\ngroupby: evt.Meta.source_ip\n%s\nlabels:\n  service: http\n%s\n",
		kind, name, bucket, labels), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

// The consequence of a CrowdSec scenario follows from its labels.
func TestAScenarioWithoutAnActionIsWeighed(t *testing.T) {
	const hour = time.Hour
	for _, row := range []struct {
		what, name, kind, labels string
		remediation              bool
		action                   lookup.Action // None: a ban, as is usual
		mild                     bool
		length                   time.Duration
	}{
		{"one request that is an exploit", "crowdsecurity/x", "trigger", "  behavior: http:exploit\n  remediation: true", true, lookup.None, false, 0},
		{"several that may be", "crowdsecurity/x", "leaky", "  behavior: http:exploit\n  remediation: true", true, lookup.Captcha, false, hour / 2},
		{"a search", "crowdsecurity/x", "trigger", "  behavior: http:scan\n  remediation: true", true, lookup.Captcha, false, hour / 2},
		{"a guess", "crowdsecurity/x", "leaky", "  behavior: http:bruteforce\n  remediation: true", true, lookup.Captcha, false, hour / 2},
		{"a search, as files of 2022 say", "crowdsecurity/x", "leaky", "  type: scan\n  remediation: true", true, lookup.Captcha, false, hour / 2},
		{"an exploit, likewise", "crowdsecurity/x", "trigger", "  type: exploit\n  remediation: true", true, lookup.None, false, 0},
		{"too many requests, as an office sends them", "crowdsecurity/x", "leaky", "  behavior: http:dos\n  remediation: true", true, lookup.Captcha, true, hour / 2},
		{"a coarse one", "crowdsecurity/http-probing", "leaky", "  behavior: http:scan\n  remediation: true", true, lookup.Captcha, true, hour / 2},
		{"its own action and duration", "crowdsecurity/x", "leaky", "  behavior: http:scan\n  remediation: true\n  action: ban\n  duration: 1h", true, lookup.Ban, false, hour},
		{"its own duration", "crowdsecurity/x", "leaky", "  behavior: http:scan\n  remediation: true\n  duration: 1h", true, lookup.Captcha, false, hour},
		{"an alert alone", "crowdsecurity/x", "leaky", "  behavior: http:scan\n  remediation: false", false, lookup.None, false, 0},
		{"an operator's own, which says nothing", "shop/x", "leaky", "  remediation: true", true, lookup.None, false, 0},
	} {
		s := hubLike(t, row.name, row.kind, row.labels).scenarios[0]
		if s.remediation != row.remediation || s.action != row.action || s.mild != row.mild || s.duration != row.length {
			t.Errorf("%s: remediation %t, %v, at most a challenge %t, for %v; want %t, %v, %t, %v", row.what,
				s.remediation, s.action, s.mild, s.duration, row.remediation, row.action, row.mild, row.length)
		}
	}
}

// Beside the built-in scenarios, coarse ones of the hub only alert. A policy overrides
// that.
func TestCoarseScenariosLeadToNothingBesideBuiltInOnes(t *testing.T) {
	const name = "LePresidente/http-generic-403-bf"
	hub := hubLike(t, name, "leaky", "  behavior: http:bruteforce\n  remediation: true")
	for _, row := range []struct {
		what     string
		rules    *Rules
		policies map[string]Policy
		want     lookup.Action
		decides  bool
	}{
		{"alone", Merge(hub), nil, lookup.Captcha, true},
		{"beside built-in ones", Merge(builtinRules(t), hub), nil, lookup.None, false},
		{"before them", Merge(hub, builtinRules(t)), nil, lookup.None, false},
		{"with a policy", Merge(builtinRules(t), hub), map[string]Policy{name: {Action: lookup.Ban}}, lookup.Ban, true},
	} {
		rules, err := row.rules.With(row.policies)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range rules.Scenarios() {
			if s.Name == name && (s.Action != row.want || s.Remediation != row.decides) {
				t.Errorf("%s: %v, decides %t; want %v, %t", row.what, s.Action, s.Remediation, row.want, row.decides)
			}
		}
	}
	if s := hub.Scenarios()[0]; !s.Remediation {
		t.Error("the rules that were merged have changed")
	}
}

// Beside the built-in scenarios, CrowdSec's challenge no honest client.
func TestTheHubBesideBuiltInScenariosSparesTheHonest(t *testing.T) {
	skipUnderRace(t)
	compiled := New(Config{Rules: Merge(builtinRules(t), hubRules(t))}).prog.Load()
	for _, m := range slices.Concat(honestConduct(), honestMachines(), honestPeople(), honestProofs(), honestLookups(), honestErrands(), honestChores()) {
		d := New(Config{})
		d.prog.Store(compiled)
		for i, e := range m.events(true) {
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				if a.Remediation && !strings.HasPrefix(a.Scenario, "tocsin/") {
					t.Errorf("%s: %s at %d asks for %v", m.name, a.Scenario, i+1, a.Action)
				}
			}
		}
	}
}
