package community_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
)

// FuzzAccept sends a signal of any content. Whatever is stored has the form that a report must
// have, and one member can list no address.
func FuzzAccept(f *testing.F) {
	f.Add("192.0.2.7", 32, exploit, "", int64(0), int64(0), 5, uint8(0))
	f.Add("2001:db8::1", 128, "a/b", strings.Repeat("ab", 32), int64(-3600), int64(60), -1, uint8(255))
	f.Add("::ffff:10.0.0.1", 128, "manual/ban", "", int64(-1<<40), int64(1<<40), 1<<40, uint8(4))
	f.Add("fe80::1%eth0", 128, "a/b", "", int64(0), int64(0), 0, uint8(0))
	f.Fuzz(func(t *testing.T, address string, bits int, scenario, hash string, first, last int64, count int, flags uint8) {
		ip, _ := netip.ParseAddr(address)
		w := found(t, nil)
		m := w.vouched(1)[0]
		s := community.Signal{
			Unit: netip.PrefixFrom(ip, bits), Scenario: scenario, Hash: hash, Count: count, Flags: community.Flags(flags),
			First: begin.Add(time.Duration(first) * time.Second), Last: begin.Add(time.Duration(last) * time.Second),
		}
		a, err := w.Accept(t.Context(), m, []community.Signal{s})
		if err != nil {
			t.Fatal(err)
		}
		reports, err := w.ReportsOf(t.Context(), m, 10)
		w.must(err)
		if len(reports) != a.Accepted-a.Known || len(a.Refused) != 1-a.Accepted {
			t.Fatalf("%d reports after %+v", len(reports), a)
		}
		for _, r := range reports {
			checkReport(t, &r)
		}
		if len(w.List().Entries) > 0 {
			t.Error("one member lists an address")
		}
	})
}

func checkReport(t *testing.T, r *community.Report) {
	t.Helper()
	day := 24 * time.Hour
	switch {
	case r.Unit != consensus.UnitOf(r.Unit.Addr()), !lookup.IsPublic(r.Unit.Addr()):
		t.Errorf("unit %v", r.Unit)
	case r.First.After(r.Last), r.Last.After(r.Arrived), r.Arrived.Sub(r.Last) > day+time.Minute, r.Last.Sub(r.First) > 14*day+time.Minute:
		t.Errorf("times %v, %v, %v", r.First, r.Last, r.Arrived)
	case r.First != r.First.Truncate(time.Minute), r.Last != r.Last.Truncate(time.Minute):
		t.Errorf("times %v, %v are not to the minute", r.First, r.Last)
	case r.Hash != "" && len(r.Hash) != 64, len(r.Scenario) > 128, strings.ContainsAny(r.Scenario+r.Hash, "<>&\"' \n\x00"):
		t.Errorf("scenario %q, hash %q", r.Scenario, r.Hash)
	case r.Confidence > 3, r.Spoofable > 3, r.Bucket > 30, r.Flags > 15, r.Void:
		t.Errorf("%+v", r)
	}
}
