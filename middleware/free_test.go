package middleware

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/lookup"
)

// When a decision ends, its visitor can use the site, with or without a pass. A late
// answer gets no pass and does no harm. The next decision needs a new challenge,
// because earlier passes do not count.
func TestTheEndOfADecisionFreesItsVisitor(t *testing.T) {
	const asked, inside = "asked", "in"
	for _, row := range []struct {
		name, state string
		end         func(*lookup.Table) // nil: by its time
	}{
		{"asked, and it runs out", asked, nil},
		{"asked, and it is taken back", asked, func(tab *lookup.Table) { tab.Replace("lapi", nil) }},
		{"in, and it runs out", inside, nil},
		{"in, and it is taken back", inside, func(tab *lookup.Table) { tab.Replace("lapi", nil) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tab := new(lookup.Table)
				decide := func() {
					now := time.Now()
					ds := decisions(t, "192.0.2.1 captcha")
					ds[0].Since, ds[0].Until = now, now.Add(10*time.Minute)
					tab.Replace("lapi", ds)
				}
				decide()
				m := mustNew(t, Config{Lookup: in(tab), Challenge: newGate(t, challenge.Config{})})
				v := &visitor{t: t, h: m.Handler(http.HandlerFunc(seen)), client: "192.0.2.1:1"}
				<-time.After(9 * time.Minute)
				status, page := v.get()
				if status != http.StatusForbidden {
					t.Fatalf("status %d under the decision", status)
				}
				if row.state == inside {
					v.answer(page)
					if status, _ = v.get(); status != http.StatusOK {
						t.Fatalf("status %d with a pass", status)
					}
				}
				if row.end != nil {
					row.end(tab)
				}
				<-time.After(time.Minute)
				for range 2 {
					if status, body := v.get(); status != http.StatusOK || !strings.HasPrefix(body, "site:") {
						t.Errorf("status %d after its end: %q", status, body)
					}
				}
				held := v.cookie
				if got := v.answer(page); row.state == asked && (got != http.StatusNoContent || v.cookie != "") {
					t.Errorf("a late answer: status %d, and the cookie %q", got, v.cookie)
				}
				v.cookie = held
				decide()
				if status, _ = v.get(); status != http.StatusForbidden {
					t.Errorf("status %d under the next decision", status)
				}
			})
		})
	}
}
