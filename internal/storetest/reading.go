package storetest

import (
	"bytes"
	"cmp"
	"iter"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// reading is a community.ReadTx.
type reading struct{ *memory }

func (r reading) Reports(unit consensus.Unit) ([]community.Report, error) {
	var all []community.Report
	for _, seq := range r.byUnit[unit] {
		all = append(all, r.reports[seq])
	}
	return all, nil
}

func (r reading) ReportsOf(member consensus.MemberID, limit int) ([]community.Report, error) {
	var all []community.Report
	for seq := r.last.report; seq > 0 && len(all) < limit; seq-- {
		if report, ok := r.reports[seq]; ok && report.Member == member {
			all = append(all, report)
		}
	}
	return all, nil
}

func (r reading) ReportsAfter(after uint64, limit int) ([]community.Report, error) {
	return following(r.reports, after, r.last.report, limit), nil
}

// following returns what has a number above after, limit at most.
func following[V any](all map[uint64]V, after, last uint64, limit int) []V {
	var some []V
	for seq := after; seq < last && len(some) < limit; {
		seq++
		if v, ok := all[seq]; ok {
			some = append(some, v)
		}
	}
	return some
}

func (r reading) Ordinary(unit consensus.Unit) ([]community.Ordinary, error) {
	var all []community.Ordinary
	for v, o := range r.ordinary {
		if v.unit == unit {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b community.Ordinary) int { return cmp.Compare(a.Member, b.Member) })
	return all, nil
}

func (r reading) Record(unit consensus.Unit) (community.Record, error) {
	record, ok := r.records[unit]
	if !ok {
		return community.Record{}, community.ErrNotFound
	}
	return cloneRecord(record), nil
}

func (r reading) Records() iter.Seq2[community.Record, error] {
	return func(yield func(community.Record, error) bool) {
		for _, unit := range slices.SortedFunc(maps.Keys(r.records), compareUnits) {
			if !yield(cloneRecord(r.records[unit]), nil) {
				return
			}
		}
	}
}

func (r reading) RecordsAfter(version uint64, limit int) ([]community.Record, error) {
	var all []community.Record
	for _, record := range r.records {
		if record.Version > version {
			all = append(all, cloneRecord(record))
		}
	}
	slices.SortFunc(all, func(a, b community.Record) int { return cmp.Compare(a.Version, b.Version) })
	return head(all, limit), nil
}

func (r reading) Due(now time.Time, limit int) ([]consensus.Unit, error) {
	var due []community.Record
	for _, record := range r.records {
		if !record.Next.IsZero() && !record.Next.After(now) {
			due = append(due, record)
		}
	}
	slices.SortFunc(due, func(a, b community.Record) int {
		return cmp.Or(a.Next.Compare(b.Next), compareUnits(a.Unit, b.Unit))
	})
	var units []consensus.Unit
	for _, record := range head(due, limit) {
		units = append(units, record.Unit)
	}
	return units, nil
}

func (r reading) Changes(after uint64, limit int) ([]community.Change, error) {
	if after < r.last.purged || after > r.last.change {
		return nil, community.ErrNotFound
	}
	return following(r.changes, after, r.last.change, limit), nil
}

func (r reading) LastChange() (uint64, error) { return r.last.change, nil }

func (r reading) Cursor(reader string) (community.Cursor, error) {
	cursor, ok := r.cursors[reader]
	if !ok {
		return community.Cursor{}, community.ErrNotFound
	}
	return cursor, nil
}

func (r reading) Members() ([]community.Member, error) {
	var all []community.Member
	for _, id := range slices.Sorted(maps.Keys(r.members)) {
		m := r.members[id]
		m.Ties = slices.Clone(m.Ties)
		all = append(all, m)
	}
	return all, nil
}

func (r reading) Credits() ([]consensus.Credit, error) { return slices.Clone(r.credits), nil }
func (r reading) Faults() ([]consensus.Fault, error)   { return slices.Clone(r.faults), nil }

func (r reading) Volumes(from, to time.Time, member consensus.MemberID) (map[consensus.MemberID]community.Volume, error) {
	type said struct {
		member consensus.MemberID
		unit   consensus.Unit
	}
	reports := map[said]int64{}
	for _, report := range r.reports {
		if (member == 0 || report.Member == member) && !report.Void && !report.Arrived.Before(from) && report.Arrived.Before(to) {
			reports[said{report.Member, report.Unit}]++
		}
	}
	type within struct {
		member  consensus.MemberID
		network netip.Prefix
	}
	units, confirmed := map[within]int64{}, map[within]int64{}
	volumes := map[consensus.MemberID]community.Volume{}
	for s, n := range reports {
		in := within{s.member, networkOf(s.unit)}
		v := volumes[s.member]
		v.Reports += n
		if units[in]++; units[in] <= consensus.OfNetwork {
			v.Units++
		}
		if r.othersReport(s.unit, s.member) {
			v.Corroborated += n
			if confirmed[in]++; confirmed[in] <= consensus.OfNetwork {
				v.Confirmed++
			}
		}
		volumes[s.member] = v
	}
	return volumes, nil
}

// networkOf returns the /24, or the /48 of IPv6, around a unit.
func networkOf(unit consensus.Unit) netip.Prefix {
	bits := 24
	if unit.Addr().Is6() {
		bits = 48
	}
	return netip.PrefixFrom(unit.Addr(), bits).Masked()
}

func (r reading) othersReport(unit consensus.Unit, member consensus.MemberID) bool {
	return slices.ContainsFunc(r.byUnit[unit], func(seq uint64) bool {
		other := r.reports[seq]
		return other.Member != member && !other.Void
	})
}

func (r reading) Spread(hash string, limit int) ([]consensus.MemberID, error) {
	members := map[consensus.MemberID]bool{}
	for _, report := range r.reports {
		if hash != "" && report.Hash == hash && !report.Void {
			members[report.Member] = true
		}
	}
	return head(slices.Sorted(maps.Keys(members)), limit), nil
}

func (r reading) Suppressed(hash []byte) (time.Time, error) {
	return r.silenced[string(hash)], nil
}

func (r reading) Audit(after uint64, limit int) ([]community.Entry, error) {
	entries := following(r.audit, after, r.last.entry, limit)
	for i := range entries {
		entries[i].Prev = bytes.Clone(entries[i].Prev)
		entries[i].Hash = bytes.Clone(entries[i].Hash)
	}
	return entries, nil
}

func (r reading) Setting(name string) ([]byte, error) {
	value, ok := r.settings[name]
	if !ok {
		return nil, community.ErrNotFound
	}
	return bytes.Clone(value), nil
}

func (r reading) Totals() (community.Totals, error) {
	t := community.Totals{
		Reports: int64(len(r.reports)),
		Units:   int64(len(r.records)),
		Members: int64(len(r.members)),
		Tiers:   map[consensus.Tier]int64{},
	}
	for _, c := range r.cases {
		if c.State == community.Open {
			t.OpenCases++
		}
	}
	for _, record := range r.records {
		t.Tiers[record.Verdict.Tier]++
	}
	for _, report := range r.reports {
		if t.Oldest.IsZero() || report.Last.Before(t.Oldest) {
			t.Oldest = report.Last
		}
	}
	return t, nil
}

func (r reading) Case(id uint64) (community.Case, error) {
	c, ok := r.cases[id]
	if !ok {
		return community.Case{}, community.ErrNotFound
	}
	return c, nil
}

func (r reading) CaseByTicket(ticket string) (community.Case, error) {
	for _, c := range r.cases {
		if ticket != "" && c.Ticket == ticket {
			return c, nil
		}
	}
	return community.Case{}, community.ErrNotFound
}

func (r reading) Cases(all bool, limit int) ([]community.Case, error) {
	var some []community.Case
	for _, c := range r.cases {
		if all || c.State == community.Open {
			some = append(some, c)
		}
	}
	slices.SortFunc(some, func(a, b community.Case) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return head(some, limit), nil
}

func (r reading) CasesOf(unit consensus.Unit) ([]community.Case, error) {
	cases, _ := r.Cases(true, math.MaxInt) // never fails
	cases = slices.DeleteFunc(cases, func(c community.Case) bool { return c.Unit != unit })
	slices.SortFunc(cases, func(a, b community.Case) int { return cmp.Compare(b.ID, a.ID) })
	return cases, nil
}

func head[T any](all []T, limit int) []T { return all[:min(max(limit, 0), len(all))] }

func compareUnits(a, b consensus.Unit) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func cloneRecord(r community.Record) community.Record {
	r.Verdict.Reasons = slices.Clone(r.Verdict.Reasons)
	r.Verdict.Next.Episodes = slices.Clone(r.Verdict.Next.Episodes)
	r.Reporters.Clusters = slices.Clone(r.Reporters.Clusters)
	r.Behaviours = slices.Clone(r.Behaviours)
	return r
}
