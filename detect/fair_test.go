package detect

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// Which entry is evicted when there is one too many.
func TestFair(t *testing.T) {
	type put struct {
		who   string
		first int // thing
		n     int // of them
	}
	for _, row := range []struct {
		name       string
		puts       []put
		uses       []int // between the puts before the last and the last
		kept, gone []int
	}{
		{"what fits", []put{{"192.0.2.1", 0, 20}}, nil, []int{0, 19}, nil},
		{"one too many of a network: its oldest goes", []put{{"192.0.2.1", 0, 20}, {"192.0.2.9", 20, 1}}, nil, []int{1, 20}, []int{0}},
		{"or the one that was not used since", []put{{"192.0.2.1", 0, 20}, {"192.0.2.9", 20, 1}}, []int{0}, []int{0, 2, 20}, []int{1}},
		{"a /48 is one network", []put{{"198.51.100.1", 0, 1}, {"2001:db8:1:1::1", 1, 50}, {"2001:db8:1:2::1", 51, 50}}, nil, []int{0, 100}, []int{1, 51}},
		{"who has a few loses nothing to who has many", []put{{"198.51.100.1", 0, 7}, {"192.0.2.1", 10, 100}}, nil, []int{0, 6, 109}, []int{10}},
		{"nor to the next", []put{{"192.0.2.1", 10, 16}, {"198.51.100.1", 0, 7}}, nil, []int{0, 6, 25}, []int{10, 11, 12}},
		{"among those that have a few the one goes that was quiet", []put{{"192.0.2.1", 0, 7}, {"198.51.100.1", 10, 7}, {"203.0.113.1", 20, 7}}, nil, []int{1, 10, 16, 20, 26}, []int{0}},
		{"and was not used", []put{{"192.0.2.1", 0, 7}, {"198.51.100.1", 10, 7}, {"203.0.113.1", 20, 7}}, []int{6}, []int{0, 6, 11, 20, 26}, []int{10}},
	} {
		forgot := 0
		f := newFairStore[int](20, func(int) { forgot++ })
		for i, p := range row.puts {
			if i == len(row.puts)-1 {
				for _, k := range row.uses {
					f.get(k)
				}
			}
			for n := range p.n {
				f.add(clientAt(p.who), p.first+n, p.first+n)
			}
		}
		for _, k := range row.kept {
			if v, ok := f.peek(k); !ok || v != k {
				t.Errorf("%s: %d is gone", row.name, k)
			}
		}
		for _, k := range row.gone {
			if _, ok := f.peek(k); ok {
				t.Errorf("%s: %d is there", row.name, k)
			}
		}
		checkFair(t, row.name, f)
		for _, p := range row.puts {
			forgot -= p.n
		}
		if forgot != -f.len() {
			t.Errorf("%s: %d more are there than were not forgotten", row.name, f.len()+forgot)
		}
	}
}

// At random: the lists agree with each other at any time.
func TestFairLists(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	f := newFairStore[int](50, func(int) {})
	for i := range 20_000 {
		k := r.IntN(200)
		switch _, ok := f.get(k); {
		case !ok:
			f.add(clientAt(fmt.Sprintf("192.0.%d.1", k%(1+k/3))), k, k)
		case r.IntN(4) == 0:
			f.remove(k)
		}
		if i%50 == 0 {
			checkFair(t, fmt.Sprint("step ", i), f)
		}
	}
}

// checkFair checks that what is in the lists is what is in the maps.
func checkFair(t *testing.T, name string, f *fairStore[int, int]) {
	t.Helper()
	things, nets, providers := 0, 0, 0
	for class := range f.classes {
		for p := f.classes[class].first; p != nil; p = p.after {
			providers++
			mine := 0
			for class := range p.classes {
				for o := p.classes[class].first; o != nil; o = o.after {
					nets++
					n := 0
					for h := o.entries.first; h != nil; h = h.after {
						n++
						if h.of != o || f.entries[h.key] != h {
							t.Errorf("%s: %d is somebody else's", name, h.key)
						}
					}
					if mine += n; n != o.n || n == 0 || classOf(n) != class || f.nets[o.net] != o || o.of != p {
						t.Errorf("%s: a network of %d things, counted %d, in class %d", name, n, o.n, class)
					}
				}
			}
			if things += mine; mine != p.n || mine == 0 || classOf(mine) != class || f.providers[p.net] != p {
				t.Errorf("%s: a provider of %d things, counted %d, in class %d", name, mine, p.n, class)
			}
		}
	}
	if things != len(f.entries) || nets != len(f.nets) || providers != len(f.providers) || things > f.room {
		t.Errorf("%s: %d things of %d, %d networks of %d, %d providers of %d", name, things, len(f.entries), nets, len(f.nets), providers, len(f.providers))
	}
}

// A client with a /48 of IPv6, which is 65,536 clients, cannot make the detector forget
// anything about others: their counts, their found pages, or the counts of a place. Nor
// can a client with a /32, which is 65,536 of these.
func TestOneNetworkFlushesNobodysBuckets(t *testing.T) {
	skipUnderRace(t)
	secret := func(int) step { return step{target: "/.env"} }
	failure := func(i int) step {
		return step{target: "/login", body: fmt.Sprintf("user=u%d&password=p", i), status: 401}
	}
	for _, row := range []struct {
		name string
		next func(i int) step
		bits int // of the prefix that the client has
	}{
		{"secrets, each client one", secret, 48},
		{"missing pages", missingPage, 48},
		{"logins that fail", failure, 48},
		{"secrets, each /48 one", secret, 32},
		{"missing pages, each /48 one", missingPage, 32},
		{"logins that fail, each /48 one", failure, 32},
	} {
		d := New(Config{Rules: builtinRules(t), Buckets: 20_000, Clients: 20_000})
		seen := func(client string, n int, next func(int) step) {
			for i := range n {
				s := next(i)
				s.client = client
				play(d, 0, s)
			}
		}
		for i := range 200 { // the others, each with a count and good behaviour
			seen(fmt.Sprintf("198.51.%d.7", i), 9, missingPage)
		}
		seen("203.0.113.9", 40, page)
		for i := range 60_000 {
			e := row.next(i).event(began.Add(time.Duration(i) * time.Millisecond / 20))
			ip := [16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, 15: 1}
			ip[row.bits/8], ip[row.bits/8+1] = byte(i>>8), byte(i)
			e.Client = netip.AddrFrom16(ip)
			d.Request(e)
			d.Response(e)
		}
		if s := d.Stats(); s.Evicted == 0 {
			t.Errorf("%s: nothing was forgotten", row.name)
		}
		for i := range 200 {
			s := missingPage(9)
			s.client = fmt.Sprintf("198.51.%d.7", i)
			if got := play(d, 0, s); !slices.Contains(got, "tocsin/http-probing") {
				t.Errorf("%s: what %s is counted for is forgotten", row.name, s.client)
				break
			}
		}
		if m := d.clients.behaviour(clientAt("203.0.113.9"), began.UnixNano()); m.found != 40 {
			t.Errorf("%s: %d pages that a client found are remembered, want 40", row.name, m.found)
		}
	}
}
