package consensus

import (
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// quarantined returns the members whose reports are set aside.
func quarantined(now time.Time, cfg *Config, h History) map[MemberID]bool {
	q := &cfg.Quarantine
	set := map[MemberID]bool{}
	hits := map[MemberID][]Fault{}
	for _, f := range h.Faults {
		if f.Hit && !f.At.After(now) {
			hits[f.Member] = append(hits[f.Member], f)
		}
	}
	right := map[MemberID]bool{} // lately
	for _, c := range h.Credits {
		right[c.Member] = right[c.Member] || !c.At.After(now) && now.Sub(c.At) < cfg.Window
	}
	median := medianVolume(h.Members)
	for i := range h.Members {
		m := &h.Members[i]
		if m.Left {
			continue
		}
		if q.errs(now, hits[m.ID], m.Reports, right[m.ID]) ||
			q.floods(median, m.Reports, m.Corroborated) || q.floods(median, m.ReportsBefore, m.CorroboratedBefore) {
			set[m.ID] = true
		}
	}
	return set
}

// errs reports whether a member reports what nobody attacks from. Of services that is so only if
// it takes them for its clients: strangers can send attacks through services, but they cannot
// undo what others confirmed. That of the whole window counts, because on a quiet day a few such
// attacks are most of what a member reports.
func (q *Quarantine) errs(now time.Time, hits []Fault, reports int64, right bool) bool {
	if len(hits) == 0 {
		return false
	}
	never := slices.DeleteFunc(slices.Clone(hits), func(f Fault) bool { return f.Service })
	if q.misses(now, never) {
		return true
	}
	units := map[Unit]bool{}
	for _, f := range hits {
		if f.At.After(now.Add(-q.Time)) {
			units[f.Unit] = true
		}
	}
	return !right && q.misses(now, hits) && Micro(volumeOf(units))*One >= q.Services*Micro(reports)
}

// OfNetwork is how many units of one /24, or of one /48 of IPv6, count in the volume of a member.
const OfNetwork = 16

// volumeOf returns how many units count.
func volumeOf(units map[Unit]bool) (n int) {
	of := map[netip.Prefix]int{}
	for unit := range units {
		if network := lookup.Network(unit.Addr(), 24, 48); of[network] < OfNetwork {
			of[network]++
			n++
		}
	}
	return n
}

// misses reports whether a member hits what nobody attacks from, and has not been clean
// since for long enough.
func (q *Quarantine) misses(now time.Time, hits []Fault) bool {
	slices.SortFunc(hits, func(a, b Fault) int { return a.At.Compare(b.At) })
	caught := false
	for i, hit := range hits {
		if i > 0 && hit.At.Sub(hits[i-1].At) >= q.Time {
			caught = false
		}
		caught = caught || distinct(hits[:i+1], hit.At.Add(-q.Time)) >= q.Hits
	}
	return caught && now.Sub(hits[len(hits)-1].At) < q.Time
}

// distinct counts the units of faults after a time.
func distinct(faults []Fault, after time.Time) int {
	units := map[Unit]bool{}
	for _, f := range slices.Backward(faults) {
		if !f.At.After(after) {
			break
		}
		units[f.Unit] = true
	}
	return len(units)
}

// floods reports whether a member reports many times what others do, and hardly anybody
// confirms it.
func (q *Quarantine) floods(median, reports, corroborated int64) bool {
	return reports > q.VolumeFactor*max(q.VolumeFloor, median) &&
		Micro(corroborated)*One < q.Corroborated*Micro(reports)
}

// medianVolume returns how much a usual member reports in a day.
func medianVolume(members []Member) int64 {
	volumes := make([]int64, 0, len(members))
	for i := range members {
		if n := members[i].Reports; n > 0 && !members[i].Left {
			volumes = append(volumes, n)
		}
	}
	if len(volumes) == 0 {
		return 0
	}
	slices.Sort(volumes)
	return volumes[len(volumes)/2]
}
