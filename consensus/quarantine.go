package consensus

import (
	"slices"
	"time"
)

// quarantined returns the members whose reports are set aside.
func quarantined(now time.Time, cfg *Config, h History) map[MemberID]bool {
	set := map[MemberID]bool{}
	hits := map[MemberID][]Fault{}
	for _, f := range h.Faults {
		if f.Hit && !f.At.After(now) {
			hits[f.Member] = append(hits[f.Member], f)
		}
	}
	for member, faults := range hits {
		if cfg.Quarantine.misses(now, faults) {
			set[member] = true
		}
	}
	median := medianVolume(h.Members)
	for i := range h.Members {
		m := &h.Members[i]
		if cfg.Quarantine.floods(median, m.Reports, m.Corroborated) || cfg.Quarantine.floods(median, m.ReportsBefore, m.CorroboratedBefore) {
			set[m.ID] = true
		}
	}
	return set
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
		if n := members[i].Reports; n > 0 {
			volumes = append(volumes, n)
		}
	}
	if len(volumes) == 0 {
		return 0
	}
	slices.Sort(volumes)
	return volumes[len(volumes)/2]
}
