package engine

import (
	"context"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// live is a live source that says the same about everybody.
type live struct {
	name      string
	says      lookup.Action
	asked     int
	forgotten []netip.Prefix
}

func (l *live) Name() string          { return l.name }
func (l *live) Status() lookup.Status { return lookup.Status{Synced: time.Now()} }
func (l *live) Forget(p netip.Prefix) { l.forgotten = append(l.forgotten, p) }

func (l *live) Lookup(context.Context, netip.Addr) (lookup.Decision, bool) {
	l.asked++
	return lookup.Decision{Prefix: ban.Prefix, Action: l.says, Source: l.name}, l.says != lookup.None
}

func TestTheStrongestOfAllWins(t *testing.T) {
	about := func(a lookup.Action) lookup.Decision {
		d := ban
		d.Action = a
		return d
	}
	inDE := func(netip.Addr) (string, uint32) { return "DE", 64496 }
	for _, tc := range []struct {
		name   string
		table  []lookup.Decision
		locate Locator
		live   lookup.Action
		want   lookup.Action
		asked  int
	}{
		{"nobody knows anything", nil, inDE, lookup.None, lookup.None, 1},
		{"a ban in the table asks nobody", []lookup.Decision{ban}, inDE, lookup.Ban, lookup.Ban, 0},
		{"a live ban beats a captcha in the table", []lookup.Decision{about(lookup.Captcha)}, nil, lookup.Ban, lookup.Ban, 1},
		{"a captcha in the table beats a live throttle", []lookup.Decision{about(lookup.Captcha)}, nil, lookup.Throttle, lookup.Captcha, 1},
		{"a banned country", []lookup.Decision{{Country: "DE", Action: lookup.Ban}}, inDE, lookup.None, lookup.Ban, 0},
		{"a banned autonomous system", []lookup.Decision{{AS: 64496, Action: lookup.Ban}}, inDE, lookup.None, lookup.Ban, 0},
		{"another country", []lookup.Decision{{Country: "FR", Action: lookup.Ban}}, inDE, lookup.None, lookup.None, 1},
		{"a country without anybody to locate clients", []lookup.Decision{{Country: "DE", Action: lookup.Ban}}, nil, lookup.None, lookup.None, 1},
		{"a banned country beats a captcha on the address", []lookup.Decision{about(lookup.Captcha), {Country: "DE", Action: lookup.Ban}}, inDE, lookup.None, lookup.Ban, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := &live{name: "live", says: tc.live}
			e, err := New(Config{Live: []Live{source}, Locate: tc.locate})
			if err != nil {
				t.Fatal(err)
			}
			e.Table().Replace("a", tc.table)
			d, found := e.Lookup(context.Background(), listed)
			if d.Action != tc.want || found != (tc.want != lookup.None) || source.asked != tc.asked {
				t.Errorf("got %v, asked %d times; want %v, %d", d.Action, source.asked, tc.want, tc.asked)
			}
		})
	}
}

func TestCoveringTellsOfAddressesAndPlaces(t *testing.T) {
	e, err := New(Config{Locate: func(netip.Addr) (string, uint32) { return "DE", 0 }})
	if err != nil {
		t.Fatal(err)
	}
	captcha := ban
	captcha.Action = lookup.Captcha
	e.Table().Replace("a", []lookup.Decision{captcha, {Country: "DE", Action: lookup.Ban}, {Country: "FR", Action: lookup.Ban}})
	var got []string
	for _, d := range e.Covering(listed) {
		got = append(got, d.Target())
	}
	if want := []string{"DE", "192.0.2.1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnbanIsFeltAtOnceAndExactly(t *testing.T) {
	source := &live{name: "live"}
	e, err := New(Config{Live: []Live{source}})
	if err != nil {
		t.Fatal(err)
	}
	wide := ban
	wide.Prefix = netip.MustParsePrefix("192.0.2.0/24")
	e.Table().Replace("a", []lookup.Decision{ban, wide})
	e.Table().Replace("b", []lookup.Decision{ban})
	if n := e.Unban(lookup.Decision{Prefix: ban.Prefix}); n != 2 || e.Table().Len() != 1 {
		t.Errorf("%d taken back, %d left; want 2 and 1", n, e.Table().Len())
	}
	if !slices.Equal(source.forgotten, []netip.Prefix{ban.Prefix}) {
		t.Errorf("the live source forgets %v", source.forgotten)
	}
	if n := e.Unban(lookup.Decision{Country: "DE"}); n != 0 || len(source.forgotten) != 1 {
		t.Errorf("%d taken back about a country that was not listed", n)
	}
}

// syncer is a source that can be asked to read everything anew.
type syncer struct {
	fake
	synced int
}

func (s *syncer) Sync() { s.synced++ }

// liveSyncer is a live source of that kind.
type liveSyncer struct {
	live
	syncer
}

func (s *liveSyncer) Name() string          { return "c" }
func (s *liveSyncer) Status() lookup.Status { return lookup.Status{} }

func TestSyncReachesThoseWhoCan(t *testing.T) {
	s, l := &syncer{fake: fake{name: "a"}}, &liveSyncer{}
	e, err := New(Config{Sources: []Source{s, says("b")}, Live: []Live{l, &live{name: "d"}}})
	if err != nil {
		t.Fatal(err)
	}
	e.Sync()
	if s.synced != 1 || l.synced != 1 {
		t.Errorf("asked %d and %d times", s.synced, l.synced)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	e, err := New(Config{
		Sources: []Source{&allowlister{fake: fake{name: "a"}, allowed: netip.MustParseAddr("203.0.113.9")}},
		Locate:  func(netip.Addr) (string, uint32) { return "DE", 64496 },
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Table().Replace("a", []lookup.Decision{ban})
	for _, ip := range []netip.Addr{listed, netip.MustParseAddr("203.0.113.1")} {
		if n := testing.AllocsPerRun(100, func() { e.Lookup(context.Background(), ip) }); n != 0 {
			t.Errorf("looking up %v allocates %v times", ip, n)
		}
	}
}

// allowlister is a source that feeds the table and has one client on a list.
type allowlister struct {
	fake
	allowed netip.Addr
}

func (a *allowlister) Allowlisted(ip netip.Addr) bool { return lookup.Normalize(ip) == a.allowed }

func TestAnAllowlistIsWeighedAgainstItsOwnSource(t *testing.T) {
	about := func(target string, a lookup.Action) lookup.Decision {
		return lookup.Decision{Prefix: netip.MustParsePrefix(target), Action: a}
	}
	in := func(country string, a lookup.Action) lookup.Decision {
		return lookup.Decision{Country: country, Action: a}
	}
	for _, tc := range []struct {
		name         string
		theirs, ours []lookup.Decision // of the source with the allowlist, and of another
		live         lookup.Action
		want         lookup.Action
		covering     int
	}{
		{"a range around the client", []lookup.Decision{about("192.0.2.0/24", lookup.Ban)}, nil, lookup.None, lookup.None, 0},
		{"its country", []lookup.Decision{in("DE", lookup.Ban)}, nil, lookup.None, lookup.None, 0},
		{"another source says less", []lookup.Decision{about("192.0.2.0/24", lookup.Ban)}, []lookup.Decision{about("192.0.2.0/25", lookup.Throttle)}, lookup.None, lookup.Throttle, 1},
		{"another source says the same", []lookup.Decision{about("192.0.2.0/24", lookup.Ban)}, []lookup.Decision{about("192.0.2.0/24", lookup.Ban)}, lookup.None, lookup.Ban, 1},
		{"another source says less of its country", []lookup.Decision{in("DE", lookup.Ban)}, []lookup.Decision{in("DE", lookup.Captcha)}, lookup.None, lookup.Captcha, 1},
		{"another source bans its country", []lookup.Decision{about("192.0.2.0/24", lookup.Ban)}, []lookup.Decision{in("DE", lookup.Ban)}, lookup.None, lookup.Ban, 1},
		{"a live source says less", []lookup.Decision{about("192.0.2.0/24", lookup.Ban)}, nil, lookup.Captcha, lookup.Captcha, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			theirs := &allowlister{fake: fake{name: "theirs"}, allowed: listed}
			e, err := New(Config{
				Sources: []Source{theirs, says("ours")}, Live: []Live{&live{name: "live", says: tc.live}},
				Locate: func(netip.Addr) (string, uint32) { return "DE", 0 },
			})
			if err != nil {
				t.Fatal(err)
			}
			e.Table().Replace("theirs", tc.theirs)
			e.Table().Replace("ours", tc.ours)
			for _, ip := range []netip.Addr{listed, netip.AddrFrom16(listed.As16())} {
				if d, found := e.Lookup(context.Background(), ip); d.Action != tc.want || found != (tc.want != lookup.None) {
					t.Errorf("%v: got %+v, want %v", ip, d, tc.want)
				}
				if all := e.Covering(ip); len(all) != tc.covering || !slices.Equal(e.Allowlisted(ip), []string{"theirs"}) {
					t.Errorf("%v: %+v, on the lists of %q", ip, all, e.Allowlisted(ip))
				}
			}
			beside := listed.Next()
			if d, _ := e.Lookup(context.Background(), beside); d.Action != lookup.Ban || e.Allowlisted(beside) != nil {
				t.Errorf("a client beside it: %+v, on the lists of %q", d, e.Allowlisted(beside))
			}
		})
	}
}

// runner is a live source with something to keep current.
type runner struct {
	live
	running chan struct{}
}

func (r *runner) Run(ctx context.Context) error {
	r.running <- struct{}{}
	<-ctx.Done()
	r.running <- struct{}{}
	return ctx.Err()
}

func TestALiveSourceIsRunIfItAsksForIt(t *testing.T) {
	r := &runner{live{name: "a"}, make(chan struct{}, 2)}
	e, err := New(Config{Live: []Live{r, &live{name: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	e.Start()
	<-r.running
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.running:
	default:
		t.Error("it still runs after Close")
	}
}
