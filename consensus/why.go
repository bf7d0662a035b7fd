package consensus

import "slices"

// A list of reasons, of those that hold.
type reasons []Reason

func (all *reasons) add(holds bool, r Reason) {
	if holds {
		*all = append(*all, r)
	}
}

// reasons returns why a verdict is as it is.
func (t *evaluation) reasons(v *Verdict, cut Micro) []Reason {
	all := reasons{t.mainReason(v.Tier)}
	if v.Tier < Listed && all[0] < ReasonExcluded {
		all = append(all, t.obstacles(v.Tier+1)...)
	}
	all.add(v.Tier > None && !t.rises(v.Tier), ReasonHeld)
	all.add(t.defence.clusters > 0, ReasonBenign)
	all.add(t.today.established < len(v.Contributions), ReasonNewcomers)
	all.add(cut > 0, ReasonCapped)
	all.add(v.Tier == Listed && v.Remediation == Captcha, ReasonColdStart)
	all.add(t.e.Context.Tor, ReasonTor)
	all.add(t.e.Context.Scanner, ReasonScanner)
	slices.Sort(all)
	return slices.Compact(all)
}

func (t *evaluation) mainReason(tier Tier) Reason {
	switch {
	case t.excluded():
		return ReasonExcluded
	case t.suppressed():
		return ReasonSuppressed
	}
	return [...]Reason{None: ReasonHarmless, Watched: ReasonWatched, Suspect: ReasonSuspect, Listed: ReasonListed}[tier]
}

// obstacles returns what keeps a unit from a tier.
func (t *evaluation) obstacles(tier Tier) (all reasons) {
	light := t.net < t.threshold(tier)
	all.add(light, ReasonLight)
	all.add(!t.fresh, ReasonOld)
	if tier < Suspect {
		return all
	}
	few, single := t.today.established < t.members(tier, false), t.today.networks < 2
	all.add(few, ReasonFew)
	all.add(single, ReasonOneNetwork)
	all.add(!light && !few && !single && !t.independent(t.today, t.members(tier, false), t.threshold(tier)), ReasonCollusion)
	all.add(!t.ended.IsZero() && !t.renewed, ReasonExpired)
	all.add(t.shared, ReasonShared)
	all.add(tier == Listed && t.e.Context.Own && !t.ownAllowed(), ReasonOwn)
	all.add(t.onProbation(), ReasonAppealed)
	return all
}
