package detect

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// everything returns the built-in scenarios, and those with the hub's if they are
// there.
func everything(b *testing.B) map[string]*Rules {
	rules := map[string]*Rules{"built-in": builtinRules(b)}
	if os.Getenv("TOCSIN_HUB_SUITE") != "" {
		rules["with the hub's"] = Merge(builtinRules(b), hubRules(b))
	}
	return rules
}

func BenchmarkBuiltin(b *testing.B) {
	logins := make([]*event.Event, 4096)
	for i := range logins {
		logins[i] = step{target: "/wp-login.php", body: wpLogin("admin", "x")}.event(began)
	}
	bundles := []*event.Event{step{target: "/xmlrpc.php", form: "text/xml", body: xmlBundle(50)}.event(began)}
	for name, rules := range everything(b) {
		for _, row := range []struct {
			traffic string
			events  []*event.Event
		}{
			{"benign", benign(4096, 1000)},
			{"benign GETs", slices.DeleteFunc(benign(4096, 1000), func(e *event.Event) bool { return e.Method != "GET" })},
			{"attack", attack(4096, 1000)},
			{"logins", logins},
			{"bundles", bundles},
		} {
			b.Run(name+"/"+row.traffic, func(b *testing.B) { run(b, rules, row.events) })
		}
	}
}

func run(b *testing.B, rules *Rules, events []*event.Event) {
	d := New(Config{Rules: rules})
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		e := events[i%len(events)]
		e.Time = began.Add(time.Duration(i) * time.Millisecond)
		e.Ended = e.Time
		i++
		d.Request(e)
		d.Response(e)
	}
}
