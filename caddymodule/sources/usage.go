package sources

import (
	"iter"

	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/middleware"
)

// CrowdSec's names of the address families.
const (
	ipv4 = "ipv4"
	ipv6 = "ipv6"
)

// usage returns the counts in CrowdSec's form.
func usage(counters iter.Seq2[string, *middleware.Counters]) []lapi.UsageItem {
	var items []lapi.UsageItem
	for _, c := range counters {
		n := c.Snapshot()
		items = append(items,
			lapi.UsageItem{Name: "processed", IPType: ipv4, Value: n.Processed4},
			lapi.UsageItem{Name: "processed", IPType: ipv6, Value: n.Processed6})
		for _, o := range n.ByOrigin {
			item := lapi.UsageItem{
				Name: "dropped", Origin: o.Origin, IPType: ipv4, Remediation: o.Action.String(), Value: o.Stopped - o.Relayed,
			}
			if o.IPv6 {
				item.IPType = ipv6
			}
			items = append(items, item)
			if o.Relayed > 0 {
				item.Remediation, item.Value = "challenge", o.Relayed
				items = append(items, item)
			}
			if o.Solved > 0 {
				// CrowdSec's name for a solved challenge.
				item.Remediation, item.Value = "bypass", o.Solved
				items = append(items, item)
			}
		}
	}
	return items
}
