package detect

import (
	"fmt"
	"slices"
	"testing"
)

// A client that repeats the same requests after an alert does not count as continuing. A
// search does, and its requests count again after the challenge.
func TestTheSameAgainIsNoGoingOn(t *testing.T) {
	places := func(from, n int, gap float64) []act {
		return acts(n, gap, func(i int) act { return act{target: "/" + word(from+i), status: 404} })
	}
	again := func(times int, gap float64) (all []act) {
		for range times {
			all = append(all, places(0, 14, gap)...)
		}
		return all
	}
	later := func(list []act, gap float64) []act {
		list = slices.Clone(list)
		list[0].gap += gap
		return list
	}
	for _, row := range []struct {
		name string
		acts []act
		want string // the alerts of http-probing, by the number of the request
	}{
		{"a page polls fourteen places", again(30, 1), "10"},
		{"and somebody searches from there", slices.Concat(again(4, 1), places(20, 20, 1)), "10 65"},
		{"a search", places(0, 40, 1), "10 40"},
		{"the same an hour later", slices.Concat(again(1, 1), later(again(1, 1), 3600)), "10 24"},
	} {
		d, got := New(Config{Rules: builtinRules(t)}), ""
		for i, e := range (conduct{row.name, row.acts}).events(true) {
			for _, a := range slices.Concat(d.Request(e), d.Response(e)) {
				if a.Scenario == "tocsin/http-probing" {
					got += fmt.Sprint(" ", i+1)
				}
			}
		}
		if got != " "+row.want {
			t.Errorf("%s: alerts at%s, want %s", row.name, got, row.want)
		}
	}
}
