package lookup

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlaces(t *testing.T) {
	country := func(code string, a Action) Decision { return Decision{Country: code, Action: a} }
	system := func(n uint32, a Action) Decision { return Decision{AS: n, Action: a} }
	for _, tc := range []struct {
		name    string
		said    []Decision
		country string
		as      uint32
		want    Action
	}{
		{"a table without places has none", []Decision{on("192.0.2.1", Ban, 0)}, "DE", 64496, None},
		{"a listed country", []Decision{country("DE", Ban)}, "DE", 0, Ban},
		{"in any case", []Decision{country("de", Ban)}, "De", 0, Ban},
		{"another country", []Decision{country("DE", Ban)}, "FR", 64496, None},
		{"a listed autonomous system", []Decision{system(64496, Ban)}, "", 64496, Ban},
		{"one of 32 bits", []Decision{system(4200000000, Ban)}, "", 4200000000, Ban},
		{"another one", []Decision{system(64496, Ban)}, "DE", 64497, None},
		{"the stronger of both wins", []Decision{country("DE", Captcha), system(64496, Ban)}, "DE", 64496, Ban},
		{"two actions on one country", []Decision{country("DE", Captcha), country("DE", Throttle)}, "DE", 0, Captcha},
		{"an unknown place", []Decision{country("DE", Ban), system(64496, Ban)}, "", 0, None},
		{"what is no country's code is ignored", []Decision{country("DEU", Ban), country("D1", Ban), country("é", Ban)}, "D1", 0, None},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var table Table
			table.Replace("lapi", tc.said)
			d, found := table.LookupPlace(tc.country, tc.as)
			if d.Action != tc.want || found != (tc.want != None) {
				t.Errorf("got %+v, want %v", d, tc.want)
			}
			if found && (d.Prefix.IsValid() || d.Country == "" && d.AS == 0) {
				t.Errorf("the decision is about %q: %+v", d.Target(), d)
			}
			if all := table.CoveringPlace(tc.country, tc.as); found && all[0] != d || !found && all != nil {
				t.Errorf("covering %+v, but the winner is %+v", all, d)
			}
		})
	}
}

func TestPlacesLiveLikeAllOtherDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table Table
		if table.Places() {
			t.Error("an empty table has places")
		}
		until := time.Now().Add(time.Hour)
		table.Update("lapi", []Decision{{Country: "DE", Action: Ban, Reason: "r", Until: until}, {AS: 64496, Action: Captcha}}, nil)
		read := throughSnapshot(t, &table)
		if d, _ := read.LookupPlace("DE", 0); !read.Places() || d.Country != "DE" || d.Reason != "r" || !d.Until.Equal(until) {
			t.Errorf("out of the snapshot came %+v", d)
		}
		table.Update("lapi", nil, []Decision{{AS: 64496, Action: Captcha}})
		if d, ok := table.LookupPlace("", 64496); ok {
			t.Errorf("taken back, and yet there is %+v", d)
		}
		advance(time.Hour)
		if d, ok := table.LookupPlace("DE", 0); ok {
			t.Errorf("ended, and yet there is %+v", d)
		}
		table.Update("lapi", []Decision{{AS: 64496, Action: Ban}}, nil)
		for d := range table.All() {
			if d.AS != 64496 || d.Prefix.IsValid() {
				t.Errorf("all there is: %+v", d)
			}
		}
	})
}

// An address that stands for a place is nobody's, whoever claims to have it or
// to know something about it.
func TestPlacesAreNoAddresses(t *testing.T) {
	p, _ := countryPrefix("DE")
	var table Table
	table.Replace("a", []Decision{{Country: "DE", Action: Ban}})
	if d, ok := table.Lookup(p.Addr()); ok {
		t.Errorf("a client with the address of a place is met by %+v", d)
	}
	table.Replace("b", []Decision{{Prefix: netip.MustParsePrefix("::/0"), Action: Captcha}})
	if d, _ := table.Lookup(p.Addr()); d.Source != "b" || len(table.Covering(p.Addr())) != 1 {
		t.Errorf("a client with the address of a place is met by %+v", d)
	}
	if d, _ := table.LookupPlace("DE", 0); d.Source != "a" {
		t.Errorf("the country is met by %+v", d)
	}
	table.Replace("a", []Decision{{Prefix: p, Action: Ban}})
	if d, ok := table.LookupPlace("DE", 0); ok {
		t.Errorf("a decision about an address has become %+v", d)
	}
}

func TestTarget(t *testing.T) {
	for want, d := range map[string]Decision{
		"192.0.2.1":    {Prefix: prefix("192.0.2.1")},
		"192.0.2.0/24": {Prefix: prefix("192.0.2.0/24")},
		"2001:db8::1":  {Prefix: prefix("2001:db8::1")},
		"DE":           {Country: "de"},
		"64496":        {AS: 64496},
		"":             {},
	} {
		if got := d.Target(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
