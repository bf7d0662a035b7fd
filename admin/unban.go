package admin

import "io"

// isPartial reports whether an unban did not reach all that it was to reach.
func (a *Unban) isPartial() bool {
	for _, u := range a.Upstream {
		if u.Error != "" {
			return true
		}
	}
	return false
}

// isUnlisted reports whether there was nothing to take back.
func (a *Unban) isUnlisted() bool {
	removed := a.Removed
	for _, u := range a.Upstream {
		removed += u.Removed
	}
	return removed == 0 && len(a.Remaining) == 0 && !a.isPartial()
}

func (a *Unban) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		if a.isUnlisted() {
			t.row("There is no decision about " + a.Target + " on this server or in a Local API, so nothing was removed.")
			t.row()
		}
		t.row("SOURCE", "REMOVED", "ERROR")
		t.row("here", a.Removed, "")
		for _, u := range a.Upstream {
			t.row(u.Source, u.Removed, u.Error)
		}
		if len(a.Remaining) > 0 {
			t.row()
			t.row("Still in force for " + a.Target + ":")
			t.row()
			t.decisions(a.Remaining)
		}
	})
}
