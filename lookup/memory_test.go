package lookup

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/heaptest"
)

// A decision costs 60 bytes at most, with all its fields, at once and after changes.
func TestMemoryOfADecision(t *testing.T) {
	const n = 300_000
	r := rand.New(rand.NewPCG(5, 1))
	all := population(r, n)
	var table Table
	measure := func(when string, most float64) {
		t.Helper()
		full := heaptest.Bytes()
		held := table.Len()
		table.Lookup(netip.Addr{}) // it lives up to here
		table = Table{}
		if each := float64(full-heaptest.Bytes()) / float64(held); each > most {
			t.Errorf("%s a decision of %d costs %.1f bytes, want %.0f at most", when, held, each, most)
		}
	}
	table.Replace("lapi", all)
	measure("at once", 60)
	for part := range slices.Chunk(all, 1000) {
		table.Update("lapi", part, nil)
	}
	measure("little by little", 60)
	table.Replace("lapi", all)
	for i := range 30 {
		table.Update("lapi", population(r, n/30), all[i*n/30:(i+1)*n/30])
	}
	measure("all exchanged, ", 60)
	table.Replace("lapi", all)
	table.Replace("lapi", all[:n/100])
	measure("after a hundredth is left,", 90)
}

// No lookup allocates, whatever it meets on its way.
func TestNoLookupAllocates(t *testing.T) {
	n, err := NewNAT64(netip.MustParsePrefix("2001:db8:64::/96"))
	if err != nil {
		t.Fatal(err)
	}
	all := population(rand.New(rand.NewPCG(5, 2)), 20_000)
	all = append(all,
		on("192.0.2.1", Captcha, time.Second), on("192.0.2.1", Ban, 30*time.Second), on("192.0.2.0/24", Ban, 0), on("192.0.0.0/8", Throttle, 0),
		on("2001:db8::1", Captcha, time.Second), on("2001:db8::/64", Captcha, 0), on("2001:db8::/48", Ban, 0), on("2001:db8::/96", Ban, 0),
		on("2002:c000:201::/48", Captcha, 0), Decision{Country: "DE", Action: Ban}, Decision{AS: 64496, Action: Captcha})
	var plain, translated Table
	translated.Translate(n)
	plain.Replace("a", all)
	translated.Replace("a", all)
	for _, ip := range []string{
		"192.0.2.1", "192.0.2.2", "192.9.0.1", "198.51.100.1", "::ffff:192.0.2.1", "64:ff9b::c000:201", "fe80::1%eth0", "::1",
		"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8:1::1", "2001:db8:64::192.0.2.1", "2002:c000:201::1", "2002:c000:202::1",
		"2001:db8::5efe:192.0.2.1", "ff00:100::4445", all[0].Prefix.Addr().String(), "",
	} {
		addr, _ := netip.ParseAddr(ip)
		for _, table := range []*Table{&plain, &translated} {
			if n := testing.AllocsPerRun(100, func() { table.Lookup(addr) }); n != 0 {
				t.Errorf("looking up %s allocates %v times", ip, n)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { plain.LookupPlace("DE", 64496) }); n != 1 { // the country's code
		t.Errorf("looking up a place allocates %v times", n)
	}
}

// What a state has for the garbage collector to follow is its directory: one pointer for
// some 170 decisions, ranges or not.
func TestFewPointers(t *testing.T) {
	const n = 200_000
	all := population(rand.New(rand.NewPCG(5, 3)), n)
	before := heaptest.Objects()
	var table Table
	table.Replace("lapi", all)
	held := heaptest.Objects() - before
	runtime.KeepAlive(all)
	runtime.KeepAlive(&table)
	if held > n/100 {
		t.Errorf("%d objects for %d decisions", held, n)
	}
}

// A snapshot that was written before decisions lay in pages is read as it was.
func TestASnapshotOfTheVersionBefore(t *testing.T) {
	f, err := os.Open("testdata/snapshot-1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var table Table
	if _, err := table.ReadFrom(f); err != nil {
		t.Fatal(err)
	}
	const unix = 6_000_000_000
	for _, want := range []struct {
		target, source, origin, reason string
		action                         Action
		until                          int64 // 0: never
	}{
		{"192.0.2.1", "lapi", "CAPI", "crowdsecurity/http-probing", Ban, unix},
		{"192.0.2.1", "lapi", "crowdsec", "crowdsecurity/http-crawl", Captcha, unix + 3600},
		{"192.0.2.1", "list", "firehol", "", Ban, 0},
		{"0.0.0.0/1", "list", "x", "y", Throttle, unix},
		{"198.51.100.0/24", "lapi", "lists:tor", "tor", Captcha, 0},
		{"203.0.113.128/25", "lapi", "cscli", "manual", Throttle, unix - 1},
		{"2001:db8::1", "lapi", "CAPI", "crowdsecurity/ssh-bf", Ban, unix},
		{"2001:db8:0:1::/64", "lapi", "CAPI", "crowdsecurity/ssh-bf", Ban, unix},
		{"2001:db8:1::/48", "lapi", "CAPI", "crowdsecurity/ssh-bf", Ban, 0},
		{"2001:db8:0:2::40/122", "lapi", "CAPI", "", Captcha, unix},
		{"DE", "lapi", "", "closed", Ban, unix},
		{"64496", "lapi", "", "", Captcha, 0},
	} {
		found := 0
		for d := range table.All() {
			if d.Target() != want.target || d.Source != want.source || d.Action != want.action {
				continue
			}
			found++
			ends := !d.Until.IsZero()
			if d.Origin != want.origin || d.Reason != want.reason || ends != (want.until != 0) || ends && d.Until.Unix() != want.until {
				t.Errorf("got  %+v\nwant %+v", d, want)
			}
			if d.Since.Year() != 2026 {
				t.Errorf("%s began %v", want.target, d.Since)
			}
		}
		if found != 1 {
			t.Errorf("%s: %d found", want.target, found)
		}
	}
	if table.Len() != 12 || !table.Places() {
		t.Errorf("%d decisions", table.Len())
	}
}
