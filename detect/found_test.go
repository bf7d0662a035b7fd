package detect

import (
	"slices"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// crowdsecs are the scenarios of CrowdSec's that are about its AppSec, in our own words.
const crowdsecs = `
type: leaky
name: test/blocked
filter: "evt.Meta.log_type == 'appsec-block' && evt.Meta.rule_name not startsWith 'native_rule'"
distinct: evt.Meta.rule_name
leakspeed: "60s"
capacity: 1
groupby: evt.Meta.source_ip
---
type: trigger
name: test/told
filter: "evt.Meta.log_type == 'appsec-info' && evt.Meta.rule_name == 'own/a' && evt.Meta.matched_zones contains 'ARGS' && evt.Meta.target_uri startsWith '/x' && evt.Meta.service == 'appsec'"
groupby: evt.Meta.source_ip
---
type: trigger
name: test/request
filter: "evt.Meta.log_type == 'http_access-log' && evt.Meta.source_ip != ''"
groupby: evt.Meta.source_ip
---
type: trigger
name: test/either
filter: "evt.Meta.log_type in ['http_access-log', 'appsec-block']"
groupby: evt.Meta.source_ip
---
type: trigger
name: test/anything
filter: "evt.Meta.source_ip != ''"
groupby: evt.Meta.source_ip
`

// Scenarios see findings, or requests, as they ask.
func TestScenariosSeeFindings(t *testing.T) {
	rules := parse(t, crowdsecs)
	stopped := func(rule string) event.Finding { return event.Finding{Rule: rule, Stopped: true} }
	told := func(rule string) event.Finding {
		return event.Finding{Rule: rule, Zones: []string{"METHOD", "ARGS_GET.a"}}
	}
	for _, row := range []struct {
		name     string
		findings []event.Finding
		want     []string
	}{
		{"two rules stop requests", []event.Finding{stopped("own/a"), stopped("own/b")}, []string{"test/blocked", "test/either", "test/either"}},
		{"one rule does so twice", []event.Finding{stopped("own/a"), stopped("own/a")}, []string{"test/either", "test/either"}},
		{"rules in SecLang", []event.Finding{stopped("native_rule:1"), stopped("native_rule:2")}, []string{"test/either", "test/either"}},
		{"a rule tells", []event.Finding{told("own/a"), told("own/b")}, []string{"test/told"}},
	} {
		d := New(Config{Rules: rules})
		var got []string
		for i := range row.findings {
			e := step{target: "/x?a=1"}.event(began).OfFinding(&row.findings[i])
			for _, a := range d.Request(e) {
				got = append(got, a.Scenario)
			}
			if late := d.Response(e); len(late) > 0 {
				t.Errorf("%s: the response leads to %v", row.name, late)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	d := New(Config{Rules: rules})
	if got := play(d, 0, step{target: "/"}); !slices.Equal(got, []string{"test/request", "test/either", "test/anything"}) {
		t.Errorf("a request: %q", got)
	}
}

// An alert about findings describes the requests of the findings.
func TestContextsOfFindings(t *testing.T) {
	d := New(Config{Rules: parse(t, crowdsecs)})
	var alerts []event.Alert
	for _, rule := range []string{"own/a", "own/b"} {
		f := event.Finding{Rule: rule, Zones: []string{"METHOD", "ARGS_GET.a"}, Stopped: true}
		e := step{target: "/x?a=1", method: "PUT"}.event(began).OfFinding(&f)
		for _, a := range d.Request(e) {
			if a.Scenario == "test/blocked" {
				alerts = append(alerts, a)
			}
		}
	}
	if len(alerts) != 1 || len(alerts[0].Context) != 2 {
		t.Fatalf("%+v", alerts)
	}
	want := event.Context{Time: began.UTC(), Method: "PUT", Target: "/x", Host: "blog.example", UserAgent: firefox, Rule: "own/b", Zones: "METHOD,ARGS_GET.a"}
	if got := alerts[0].Context[1]; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A page of somebody else that has a browser trip rules does not get its visitor banned.
func TestReflectedFindings(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	for _, rule := range []string{"own/a", "own/b", "own/c"} {
		e := step{target: "/x", rule: rule, whose: event.Foreign}.event(began)
		for _, a := range d.Request(e) {
			if !a.Reflected {
				t.Errorf("%s: an alert about the client itself", a.Scenario)
			}
		}
	}
}
