package lapi

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
)

// CrowdSec takes alerts of the WAF, shows the rule, and decides nothing.
func TestRealAlertsOfTheWAF(t *testing.T) {
	r := realMachine(t)
	now := time.Now()
	a := event.Alert{
		Kind: "waf", Scenario: "crowdsecurity/vpatch-env-access", Message: "WAF block: crowdsecurity/vpatch-env-access from 192.0.2.9 (tocsin)",
		Client: addr("192.0.2.9"), Start: now, Stop: now, Count: 1, Capacity: 1,
		Context: []event.Context{{
			Time: now, Method: "GET", Target: "/.env", UserAgent: "curl/8", Rule: "crowdsecurity/vpatch-env-access",
			Message: "Detect access to .env files", Zones: "REQUEST_FILENAME",
		}},
	}
	r.report([]event.Alert{a}, 1, 0)
	args := []string{"alerts", "list", "-a", "-o", "json"}
	if r.Generation() != lapitest.Old { // which does not know of kinds
		args = append(args, "--kind", "waf")
	}
	var alerts []struct {
		Scenario  string
		Decisions []any
		Events    []struct {
			Meta []struct{ Key, Value string }
		}
	}
	if err := json.Unmarshal([]byte(r.Cscli(args...)), &alerts); err != nil {
		t.Fatal(err)
	}
	if len(alerts) == 0 || len(alerts[0].Events) != 1 || len(alerts[0].Decisions) > 0 {
		t.Fatalf("%+v", alerts)
	}
	meta := map[string]string{}
	for _, m := range alerts[0].Events[0].Meta {
		meta[m.Key] = m.Value
	}
	if meta["rule_name"] != a.Scenario || meta["matched_zones"] != "REQUEST_FILENAME" || meta["uri"] != "/.env" || meta["service"] != "appsec" {
		t.Errorf("%v", meta)
	}
	r.untilAction("192.0.2.9", lookup.None)
}
