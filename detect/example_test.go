package detect_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// An operator adds scenarios to the built-in ones, and has one of these only tell.
func Example() {
	builtin, err := detect.Builtin()
	if err != nil {
		fmt.Println(err)
		return
	}
	own, err := detect.Load(detect.LoadConfig{Paths: []string{"../examples/scenarios"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := detect.Merge(own, builtin).With(map[string]detect.Policy{
		"tocsin/http-probing": {AlertOnly: true},
		"shop/login":          {Action: lookup.Ban, Duration: time.Hour},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	d := detect.New(detect.Config{Rules: rules})
	for i := range 7 {
		e := &event.Event{
			Time:   time.Date(2026, 1, 1, 12, 0, i, 0, time.UTC),
			Client: netip.MustParseAddr("198.51.100.7"), Method: "POST", Target: "//account/./login?x=1", Status: 422,
		}
		for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
			fmt.Println(a.Scenario, a.Count, a.Action, a.Duration)
		}
	}
	// Output: shop/login 6 ban 1h0m0s
}
