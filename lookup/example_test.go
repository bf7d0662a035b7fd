package lookup_test

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// The strongest decision over all prefixes around an address wins, whichever source it
// comes from.
func Example() {
	var table lookup.Table
	table.Replace("mine", []lookup.Decision{
		{Prefix: netip.MustParsePrefix("192.0.2.0/24"), Action: lookup.Ban, Reason: "scans"},
	})
	table.Replace("theirs", []lookup.Decision{
		{Prefix: netip.MustParsePrefix("192.0.2.7/32"), Action: lookup.Captcha, Until: time.Now().Add(time.Hour)},
	})
	for _, address := range []string{"192.0.2.7", "198.51.100.1"} {
		d, found := table.Lookup(netip.MustParseAddr(address))
		fmt.Println(address, found, d.Action, d.Source)
	}
	// Output:
	// 192.0.2.7 true ban mine
	// 198.51.100.1 false none
}

// A source that tells what has changed adds and removes.
func ExampleTable_Update() {
	var table lookup.Table
	one := lookup.Decision{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Action: lookup.Ban}
	two := lookup.Decision{Prefix: netip.MustParsePrefix("2001:db8::/64"), Action: lookup.Throttle}
	table.Update("mine", []lookup.Decision{one, two}, nil)
	table.Update("mine", nil, []lookup.Decision{one})
	_, found := table.Lookup(netip.MustParseAddr("192.0.2.1"))
	fmt.Println(found)
	d, _ := table.Lookup(netip.MustParseAddr("2001:db8::7"))
	fmt.Println(d.Action)
	// Output:
	// false
	// throttle
}
