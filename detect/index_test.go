package detect

import (
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

// What an innocent request costs follows from how many scenarios the index leaves to
// be asked. A scenario with a short literal, or with none, is asked about every
// request.
func TestInnocentRequestsAskFewScenarios(t *testing.T) {
	d := New(Config{Rules: builtinRules(t)})
	p := d.prog.Load()
	for _, phase := range []struct {
		name  string
		rules []uint64
		late  bool
		most  int // scenarios asked about a thousand requests
	}{
		{"before the answer", p.early, false, 600},
		{"after the answer", p.late, true, 400},
	} {
		t.Run(phase.name, func(t *testing.T) {
			asked := make(map[string]int)
			total := 0
			for _, e := range benign(1000, 1000) {
				v := p.open(e, event.ClientOf(e.Client))
				v.sites, v.clients = d.sites, d.clients
				each(p.candidates(v, phase.rules, phase.late), func(i int) {
					asked[p.rules[i].scenario.name]++
					total++
				})
				v.close()
			}
			if total > phase.most {
				t.Errorf("%d scenarios are asked about 1000 requests, want %d at most: %v", total, phase.most, asked)
			}
		})
	}
}
