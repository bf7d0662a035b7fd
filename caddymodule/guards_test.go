package caddymodule

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// Operators see guards with the decisions, learn of them when they check an address,
// and end them.
func TestCommandsKnowGuards(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.load(h.withList() + site1)
	h.waitSynced("list:banned.txt")
	for _, a := range []event.Alert{
		{Guard: event.GuardPlace, Place: "POST site.example/login", Prefix: netip.MustParsePrefix("203.0.113.9/32")},
		{Guard: event.GuardNetwork, Prefix: netip.MustParsePrefix("203.0.113.0/24")},
	} {
		a.Scenario, a.Remediation, a.Duration = "tocsin/test-"+a.Guard.String(), true, 10*time.Minute
		a.Client = netip.MustParseAddr("203.0.113.9")
		runningEngine(t).Alert(a)
	}
	const place = "POST site.example/login place tocsin/test-place NOW in "
	const network = "203.0.113.0/24 network tocsin/test-network NOW in "
	for _, row := range []struct {
		name    string
		args    []string
		want    []string // in the output
		without string   // not in it
	}{
		{"list", []string{"list"}, []string{"GUARD ON SCOPE REASON SINCE ENDS", place, network}, "There are more"},
		{"list as JSON", []string{"list", "--json"}, []string{`"scope":"place","target":"POST site.example/login"`}, `"more":true`},
		{"list of another source", []string{"list", "--source", "list:banned.txt"}, []string{banned}, "GUARD ON"},
		{"list of bans", []string{"list", "--action", "ban"}, []string{banned}, "GUARD ON"},
		{"list of one", []string{"list", "--limit", "1"}, []string{"GUARD ON", "There are more"}, ""},
		{"check of an address there", []string{"check", "203.0.113.77"}, []string{"Result pass", network}, place},
		{"check of an address elsewhere", []string{"check", "198.51.100.1"}, []string{"Result pass"}, "GUARD ON"},
		{"unban of the network", []string{"unban", "203.0.113.0/24"}, []string{"here 1"}, ""},
		{"unban of the place", []string{"unban", "POST site.example/login"}, []string{"here 1"}, ""},
		{"unban of a place without a guard", []string{"unban", "POST site.example/login"}, []string{"here 0"}, ""},
		{"list without guards", []string{"list"}, []string{banned}, "GUARD ON"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, failure := h.command(append(row.args, "--address", h.admin)...)
			if failure != "" {
				t.Fatal(failure)
			}
			out = justNow.ReplaceAllString(strings.Join(strings.Fields(out), " "), "NOW")
			for _, want := range row.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in %s", want, out)
				}
			}
			if row.without != "" && strings.Contains(out, row.without) {
				t.Errorf("%q in %s", row.without, out)
			}
		})
	}
}
