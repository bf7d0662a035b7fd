package lapi

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A UsageItem is one counter or gauge of CrowdSec's usage metrics. An empty label means
// no label.
type UsageItem struct {
	Name        string // "processed" or "dropped"; a name that ends in _gauge is a gauge
	Unit        string // default: request
	Origin      string // of the decision: "CAPI", "lists:tor", "appsec"
	IPType      string // "ipv4" or "ipv6"
	Remediation string // what was done, which may differ from the decision: "ban", "captcha"
	Value       uint64 // since the start of the process; of a gauge: the current value
}

const (
	activeName   = "active_decisions"
	requestUnit  = "request"
	maxLabel     = 255 // bytes that the API accepts
	maxUsageRows = 1000
	maxShown     = 4 * maxUsageRows // gauges that can be reset to zero
)

// key returns i without its value.
func (i UsageItem) key() UsageItem {
	i.Value = 0
	return i
}

func (i UsageItem) isGauge() bool { return i.Name == activeName || strings.HasSuffix(i.Name, "_gauge") }

func (i UsageItem) wire() usageItem {
	labels := map[string]string{}
	for name, value := range map[string]string{"origin": i.Origin, "ip_type": i.IPType, "remediation": i.Remediation} {
		if value != "" {
			labels[name] = strings.ToValidUTF8(value[:min(len(value), maxLabel)], "")
		}
	}
	return usageItem{Name: i.Name, Value: i.Value, Unit: i.Unit, Labels: labels}
}

// A usageLedger knows the reported values, because the API expects differences.
type usageLedger struct {
	since time.Time // of the last accepted report
	sent  map[UsageItem]uint64
	shown map[UsageItem]bool // gauges that the API may show above zero
}

func newUsageLedger(born time.Time) *usageLedger {
	return &usageLedger{since: born, sent: map[UsageItem]uint64{}, shown: map[UsageItem]bool{}}
}

// unsent returns the counts since the last report. CrowdSec merges two counts with the
// same value that differ only in the remediation. So one of them is sent a little
// lower, and the rest with the next report.
func (l *usageLedger) unsent(counted []UsageItem) []UsageItem {
	var items []UsageItem
	told := map[UsageItem]bool{}
	for _, i := range sum(counted) {
		if i.isGauge() {
			continue
		}
		if l.sent[i.key()] > i.Value {
			delete(l.sent, i.key()) // the counter has been reset
		}
		i.Value -= l.sent[i.key()]
		for i.Value > 0 && told[i.blind()] {
			i.Value--
		}
		if i.Value > 0 {
			told[i.blind()] = true
			items = append(items, i)
		}
	}
	return items
}

// gauges returns the gauges above zero, and those that have fallen to zero since the
// last report: CrowdSec shows the last value of a gauge until it gets another.
func (l *usageLedger) gauges(items []UsageItem) []UsageItem {
	var all []UsageItem
	now := map[UsageItem]bool{}
	for _, i := range sum(items) {
		if i.isGauge() && i.Value > 0 {
			all, now[i.key()] = append(all, i), true
		}
	}
	for i := range l.shown {
		if !now[i] {
			all = append(all, i)
		}
	}
	for i := range now { // the API may have accepted a report whose answer is lost
		if len(l.shown) < maxShown {
			l.shown[i] = true
		}
	}
	slices.SortFunc(all, compareItems)
	return all
}

// blind returns i with only the parts by which CrowdSec distinguishes counts.
func (i UsageItem) blind() UsageItem {
	i.Remediation = ""
	return i
}

// acknowledge records that the API has accepted items.
func (l *usageLedger) acknowledge(items []UsageItem, now time.Time) {
	l.since = now
	for _, i := range items {
		switch {
		case !i.isGauge():
			l.sent[i.key()] += i.Value
		case i.Value == 0:
			delete(l.shown, i.key())
		}
	}
}

// sum adds up items with the same labels and sorts them.
func sum(items []UsageItem) []UsageItem {
	sums := map[UsageItem]uint64{}
	for _, i := range items {
		i.Unit = cmp.Or(i.Unit, requestUnit)
		sums[i.key()] += i.Value
	}
	summed := make([]UsageItem, 0, len(sums))
	for i, value := range sums {
		i.Value = value
		summed = append(summed, i)
	}
	slices.SortFunc(summed, compareItems)
	return summed
}

func compareItems(a, b UsageItem) int {
	return cmp.Or(
		cmp.Compare(a.Name, b.Name), cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Origin, b.Origin),
		cmp.Compare(a.IPType, b.IPType), cmp.Compare(b.Value, a.Value), cmp.Compare(a.Remediation, b.Remediation),
	)
}

// activeDecisions counts the decisions of source in force. Origins are free text, so
// their number is limited: the rest counts as one.
func activeDecisions(t *lookup.Table, source string) []UsageItem {
	counts := map[UsageItem]uint64{}
	for d := range t.All() {
		if d.Source != source {
			continue
		}
		i := UsageItem{Name: activeName, Unit: "ip", Origin: d.Origin}
		if d.Prefix.IsValid() {
			i.IPType = family(d.Prefix.Addr().Is4())
		}
		if _, ok := counts[i]; !ok && len(counts) >= maxUsageRows {
			i.Origin = "other"
		}
		counts[i]++
	}
	items := make([]UsageItem, 0, len(counts))
	for i, n := range counts {
		i.Value = n
		items = append(items, i)
	}
	slices.SortFunc(items, compareItems)
	return items
}

func family(is4 bool) string {
	if is4 {
		return "ipv4"
	}
	return "ipv6"
}
