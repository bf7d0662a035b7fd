package engine

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A ban of one network outlasts whatever is decided about clients of another, and in a
// network what asks for the least, and ends the soonest, makes room first.
func TestTheWeakestDecisionOfTheLargestNetworkMakesRoom(t *testing.T) {
	alert := func(client string, action lookup.Action, length time.Duration) event.Alert {
		a := about(client)
		a.Prefix, a.Action, a.Duration = event.ClientOf(a.Client), action, length
		return a
	}
	flood := func(form string, action lookup.Action, length time.Duration) (all []event.Alert) {
		for i := range 40 {
			all = append(all, alert(fmt.Sprintf(form, i), action, length))
		}
		return all
	}
	for _, row := range []struct {
		name         string
		before, then []event.Alert
		stays, goes  []string
	}{
		{
			"a ban, when others of one /32 flood",
			[]event.Alert{alert("2001:db8:1::1", lookup.Ban, time.Hour)},
			flood("2001:db9:1:%x::1", lookup.Ban, 4*time.Hour),
			[]string{"2001:db8:1::1", "2001:db9:1:27::1"},
			[]string{"2001:db9:1::1"},
		},
		{
			"a captcha, when others flood with bans",
			[]event.Alert{alert("192.0.2.1", lookup.Captcha, time.Hour)},
			flood("198.51.100.%d", lookup.Ban, 4*time.Hour),
			[]string{"192.0.2.1"},
			[]string{"198.51.100.0"},
		},
		{
			"a ban of a network that floods with captchas",
			[]event.Alert{alert("198.51.100.200", lookup.Ban, time.Hour)},
			flood("198.51.100.%d", lookup.Captcha, 4*time.Hour),
			[]string{"198.51.100.200"},
			[]string{"198.51.100.0"},
		},
		{
			"a long ban of a network that floods with short ones",
			[]event.Alert{alert("198.51.100.200", lookup.Ban, 2*time.Hour)},
			flood("198.51.100.%d", lookup.Ban, time.Hour),
			[]string{"198.51.100.200"},
			[]string{"198.51.100.0"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := start(t, Config{})
				e.local.held.room = 16
				for _, a := range slices.Concat(row.before, row.then) {
					e.Alert(a)
				}
				for _, ip := range row.stays {
					if !e.stops(netip.MustParseAddr(ip)) {
						t.Errorf("%s is free", ip)
					}
				}
				for _, ip := range row.goes {
					if e.stops(netip.MustParseAddr(ip)) {
						t.Errorf("%s is still stopped", ip)
					}
				}
				if n, m := e.local.held.len(), e.Table().Len(); n != 16 || m != 16 {
					t.Errorf("%d are looked after, %d in the table", n, m)
				}
			})
		})
	}
}

// A client with many bans is not forgotten because of many clients with one ban.
func TestRelapsesOutlastAFlood(t *testing.T) {
	o := offenders{window: time.Hour, longest: 24 * time.Hour, room: 8}
	now := time.Now()
	again := netip.MustParsePrefix("192.0.2.1/32")
	for range 3 {
		o.sentence(again, time.Minute, false, now)
		now = now.Add(30 * time.Minute)
	}
	for i := range 100 {
		o.sentence(netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(i), 1}), 32), time.Minute, false, now)
	}
	if got := o.sentence(again, time.Minute, false, now); got != 8*time.Minute {
		t.Errorf("the fourth time is %v", got)
	}
}

// The heaps agree with a slow search over all members.
func TestACrowdAgreesWithASearch(t *testing.T) {
	type thing struct{ key, network, strength, age int }
	rnd := rand.New(rand.NewPCG(1, 2))
	prefix := func(network int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(network), 0, 1}), 32)
	}
	c := newFairMap[int](20, func(a, b thing) bool { return a.strength < b.strength })
	var slow []thing
	drop := func(k int) { slow = slices.DeleteFunc(slow, func(t thing) bool { return t.key == k }) }
	weakest := func() thing {
		sizes := map[int]int{}
		for _, t := range slow {
			sizes[t.network]++
		}
		return slices.MinFunc(slow, func(a, b thing) int {
			return 1e9*(sizes[b.network]-sizes[a.network]) + 1e6*(a.strength-b.strength) + a.age - b.age
		})
	}
	for i := range 5000 {
		one := thing{rnd.IntN(60), rnd.IntN(6), rnd.IntN(4), i}
		if rnd.IntN(5) == 0 {
			drop(one.key)
			c.remove(one.key)
			continue
		}
		drop(one.key)
		var want []thing
		for len(slow) >= 20 {
			want = append(want, weakest())
			drop(want[len(want)-1].key)
		}
		slow = append(slow, one)
		if got := c.put(one.key, prefix(one.network), one); !slices.Equal(got, want) {
			t.Fatalf("step %d: %v made room, want %v", i, got, want)
		}
		if c.len() != len(slow) || len(c.nets) != len(c.byNet) {
			t.Fatalf("step %d: %d held, want %d", i, c.len(), len(slow))
		}
	}
}
