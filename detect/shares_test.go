package detect

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/heaptest"
)

// clientAt returns the key of an address.
func clientAt(ip string) clientKey { return keyOf(event.ClientOf(netip.MustParseAddr(ip))) }

// Which entry is evicted when a client adds one too many.
func TestShares(t *testing.T) {
	type put struct {
		who   string
		first int // thing
		n     int // of them
	}
	for _, row := range []struct {
		name       string
		puts       []put
		kept, gone []int // things
	}{
		{"what fits", []put{{"192.0.2.1", 0, 3}}, []int{0, 1, 2}, nil},
		{"one too many of a network: its first goes", []put{{"192.0.2.1", 0, 3}, {"192.0.2.200", 3, 2}}, []int{1, 2, 3, 4}, []int{0}},
		{"many of a network, after one of others", []put{{"198.51.100.1", 0, 1}, {"192.0.2.1", 1, 100}}, []int{0, 97, 98, 99, 100}, []int{1, 96}},
		{"a /48 is one network", []put{{"198.51.100.1", 0, 1}, {"2001:db8:1:1::1", 1, 2}, {"2001:db8:1:2::1", 3, 3}}, []int{0, 2, 3, 4, 5}, []int{1}},
		{"another /48 is another", []put{{"2001:db8:1:1::1", 0, 3}, {"2001:db8:2:1::1", 3, 3}}, []int{0, 1, 2, 3, 4, 5}, nil},
		{"no room: the network goes that was quiet the longest", []put{{"192.0.2.1", 0, 4}, {"198.51.100.1", 10, 4}, {"203.0.113.1", 20, 4}}, []int{10, 13, 20, 23, 2, 3}, []int{0, 1}},
		{"but not one whose thing was put again", []put{{"192.0.2.1", 0, 4}, {"198.51.100.1", 10, 4}, {"203.0.113.9", 0, 1}, {"203.0.113.1", 20, 4}}, []int{0, 1, 2, 3, 12, 13}, []int{10, 11}},
	} {
		s := newShares[int, string](10, 4)
		for _, p := range row.puts {
			for i := range p.n {
				s.put(clientAt(p.who), p.first+i, "x")
			}
		}
		for _, k := range row.kept {
			if _, ok := s.get(k); !ok {
				t.Errorf("%s: %d is gone", row.name, k)
			}
		}
		for _, k := range row.gone {
			if _, ok := s.get(k); ok {
				t.Errorf("%s: %d is there", row.name, k)
			}
		}
		n := 0
		for _, o := range s.all.nets {
			if n += o.n; o.n > s.share {
				t.Errorf("%s: a network has %d things", row.name, o.n)
			}
		}
		if n != s.len() || n > s.all.room {
			t.Errorf("%s: %d things, %d with an owner", row.name, s.len(), n)
		}
	}
}

// A client with a /48 of IPv6, or one that makes browsers of others send requests, cannot
// make the detector forget what counts about others.
func TestNobodyFlushesWhatIsKnownOfOthers(t *testing.T) {
	const member, site = "203.0.113.7", "site.example"
	asks := step{target: "/api/me", status: 401, host: site, client: member}
	hook := step{target: "/hook", body: "{}", form: mediaJSON, host: site, client: "203.0.113.8", whose: event.Foreign}
	accepted := step{target: "/api/me", auth: "Bearer x", host: site, client: member}
	refuses := step{target: "/api/login", body: "user=a&password=b", status: 401, host: site, client: member}
	soft := func(i int) step {
		return step{target: fmt.Sprintf("/.git/HEAD?%d", i), host: site, client: member, size: 7000}
	}
	rules := parse(t, guessed+"\n---\ntype: trigger\nname: test/impossible\nfilter: evt.Parsed.clean_path in ['/.env', '/.git/HEAD', '/wp-config.php~']\nlabels: {teaches: missing}")
	for _, row := range []struct {
		name string
		next func(i int) step
	}{
		{"pages that are there", page},
		{"pages that are not", func(i int) step { return step{target: fmt.Sprint("/", letters(i), i), status: 404} }},
		{"places that ask for credentials", func(i int) step { return step{target: fmt.Sprint("/", letters(i), i/17576), status: 401} }},
		{"logins that fail", func(i int) step {
			return step{target: "/" + letters(i) + "/in", body: "user=a&password=b", status: 401}
		}},
		{"credentials that are accepted", func(i int) step {
			return step{target: "/login", body: "user=a&password=b", status: 302, location: "/", cookie: "s=x"}
		}},
		{"hosts without number", func(i int) step { return step{target: "/.env", host: letters(i) + ".example", size: 6000} }},
	} {
		for _, whose := range []event.Attribution{event.Own, event.Foreign} {
			d := New(Config{Rules: rules, Clients: 4000})
			play(d, 0, asks, accepted, hook, refuses, soft(1), step{target: "/.env", host: site, client: member, size: 7000}, step{target: "/wp-config.php~", host: site, client: member, size: 7000})
			for i := range 9_000 {
				s := row.next(i)
				s.whose = whose
				e := s.event(began.Add(time.Duration(i) * time.Millisecond))
				e.Client = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 1, byte(i >> 8), byte(i), 15: 1})
				d.Response(e)
			}
			if !d.Known(netip.MustParseAddr(member), began.Add(time.Minute)) {
				t.Errorf("%s, %v: who has shown credentials is not known any more", row.name, whose)
			}
			if !d.Works(hook.event(began)) {
				t.Errorf("%s, %v: what works for other pages is forgotten", row.name, whose)
			}
			other := accepted
			other.client = "203.0.113.9"
			play(d, 0, other)
			if !d.Known(netip.MustParseAddr(other.client), began) {
				t.Errorf("%s, %v: that the place asks for credentials is forgotten", row.name, whose)
			}
			if got := d.outcomeOf(step{target: "/nothing", host: site, size: 7010}); got != outcomeMissing {
				t.Errorf("%s, %v: how the site answers for what it has not is forgotten: %q", row.name, whose, got)
			}
		}
	}
}

// When all that is learned is full, too, memory is bounded.
func TestMemoryOfWhatIsLearned(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes long")
	}
	const most = 68 << 20 // each kind of place takes some 2 MiB
	before := heaptest.Bytes()
	d := New(Config{Rules: builtinRules(t)})
	for i := range 60_000 { // each from a network of its own
		ip := netip.AddrFrom16([16]byte{0x20, 0x01, byte(i >> 8), byte(i), 15: 1})
		k := keyOf(event.ClientOf(ip))
		d.clients.accept(k, began.UnixNano())
		for kind := range d.sites.places {
			d.sites.places[kind].own.put(k, uint64(i), struct{}{})
			d.sites.places[kind].others.put(k, uint64(i), struct{}{})
		}
		d.sites.missing.own.put(k, uint64(i), new([4]answerShape))
		d.sites.missing.others.put(k, uint64(i), new([4]answerShape))
		d.sites.broken.put(k, uint64(i), new(brokenLink))
		d.sites.outages.put(k, uint64(i), new(outage))
	}
	used := heaptest.Bytes() - before
	t.Logf("%d MiB", used>>20)
	if used > most {
		t.Errorf("%d MiB, want at most %d", used>>20, most>>20)
	}
	if n := d.clients.accepted.len(); n != 50_000 {
		t.Errorf("%d accepted clients, want 50000", n)
	}
	runtime.KeepAlive(d)
}
