package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

const policyRules = `
type: trigger
name: own/ban
description: x
filter: evt.Meta.http_path == '/ban'
groupby: evt.Meta.source_ip
labels: {remediation: true, action: ban, duration: 1h}
---
type: trigger
name: own/plain
description: x
filter: evt.Meta.http_path == '/plain'
groupby: evt.Meta.source_ip
labels: {remediation: false}
---
type: counter
name: own/counter
description: x
filter: "true"
`

func TestPolicies(t *testing.T) {
	rules, err := Parse("own.yaml", []byte(policyRules), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, scenario string
		policy         Policy
		remediation    bool
		action         lookup.Action
		duration       time.Duration
	}{
		{"none leaves it as it is", "own/ban", Policy{}, true, lookup.Ban, time.Hour},
		{"an alert alone", "own/ban", Policy{AlertOnly: true}, false, lookup.None, 0},
		{"a captcha, for as long", "own/ban", Policy{Action: lookup.Captcha}, true, lookup.Captcha, time.Hour},
		{"the same, for longer", "own/ban", Policy{Duration: 2 * time.Hour}, true, lookup.Ban, 2 * time.Hour},
		{"a ban where the scenario asks for nothing", "own/plain", Policy{Action: lookup.Ban, Duration: time.Minute}, true, lookup.Ban, time.Minute},
		{"a time where it asks for nothing", "own/plain", Policy{Duration: time.Minute}, false, lookup.None, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			with, err := rules.With(map[string]Policy{row.scenario: row.policy})
			if err != nil {
				t.Fatal(err)
			}
			target := strings.TrimPrefix(row.scenario, "own")
			alerts := New(Config{Rules: with}).Request(step{target: target}.event(began))
			if len(alerts) != 1 {
				t.Fatalf("alerts: %v", alerts)
			}
			if a := alerts[0]; a.Remediation != row.remediation || a.Action != row.action || a.Duration != row.duration {
				t.Errorf("%v %v for %v, want %v %v for %v", a.Remediation, a.Action, a.Duration, row.remediation, row.action, row.duration)
			}
			if a := New(Config{Rules: rules}).Request(step{target: "/ban"}.event(began))[0]; a.Action != lookup.Ban || a.Duration != time.Hour {
				t.Errorf("the rules that it was made of have changed: %v for %v", a.Action, a.Duration)
			}
		})
	}
}

func TestPoliciesThatMakeNoSense(t *testing.T) {
	rules, err := Parse("own.yaml", []byte(policyRules), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.With(map[string]Policy{
		"own/bam":     {},
		"own/counter": {},
		"own/ban":     {AlertOnly: true, Duration: time.Hour},
		"own/plain":   {Duration: -time.Hour},
	})
	want := "there is no scenario \"own/bam\": did you mean own/ban?\n" +
		"scenario own/ban: alert: must not have an action or a duration\n" +
		"scenario own/counter cannot run: own.yaml:16: its type is counter: want leaky or trigger\n" +
		"scenario own/plain: duration -1h0m0s: must be greater than 0"
	if err == nil || err.Error() != want {
		t.Errorf("error\n%v, want\n%s", err, want)
	}
	if _, err := rules.With(map[string]Policy{"own/ban": {Action: lookup.Ban + 1}}); err == nil {
		t.Error("an action that there is not is taken")
	}
}

func TestBucketsOutliveAPolicy(t *testing.T) {
	rules := builtinRules(t)
	d := New(Config{Rules: rules})
	wrong := func(i int) step { return step{target: "/wp-login.php", body: wpLogin("admin", fmt.Sprint("x", i))} }
	if names := play(d, 0, times(5, wrong)...); len(names) > 0 {
		t.Fatalf("alerts: %q", names)
	}
	with, err := rules.With(map[string]Policy{"tocsin/http-login-bf": {Action: lookup.Throttle}})
	if err != nil {
		t.Fatal(err)
	}
	d.Use(with)
	if alerts := d.Response(wrong(5).event(began)); len(alerts) != 1 || alerts[0].Action != lookup.Throttle || !alerts[0].Ordered {
		t.Errorf("alerts: %v", alerts)
	}
}
