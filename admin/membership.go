package admin

import "cmp"

// memberships prints how this server stands in communities, if it is in any.
func (t table) memberships(all []Source) {
	first := true
	for i := range all {
		m := all[i].Membership
		if m == nil {
			continue
		}
		if first {
			t.row()
			t.row("COMMUNITY", "SOURCE", "STANDING", "TRUST", "REPORTS IN 14 DAYS", "CONFIRMED")
			first = false
		}
		t.row(m.Community, all[i].Name, m.standing(), cmp.Or(m.Trust, "-"), m.Reports, m.Confirmed)
		for _, why := range m.Why {
			t.row("", why)
		}
	}
}

// standing returns the standing in a few words.
func (m *Membership) standing() string {
	switch {
	case m.State == "":
		return "unknown yet"
	case m.Established:
		return m.State + ", established"
	}
	return m.State
}
