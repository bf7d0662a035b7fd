package detect

import (
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

const leaky = `
type: leaky
name: l
filter: evt.Meta.http_path startsWith '/x'
groupby: evt.Meta.source_ip
capacity: 2
leakspeed: 10s
`

func TestLeakyBucket(t *testing.T) {
	for _, row := range []struct {
		name, yaml, want string
		events           []*event.Event
	}{
		{"overflows at the event after its capacity", leaky, ". . l*3", at("/x", 0, 0, 0)},
		{"begins full of tokens, not one short", leaky, ". .", at("/x", 0, 0)},
		{"counts only what the filter matches", leaky, ". . . . .", at("/y", 0, 0, 0, 0, 0)},
		{"gets a token back every ten seconds", leaky, ". . . . . .", at("/x", 0, 0, 10, 20, 30, 40)},
		{"which is a tenth of one every second", leaky, ". . . l*4", at("/x", 0, 0, 10, 19.9)},
		{"never holds more tokens than its capacity", leaky, ". . . l*4", at("/x", 0, 25, 25, 25)},
		{"begins anew after it overflowed", leaky, ". . l*3 . . l*3", at("/x", 0, 0, 0, 0, 0, 0)},
		{"takes time that runs backwards for none", leaky, ". . l*3", at("/x", 100, 90, 80)},
		{"and goes on from there", leaky, ". . . . l*5", at("/x", 100, 50, 70, 70, 70)},
		{
			"rounds as the limiter of golang.org/x/time: 49 s at a token every 49 s make one",
			"{type: leaky, name: l, filter: 'true', groupby: evt.Meta.source_ip, capacity: 1, leakspeed: 49s}",
			". . . . . .", at("/x", 0, 49, 98, 147, 196, 245),
		},
		{
			"two nanoseconds less make none",
			"{type: leaky, name: l, filter: 'true', groupby: evt.Meta.source_ip, capacity: 1, leakspeed: 49s}",
			". l*2", at("/x", 0, 49-2e-9),
		},
		{"is one for all clients without groupby", "{type: leaky, name: l, filter: 'true', capacity: 1, leakspeed: 1s}", ". l*2", []*event.Event{
			get(0, "192.0.2.1 /x"), get(0, "192.0.2.2 /x"),
		}},
		{"is one for each client with it", leaky, ". . . . . l*3", []*event.Event{
			get(0, "192.0.2.1 /x"), get(0, "192.0.2.1 /x"), get(0, "192.0.2.2 /x"), get(0, "192.0.2.3 /x"), get(0, "192.0.2.2 /x"), get(0, "192.0.2.2 /x"),
		}},
		{"is one for the first 64 bits of an address of IPv6", leaky, ". . l*3 .", []*event.Event{
			get(0, "2001:db8::1 /x"), get(0, "2001:db8:0:0:ffff::2 /x"), get(0, "2001:db8::3 /x"), get(0, "2001:db8:0:1::1 /x"),
		}},
	} {
		t.Run(row.name, func(t *testing.T) { newSite(t, Config{}, row.yaml).sees(row.want, row.events...) })
	}
}

const distinct = leaky + "distinct: evt.Meta.http_path\n"

func TestDistinct(t *testing.T) {
	for _, row := range []struct {
		name, want string
		events     []*event.Event
	}{
		{"what was seen before does not count", ". . . . . . l*3", []*event.Event{
			get(0, "/x1"), get(0, "/x1"), get(0, "/x2"), get(0, "/x2"), get(0, "/x1"), get(0, "/x2"), get(0, "/x3"),
		}},
		{"a token that comes back does not make it forgotten", ". . . . .", []*event.Event{
			get(0, "/x1"), get(0, "/x2"), get(10, "/x3"), get(20, "/x1"), get(20, "/x2"),
		}},
		{"the bucket lives as long as it would take to leak one event more than it holds", ". . . .", []*event.Event{
			get(0, "/x1"), get(30, "/x1"), get(30, "/x2"), get(30, "/x3"),
		}},
		{"and not a nanosecond longer", ". . . l*3", []*event.Event{
			get(0, "/x1"), get(30+1e-9, "/x1"), get(30+1e-9, "/x2"), get(30+1e-9, "/x3"),
		}},
		{"what does not count does not make it live longer", ". . . . l*3", []*event.Event{
			get(0, "/x1"), get(20, "/x1"), get(31, "/x1"), get(31, "/x2"), get(31, "/x3"),
		}},
		{"what counts does", ". . . . .", []*event.Event{
			get(0, "/x1"), get(20, "/x2"), get(49, "/x1"), get(49, "/x2"), get(49, "/x3"),
		}},
		{"an overflow makes it forgotten", ". . l*3 . . l*3", []*event.Event{
			get(0, "/x1"), get(0, "/x2"), get(0, "/x3"), get(0, "/x1"), get(0, "/x2"), get(0, "/x3"),
		}},
	} {
		t.Run(row.name, func(t *testing.T) { newSite(t, Config{}, distinct).sees(row.want, row.events...) })
	}
}

func TestDistinctRemembersSoMuchOnly(t *testing.T) {
	yaml := "{type: leaky, name: l, filter: 'true', groupby: evt.Meta.source_ip, capacity: 50, leakspeed: 1h, distinct: evt.Meta.http_path}"
	s := newSite(t, Config{Values: 3}, yaml)
	s.sees(". . . . . . .", at("/1", 0, 0)[0], get(0, "/2"), get(0, "/3"), get(0, "/1"), get(0, "/4"), get(0, "/1"), get(0, "/3"))
	// /1 was forgotten for /4, and counted again; /2 was forgotten for it.
	for _, part := range s.d.store.parts {
		for _, h := range part.buckets.entries {
			b := h.value
			if b.count != 5 || len(b.seen) != 3 {
				t.Errorf("%d events, %d values: want 5 and 3", b.count, len(b.seen))
			}
		}
	}
}

func TestBlackhole(t *testing.T) {
	const hushed = leaky + "blackhole: 1m\n"
	for _, row := range []struct {
		name, yaml, want string
		events           []*event.Event
	}{
		{"an overflow within a minute of one that was reported is not", hushed, ". . l*3 . . .", at("/x", 0, 0, 0, 59.9, 59.9, 59.9)},
		{"a minute later it is", hushed, ". . l*3 . . l*3", at("/x", 0, 0, 0, 60, 60, 60)},
		{"the bucket is empty afterwards, though", hushed, ". . l*3 . . . . . l*3", at("/x", 0, 0, 0, 1, 1, 1, 70, 70, 70)},
		{"what is not reported does not make the silence longer", hushed, ". . l*3 . . . . . l*3", at("/x", 0, 0, 0, 50, 50, 50, 61, 61, 61)},
		{"it is for that client", hushed, ". . l*3 . . l*3", append(at("/x", 0, 0, 0), at("192.0.2.9 /x", 1, 1, 1)...)},
		{"there is none by default", leaky, ". . l*3 . . l*3", at("/x", 0, 0, 0, 1, 1, 1)},
	} {
		t.Run(row.name, func(t *testing.T) { newSite(t, Config{}, row.yaml).sees(row.want, row.events...) })
	}
}

func TestTrigger(t *testing.T) {
	const trigger = "{type: trigger, name: t, filter: evt.Meta.http_path startsWith '/x', groupby: evt.Meta.source_ip"
	for _, row := range []struct{ name, yaml, want string }{
		{"overflows at each event", trigger + "}", "t*1 t*1 t*1"},
		{"whether it was seen before or not", trigger + ", distinct: evt.Meta.http_path}", "t*1 t*1 t*1"},
		{"but for its blackhole", trigger + ", blackhole: 5s}", "t*1 . t*1"},
	} {
		t.Run(row.name, func(t *testing.T) { newSite(t, Config{}, row.yaml).sees(row.want, at("/x", 0, 4, 8)...) })
	}
}

func TestGroups(t *testing.T) {
	host := func(name string, e *event.Event) *event.Event { e.Host = name; return e }
	two := "{type: leaky, name: l, filter: 'true', capacity: 1, leakspeed: 1s, groupby: \"evt.Meta.source_ip + '/' + evt.Parsed.target_fqdn\"}"
	three := "{type: leaky, name: l, filter: 'true', capacity: 1, leakspeed: 1s, groupby: evt.Parsed.target_fqdn + evt.Parsed.verb}"
	odd := "{type: leaky, name: l, filter: 'true', capacity: 1, leakspeed: 1s, groupby: \"Split(evt.Parsed.target_fqdn, '.')[0]\"}"
	newSite(t, Config{}, two).sees(". . . l*2 l*2", host("a", get(0, "/")), host("b", get(0, "/")),
		host("a", get(0, "192.0.2.9 /")), host("b:443", get(0, "/")), host("a", get(0, "/")))
	newSite(t, Config{}, three).sees(". . l*2", host("a", get(0, "/")), host("b", get(0, "/")), host("a", get(0, "192.0.2.9 /")))
	newSite(t, Config{}, odd).sees(". . l*2", host("a.x", get(0, "/")), host("b.x", get(0, "/")), host("a.y", get(0, "192.0.2.9 /")))
}

func TestContextIsTheLastEvents(t *testing.T) {
	for _, row := range []struct {
		name, extra string
		cfg         Config
		want        int
	}{
		{"one more than the capacity", "capacity: 6", Config{}, 7},
		{"one more than cache_size", "capacity: 6\ncache_size: 2", Config{}, 3},
		{"no more than what is configured", "capacity: 6", Config{Events: 4}, 4},
		{"a cache_size beyond the capacity counts for nothing", "capacity: 6\ncache_size: 9", Config{}, 7},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, row.cfg, "type: leaky\nname: l\nfilter: 'true'\nleakspeed: 1h\n"+row.extra)
			for range 2 { // what an earlier life left behind does not show
				var events []*event.Event
				for i := range 7 {
					events = append(events, get(float64(i), "/"+string(rune('a'+i))+"?token=secret"))
				}
				a := s.sees(". . . . . . l*7", events...)[0]
				if len(a.Context) != row.want {
					t.Fatalf("%d events, want %d: %+v", len(a.Context), row.want, a.Context)
				}
				for i, c := range a.Context {
					want := event.Context{
						Time: began.Add(time.Duration(7-row.want+i) * time.Second), Method: "GET", Host: "example.org", UserAgent: "Mozilla/5.0",
						Target: "/" + string(rune('a'+7-row.want+i)), Status: 200,
					}
					if c != want {
						t.Errorf("event %d is %+v, want %+v", i, c, want)
					}
				}
			}
		})
	}
}

func TestAQueryIsKeptOnlyIfItMayBe(t *testing.T) {
	for _, keep := range []bool{false, true} {
		rules, err := Parse("a.yaml", []byte("type: trigger\nname: a\ndescription: a\nfilter: 'true'\ngroupby: evt.Meta.source_ip\nlabels:\n  remediation: true\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		e := get(0, "/a?token=secret")
		e.KeepQuery = keep
		alerts := New(Config{Rules: rules}).Request(e)
		if len(alerts) != 1 {
			t.Fatalf("%d alerts", len(alerts))
		}
		want := map[bool]string{true: "token=secret"}[keep]
		if c := alerts[0].Context[0]; c.Target != "/a" || c.Query != want || c.Host != "example.org" || c.UserAgent != "Mozilla/5.0" {
			t.Errorf("may be kept: %v: %+v", keep, c)
		}
	}
}
