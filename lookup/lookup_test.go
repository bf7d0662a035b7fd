package lookup

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func prefix(s string) netip.Prefix {
	p, err := ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return p
}

// on makes a decision that ends after d; 0 is never.
func on(p string, a Action, d time.Duration) Decision {
	dec := Decision{Prefix: prefix(p), Action: a, Origin: "cscli", Reason: "test"}
	if d != 0 {
		dec.Until = time.Now().Add(d)
	}
	return dec
}

func TestLookup(t *testing.T) {
	type said map[string][]Decision // what each source says
	for _, tc := range []struct {
		name string
		said said
		ip   string
		want Action
		from string // the source whose decision wins
	}{
		{"an empty table has nothing", nil, "192.0.2.1", None, ""},
		{"an address that is listed", said{"a": {on("192.0.2.1", Ban, 0)}}, "192.0.2.1", Ban, "a"},
		{"its neighbour is not", said{"a": {on("192.0.2.1", Ban, 0)}}, "192.0.2.2", None, ""},
		{"an address in a listed range", said{"a": {on("192.0.2.0/24", Ban, 0)}}, "192.0.2.9", Ban, "a"},
		{"an IPv6 address in a listed range", said{"a": {on("2001:db8::/32", Ban, 0)}}, "2001:db8:1::1", Ban, "a"},
		{"a range of everything", said{"a": {on("0.0.0.0/0", Ban, 0)}}, "203.0.113.7", Ban, "a"},
		{"IPv4 is not part of an IPv6 range of everything", said{"a": {on("::/0", Ban, 0)}}, "203.0.113.7", None, ""},
		{"a client mapped into IPv6", said{"a": {on("192.0.2.1", Ban, 0)}}, "::ffff:192.0.2.1", Ban, "a"},
		{"a decision mapped into IPv6", said{"a": {on("::ffff:192.0.2.1", Ban, 0)}}, "192.0.2.1", Ban, "a"},
		{"a range mapped into IPv6", said{"a": {on("::ffff:192.0.2.0/120", Ban, 0)}}, "192.0.2.200", Ban, "a"},
		{"a client with a zone", said{"a": {on("fe80::1", Ban, 0)}}, "fe80::1%eth0", Ban, "a"},
		{"a wider ban beats a narrower captcha", said{"a": {on("192.0.2.0/24", Ban, 0), on("192.0.2.1", Captcha, 0)}}, "192.0.2.1", Ban, "a"},
		{"a narrower ban beats a wider captcha", said{"a": {on("192.0.2.0/24", Captcha, 0), on("192.0.2.1", Ban, 0)}}, "192.0.2.1", Ban, "a"},
		{"captcha beats throttle", said{"a": {on("192.0.2.1", Throttle, 0), on("192.0.2.1", Captcha, 0)}}, "192.0.2.1", Captcha, "a"},
		{"another source's ban beats a captcha on the same prefix", said{"a": {on("192.0.2.1", Captcha, 0)}, "b": {on("192.0.2.1", Ban, 0)}}, "192.0.2.1", Ban, "b"},
		{"between equals the one that ends last wins", said{"a": {on("192.0.2.1", Ban, time.Hour)}, "b": {on("192.0.2.0/24", Ban, 2*time.Hour)}}, "192.0.2.1", Ban, "b"},
		{"one that never ends ends last", said{"a": {on("192.0.2.1", Ban, time.Hour)}, "b": {on("192.0.2.0/24", Ban, 0)}}, "192.0.2.1", Ban, "b"},
		{"one that has ended is none", said{"a": {on("192.0.2.1", Ban, -time.Second)}}, "192.0.2.1", None, ""},
		{"no address has no decision", said{"a": {on("0.0.0.0/0", Ban, 0)}}, "", None, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var table Table
			for source, all := range tc.said {
				table.Replace(source, all)
			}
			ip, _ := netip.ParseAddr(tc.ip)
			d, found := table.Lookup(ip)
			if d.Action != tc.want || d.Source != tc.from || found != (tc.want != None) {
				t.Errorf("got %v from %q (%v), want %v from %q", d.Action, d.Source, found, tc.want, tc.from)
			}
		})
	}
}

func TestDecisionCarriesWhatTheSourceSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table Table
		began := time.Now()
		table.Replace("lapi", []Decision{{
			Prefix: netip.MustParsePrefix("192.0.2.77/24"), Action: Ban, Source: "ignored",
			Origin: "lists:tor", Reason: "crowdsecurity/http-probing", Until: began.Add(4 * time.Hour),
		}})
		advance(time.Hour)
		got, _ := table.Lookup(netip.MustParseAddr("192.0.2.1"))
		want := Decision{
			Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: Ban, Source: "lapi",
			Origin: "lists:tor", Reason: "crowdsecurity/http-probing",
			Since: began, Until: began.Add(4 * time.Hour),
		}
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestTime(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	in := func(name string, f func(*testing.T, *Table)) {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { f(t, new(Table)) }) })
	}
	in("a decision ends on its own", func(t *testing.T, table *Table) {
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Minute)}, nil)
		advance(time.Minute - 1)
		if _, found := table.Lookup(ip); !found {
			t.Error("it ended too early")
		}
		advance(1)
		if _, found := table.Lookup(ip); found {
			t.Error("it is in force at its end")
		}
	})
	in("what ended uncovers what is weaker", func(t *testing.T, table *Table) {
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Minute), on("192.0.2.0/24", Captcha, time.Hour)}, nil)
		advance(2 * time.Minute)
		if d, _ := table.Lookup(ip); d.Action != Captcha {
			t.Errorf("got %v, want captcha", d.Action)
		}
	})
	in("announced again, it keeps its beginning and moves its end", func(t *testing.T, table *Table) {
		began := time.Now()
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Hour)}, nil)
		advance(30 * time.Minute)
		change := table.Update("a", []Decision{on("192.0.2.1", Ban, time.Hour)}, nil)
		d, _ := table.Lookup(ip)
		if !d.Since.Equal(began) || !d.Until.Equal(began.Add(90*time.Minute)) {
			t.Errorf("since %v until %v", d.Since, d.Until)
		}
		if want := (Change{Moved: 1}); change != want {
			t.Errorf("change %+v, want %+v", change, want)
		}
	})
	in("announced after its end, it begins anew", func(t *testing.T, table *Table) {
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Hour)}, nil)
		advance(2 * time.Hour)
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Hour)}, nil)
		if d, _ := table.Lookup(ip); !d.Since.Equal(time.Now()) {
			t.Errorf("since %v, want now", d.Since)
		}
	})
	in("announced as ended, it is taken back", func(t *testing.T, table *Table) {
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Hour)}, nil)
		table.Update("a", []Decision{on("192.0.2.1", Ban, -time.Hour)}, nil)
		if table.Len() != 0 {
			t.Errorf("%d decisions held, want none", table.Len())
		}
	})
	in("expiry frees what has ended and nothing else", func(t *testing.T, table *Table) {
		table.Update("a", []Decision{on("192.0.2.1", Ban, time.Minute), on("192.0.2.2", Ban, time.Hour), on("192.0.2.3", Ban, 0)}, nil)
		advance(time.Minute)
		if n := table.Expire(time.Now()); n != 1 || table.Len() != 2 || table.Count("a") != 2 {
			t.Errorf("freed %d, left %d, want 1 and 2", n, table.Len())
		}
	})
	in("an end in more than 292 years is never", func(t *testing.T, table *Table) {
		d := on("192.0.2.1", Ban, 0)
		d.Until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
		table.Update("a", []Decision{d}, nil)
		if got, _ := table.Lookup(ip); !got.Until.IsZero() {
			t.Errorf("until %v, want never", got.Until)
		}
	})
}

func TestIdentity(t *testing.T) {
	ip := netip.MustParseAddr("192.0.2.1")
	ban, captcha := on("192.0.2.1", Ban, 0), on("192.0.2.1", Captcha, 0)
	for _, tc := range []struct {
		name string
		do   func(*Table)
		want Action
	}{
		{"taking back a captcha leaves the ban", func(t *Table) {
			t.Update("a", []Decision{ban, captcha}, nil)
			t.Update("a", nil, []Decision{captcha})
		}, Ban},
		{"taking back a ban leaves the captcha", func(t *Table) {
			t.Update("a", []Decision{ban, captcha}, nil)
			t.Update("a", nil, []Decision{ban})
		}, Captcha},
		{"taking back one source's ban leaves the other's", func(t *Table) {
			t.Update("a", []Decision{ban}, nil)
			t.Update("b", []Decision{ban}, nil)
			t.Update("a", nil, []Decision{ban})
		}, Ban},
		{"replacing one source leaves the other", func(t *Table) {
			t.Replace("a", []Decision{ban})
			t.Replace("b", []Decision{captcha})
			t.Replace("a", nil)
		}, Captcha},
		{"replacing with less removes the rest", func(t *Table) {
			t.Replace("a", []Decision{ban, captcha})
			t.Replace("a", []Decision{captcha})
		}, Captcha},
		{"in one batch, removals come first", func(t *Table) {
			t.Update("a", []Decision{ban}, nil)
			t.Update("a", []Decision{ban}, []Decision{ban})
		}, Ban},
		{"taking back what is not there does nothing", func(t *Table) {
			t.Update("a", []Decision{ban}, []Decision{captcha})
			t.Update("b", nil, []Decision{ban})
		}, Ban},
		{"taking back a range leaves the address in it", func(t *Table) {
			t.Update("a", []Decision{on("192.0.2.0/24", Ban, 0), captcha}, nil)
			t.Update("a", nil, []Decision{on("192.0.2.0/24", Ban, 0)})
		}, Captcha},
		{"keeping a source forgets the others", func(t *Table) {
			t.Update("a", []Decision{ban}, nil)
			t.Update("b", []Decision{captcha}, nil)
			t.Keep("b", "c")
		}, Captcha},
		{"forgetting an address forgets all about it, and nothing else", func(t *Table) {
			t.Update("a", []Decision{ban, on("192.0.2.0/24", Throttle, 0)}, nil)
			t.Update("b", []Decision{ban, captcha}, nil)
			t.Forget(Decision{Prefix: prefix("192.0.2.1")})
		}, Throttle},
		{"forgetting what is not there does nothing", func(t *Table) {
			t.Update("a", []Decision{ban}, nil)
			t.Forget(Decision{Prefix: prefix("192.0.2.0/24")})
			t.Forget(Decision{})
		}, Ban},
		{"a decision without an action is ignored", func(t *Table) {
			t.Update("a", []Decision{{Prefix: prefix("192.0.2.1")}}, nil)
		}, None},
		{"a decision on no prefix is ignored", func(t *Table) {
			t.Update("a", []Decision{{Action: Ban}}, []Decision{{Action: Ban}})
		}, None},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var table Table
			tc.do(&table)
			if d, _ := table.Lookup(ip); d.Action != tc.want {
				t.Errorf("got %v, want %v", d.Action, tc.want)
			}
		})
	}
}

func TestOfTwinsTheLongerCounts(t *testing.T) {
	for _, order := range [][]time.Duration{{time.Hour, 2 * time.Hour}, {2 * time.Hour, time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			var table Table
			for range 2 { // new, and announced again
				change := table.Update("a", []Decision{on("192.0.2.1", Ban, order[0]), on("192.0.2.1", Ban, order[1])}, nil)
				d, _ := table.Lookup(netip.MustParseAddr("192.0.2.1"))
				if left := time.Until(d.Until); left != 2*time.Hour || table.Len() != 1 {
					t.Errorf("twins of %v: %v left, %d held, change %+v", order, left, table.Len(), change)
				}
			}
		})
	}
}

func TestCoveringNamesTheWinnerFirst(t *testing.T) {
	var table Table
	table.Replace("a", []Decision{on("192.0.2.1", Captcha, 0), on("192.0.2.0/24", Ban, time.Hour), on("0.0.0.0/0", Ban, 0)})
	table.Replace("b", []Decision{on("192.0.2.0/25", Throttle, 0), on("198.51.100.0/24", Ban, 0)})
	var got []string
	for _, d := range table.Covering(netip.MustParseAddr("::ffff:192.0.2.1")) {
		got = append(got, d.Prefix.String()+" "+d.Action.String())
	}
	want := []string{"0.0.0.0/0 ban", "192.0.2.0/24 ban", "192.0.2.1/32 captcha", "192.0.2.0/25 throttle"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := table.Covering(netip.Addr{}); got != nil {
		t.Errorf("no address is covered by %v", got)
	}
}

func TestACloneGoesItsOwnWay(t *testing.T) {
	var table Table
	ip := netip.MustParseAddr("192.0.2.1")
	table.Update("a", []Decision{on("192.0.2.1", Ban, 0)}, nil)
	clone := table.Clone()
	clone.Update("b", []Decision{{Prefix: prefix("192.0.2.1"), Action: Captcha, Reason: "clone's"}}, []Decision{})
	table.Update("c", []Decision{{Prefix: prefix("192.0.2.2"), Action: Captcha, Reason: "table's"}}, nil)
	clone.Update("a", nil, []Decision{on("192.0.2.1", Ban, 0)})
	if d, _ := table.Lookup(ip); d.Action != Ban {
		t.Errorf("the table lost its ban: %v", d)
	}
	if d, _ := clone.Lookup(ip); d.Reason != "clone's" {
		t.Errorf("the clone has %+v", d)
	}
	if d, _ := table.Lookup(netip.MustParseAddr("192.0.2.2")); d.Reason != "table's" {
		t.Errorf("the table has %+v", d)
	}
}

func TestNothingChangedIsNoChange(t *testing.T) {
	var table Table
	all := []Decision{on("192.0.2.1", Ban, time.Hour), on("2001:db8::/32", Captcha, 0)}
	table.Replace("a", all)
	version := table.Version()
	change := table.Replace("a", all)
	table.Update("a", nil, []Decision{on("192.0.2.9", Ban, 0)})
	table.Update("unheard of", []Decision{{Prefix: prefix("192.0.2.1"), Action: Ban, Until: time.Unix(1, 0)}}, nil)
	if change != (Change{}) || table.Version() != version {
		t.Errorf("change %+v, version %d after %d", change, table.Version(), version)
	}
	table.Update("a", []Decision{{Prefix: prefix("192.0.2.3"), Action: Ban, Reason: "new reason"}}, nil)
	if d, _ := table.Lookup(netip.MustParseAddr("192.0.2.3")); d.Reason != "new reason" || table.Version() <= version {
		t.Errorf("got %+v", d)
	}
}

// TestAgainstOracle drives a table and the oracle with the same random
// operations, on few enough prefixes that they meet, and compares them whole.
func TestAgainstOracle(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			table, o := new(Table), oracle{}
			for range 150 {
				source := []string{"a", "b", "c"}[r.IntN(3)]
				now := time.Now()
				switch r.IntN(6) {
				case 0:
					all := randomDecisions(r, r.IntN(60))
					table.Replace(source, all)
					o.replace(source, all, now)
				case 1:
					table.Expire(now)
					o.expire(now)
				case 2:
					table = throughSnapshot(t, table)
				case 3:
					table = table.Clone()
				default:
					add, remove := randomDecisions(r, r.IntN(30)), randomDecisions(r, r.IntN(30))
					table.Update(source, add, remove)
					o.update(source, add, remove, now)
				}
				advance(time.Duration(r.IntN(20)) * time.Minute)
				compare(t, table, o)
			}
		})
	}
}

// TestCompaction lets a table grow and shrink past the point where it is built
// anew, and compares it with the oracle.
func TestCompaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		table, o := new(Table), oracle{}
		for range 12 {
			var all []Decision
			for range 4000 {
				d := randomDecisions(r, 1)[0]
				d.Prefix = prefix(randomAddr(r).String())
				d.Reason = string(rune('a'+r.IntN(26))) + d.Reason
				all = append(all, d)
			}
			table.Replace("a", all)
			o.replace("a", all, time.Now())
			compare(t, table, o)
			advance(time.Hour)
			table.Expire(time.Now())
			o.expire(time.Now())
			compare(t, table, o)
			if s := table.cur.Load(); s.v4.pages() > 64 && int(s.v4.pages()) > table.Len()/6 || len(s.kinds) > 2*len(table.index)+2048 {
				t.Errorf("%d pages and %d kinds for %d decisions", s.v4.pages(), len(s.kinds), table.Len())
			}
		}
	})
}

func compare(t *testing.T, table *Table, o oracle) {
	t.Helper()
	checkState(t, table)
	now := time.Now()
	held := map[identity]Decision{}
	for d := range table.All() {
		d.Until, d.Since = d.Until.UTC(), d.Since.UTC()
		held[identity{d.Source, d.Prefix, d.Action}] = d
		if got, ok := table.Lookup(d.Prefix.Addr()); !ok || got.Action < d.Action {
			t.Fatalf("lookup of %v: %+v, though there is %+v", d.Prefix.Addr(), got, d)
		}
	}
	inForce := 0
	for id, want := range o {
		if ended(want, now) {
			continue
		}
		inForce++
		sampled := inForce%(1+len(o)/100) == 0
		got, ok := held[id]
		if !ok || !got.Until.Equal(want.Until) || !got.Since.Equal(want.Since) || got.Reason != want.Reason {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
		if !sampled {
			continue
		}
		ip := want.Prefix.Addr()
		gotBest, _ := table.Lookup(ip)
		wantBest, _ := o.lookup(ip, now)
		if gotBest.Action != wantBest.Action || !gotBest.Until.Equal(wantBest.Until) {
			t.Fatalf("lookup of %v:\ngot  %+v\nwant %+v", ip, gotBest, wantBest)
		}
	}
	if len(held) != inForce {
		t.Fatalf("%d decisions in force, want %d", len(held), inForce)
	}
}

func throughSnapshot(t *testing.T, table *Table) *Table {
	t.Helper()
	var buf bytes.Buffer
	if _, err := table.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	read := new(Table)
	if _, err := read.ReadFrom(&buf); err != nil {
		t.Fatal(err)
	}
	return read
}

// randomDecisions are on few prefixes, one in another, with ends near and far.
func randomDecisions(r *rand.Rand, n int) []Decision {
	var all []Decision
	for range n {
		bits := []int{0, 8, 16, 24, 31, 32}[r.IntN(6)]
		ip := netip.AddrFrom4([4]byte{192, 0, byte(r.IntN(2)), byte(r.IntN(4))})
		if r.IntN(3) == 0 {
			bits *= 4
			ip = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, byte(r.IntN(2)), 15: byte(r.IntN(4))})
		}
		d := Decision{Prefix: netip.PrefixFrom(ip, bits).Masked(), Action: Action(1 + r.IntN(3)), Reason: string(rune('a' + r.IntN(3)))}
		if r.IntN(5) > 0 {
			d.Until = time.Now().Add(time.Duration(r.IntN(200)-10) * time.Minute)
		}
		// Twins with one end would differ only in what nobody promises: which reason stays.
		d.Reason += d.Until.Format(time.RFC3339)
		all = append(all, d)
	}
	return all
}
