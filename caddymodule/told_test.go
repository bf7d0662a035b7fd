package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// told is the part of an alert that CrowdSec stores.
type told struct {
	Kind, Scenario string
	Simulated      bool
	Remediation    bool
	Source         struct {
		Value, CN string
		AS        string `json:"as_number"`
	}
}

// A scenario under cscli simulation enable is reported as simulated and stops no client.
// Alerts contain the country of the client if a database knows it.
func TestAlertsAreToldAsCrowdSecsOwn(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{Generation: lapitest.Newest})
	h := newHost(t)
	h.list("list.txt", banned)
	h.file("places.mmdb", placesDB("FR", 64496))
	if err := os.Mkdir(filepath.Join(h.dir, "scenarios"), 0o700); err != nil {
		t.Fatal(err)
	}
	rule := func(name string) string {
		return "type: trigger\nname: test/" + name + "\ndescription: tries\nfilter: \"evt.Parsed.request == '/" + name + "'\"\n" +
			"groupby: evt.Meta.source_ip\nblackhole: 1m\nlabels:\n  remediation: true\n"
	}
	h.file("scenarios/tried.yaml", rule("tried"))
	h.file("scenarios/live.yaml", rule("live"))
	h.file("simulation.yaml", "simulation: false\nexclusions:\n- test/tried\n")
	h.load(h.watched("detect {DIR}/scenarios\ngeoip {DIR}/places.mmdb\nlapi "+api.URL+" "+api.Key+" {\ninterval 100ms\n"+withMachine+"\n}\nreport lapi", ""))
	if a := h.get(attacker, "/tried"); a.status != http.StatusOK {
		t.Errorf("a simulated scenario answers %d", a.status)
	}
	if a := h.get(attacker, "/live"); a.status != http.StatusForbidden {
		t.Errorf("another one answers %d", a.status)
	}
	var all []told
	wait(t, func() error {
		all = nil
		for _, a := range api.Alerts() {
			var one told
			if err := json.Unmarshal(a.JSON, &one); err != nil {
				return err
			}
			all = append(all, one)
		}
		if len(all) != 2 {
			return fmt.Errorf("%d alerts", len(all))
		}
		return nil
	})
	for i, want := range []string{"test/tried simulated true, remediation false", "test/live simulated false, remediation true"} {
		a := all[i]
		if got := fmt.Sprintf("%s simulated %v, remediation %v", a.Scenario, a.Simulated, a.Remediation); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if a.Kind != "crowdsec" || a.Source.Value != attacker || a.Source.CN != "FR" || a.Source.AS != "64496" {
			t.Errorf("%+v", a)
		}
	}
}
