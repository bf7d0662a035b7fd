package consensus

import (
	"slices"
	"time"
)

// An evaluation is what it takes to judge one unit.
type evaluation struct {
	*Rules
	now     time.Time
	e       *Evidence
	prev    Prev
	votes   []vote
	defence defence
	balance *balance
	today   total
	needed  int // how many established clusters must agree
	shared  bool
	ended   time.Time // the expiry of the latest episode that ended by it
	fresh   bool      // there is a new report that counts
	renewed bool      // and one of an established member, of a deed after that end
	latest  [2]int64  // when somebody saw it last, and when an established member did
	score   Micro
	net     Micro
}

// Evaluate judges a unit.
func Evaluate(now time.Time, rules *Rules, e Evidence) Verdict {
	t := newEvaluation(now, rules, &e)
	v := Verdict{
		Unit: e.Unit, Score: t.score, Benign: t.defence.weight, Net: t.net, Threshold: t.threshold(Listed),
		Established: t.today.established, Networks: t.today.networks, Witnesses: t.defence.clusters,
		Needed: t.needed, Config: rules.hash,
	}
	tier, episodes, expires := t.decide()
	v.Tier, v.Expires = tier, expires
	v.List, v.Remediation = t.list(), t.remediation(tier)
	v.Next = t.next(tier, episodes, expires)
	v.Earlier = t.before(v.Next.Episodes)
	var cut Micro
	v.Contributions, cut = t.balance.contributions(now.Unix(), t.score)
	v.Reasons = t.reasons(&v, cut)
	return v
}

func newEvaluation(now time.Time, rules *Rules, e *Evidence) *evaluation {
	t := &evaluation{Rules: rules, now: now, e: e, prev: e.Prev, votes: rules.votes(now, e)}
	law, asked := rules.cfg.needed(e.Context.Established)
	t.needed = asked
	t.defence = rules.defence(now, e, t.votes)
	t.balance = newBalance(rules, t.votes, t.defence.reporting, law)
	t.group()
	t.today = t.balance.at(now.Unix())
	t.shared = e.Context.Shared || e.Context.Tor || t.looksShared()
	t.ended = t.prev.Ended
	if t.expired() {
		t.ended = t.prev.Expires
	}
	t.look()
	t.score = t.today.score
	if !t.fresh {
		t.score = min(t.score, t.prev.Score) // whatever happened to trust
	}
	t.net = t.score - t.benign(t.today)
	return t
}

// looksShared reports whether many people seem to have the address. Five witnesses alone do
// not show it: a few members could protect every attacker. An address of many people has
// more members that see ordinary use than members that see attacks.
func (t *evaluation) looksShared() bool {
	n := t.defence.witnesses
	return n >= t.cfg.SharedFrom && n >= t.cfg.SharedRatio*t.today.established
}

// look finds what is new, and what is latest.
func (t *evaluation) look() {
	for _, v := range t.votes {
		t.fresh = t.fresh || v.fresh
		t.latest[0] = max(t.latest[0], v.at)
		if v.established {
			t.renewed = t.renewed || v.fresh && unixTime(v.at).After(t.ended)
			t.latest[1] = max(t.latest[1], v.at)
		}
	}
}

// group finds who among the established reporters echoes whom. Of many, a sample stands
// for all: whoever is not in it does not count as independent.
func (t *evaluation) group() {
	overlaps := t.e.Context.Overlaps
	if overlaps == nil {
		return
	}
	var clusters []ClusterID
	for _, p := range t.balance.reporters {
		if p.established {
			clusters = append(clusters, p.cluster)
		}
	}
	sample := overlaps.sample(clusters)
	t.balance.sample = make([]int, 0, len(sample))
	for i, p := range t.balance.reporters {
		if _, in := slices.BinarySearch(sample, p.cluster); in {
			t.balance.sample = append(t.balance.sample, i)
		}
	}
	t.balance.teams = overlaps.teams(sample, t.cfg.slack(t.e.Context.Established))
}

// threshold returns the net weight for a tier.
func (t *evaluation) threshold(tier Tier) Micro {
	threshold := t.cfg.Threshold * Micro(t.needed)
	if t.shared {
		threshold *= Micro(t.cfg.SharedFactor)
	}
	switch tier {
	case Listed:
		return threshold
	case Suspect:
		return threshold.mul(t.cfg.Suspect)
	default:
		return threshold.mul(t.cfg.Watch)
	}
}

// members returns how many established clusters a tier takes. A group that has grown since
// does not lose what fewer had agreed on.
func (t *evaluation) members(tier Tier, staying bool) int {
	needed := t.needed
	if staying && t.prev.Needed > 0 {
		needed = min(needed, t.prev.Needed)
	}
	switch {
	case tier == Listed, tier == Suspect && t.onProbation():
		return needed
	case tier == Suspect:
		return max(2, needed-1)
	default:
		return 0
	}
}

// carries reports whether the evidence is enough for a tier at a time. Of later times it
// says less, not more.
func (t *evaluation) carries(tier Tier, at int64, staying bool) bool {
	sum, net := t.today, t.net
	if at > t.now.Unix() {
		sum = t.balance.at(at)
		net = min(net, sum.score-t.benign(sum))
	}
	threshold := t.threshold(tier)
	if staying {
		threshold = threshold.mul(t.cfg.Exit)
	}
	if net < threshold {
		return false
	}
	if tier < Suspect {
		return true
	}
	members := t.members(tier, staying)
	return sum.established >= members && sum.networks >= 2 && t.independent(sum, members, threshold)
}

// independent reports whether there are enough reporters of whom none echoes another. Others that
// echo them do not matter: if they did, one member that repeats what is listed would end each
// listing.
func (t *evaluation) independent(sum total, members int, threshold Micro) bool {
	return sum.independent(members)-t.benign(sum) >= threshold.mul(t.cfg.Brake.Share)
}

// benign returns what ordinary use takes off. Of later times it says more than will be so:
// it does not fade.
func (t *evaluation) benign(sum total) Micro { return t.cfg.Benign.mul(t.defence.weight + sum.turned) }

// decide returns the tier, the episodes with this one, and when it ends.
func (t *evaluation) decide() (Tier, []Episode, time.Time) {
	if t.excluded() || t.suppressed() {
		return None, t.closed(), time.Time{}
	}
	for tier := Listed; tier > None; tier-- {
		rises := t.rises(tier)
		if !rises && !t.stays(tier) || !t.allows(tier) {
			continue
		}
		episodes := t.closed()
		if tier >= Suspect {
			episodes = t.opened()
		}
		if expires := t.expires(tier, rises, episodes); expires.After(t.now) {
			if tier >= Suspect {
				episodes[len(episodes)-1].To = expires
			}
			return tier, episodes, expires
		}
	}
	return None, t.closed(), time.Time{}
}

// rises reports whether a new report leads to a tier.
func (t *evaluation) rises(tier Tier) bool {
	switch {
	case !t.fresh:
		return false
	case tier >= Suspect && !t.ended.IsZero() && !t.renewed:
		return false // what was there before the last listing ended does not list again
	}
	return t.carries(tier, t.now.Unix(), false)
}

// expired reports whether what was decided last has ended since.
func (t *evaluation) expired() bool {
	return t.prev.Tier >= Suspect && !t.prev.Expires.After(t.now)
}

// stays reports whether the unit is in a tier, or in a higher one, and has not left it.
func (t *evaluation) stays(tier Tier) bool {
	if t.prev.Tier < tier || !t.prev.Expires.After(t.now) {
		return false
	}
	return t.carries(tier, t.now.Unix(), true)
}

// allows reports whether a unit of this class can be in a tier.
func (t *evaluation) allows(tier Tier) bool {
	switch {
	case tier < Listed:
		return true
	case t.shared, t.onProbation():
		return false
	case t.e.Context.Own:
		return t.ownAllowed()
	}
	return true
}

// ownAllowed reports whether a member's own address can be banned. Joining must not
// shelter an attacker, but the member can mend its host first.
func (t *evaluation) ownAllowed() bool {
	noticed := t.e.Context.Noticed
	return !noticed.IsZero() && !t.now.Before(noticed.Add(t.cfg.OwnNotice)) &&
		t.net >= t.threshold(Listed)*Micro(t.cfg.OwnFactor)
}

func (t *evaluation) excluded() bool {
	return t.e.Context.Exclusion != NotExcluded || !Listable(t.e.Unit)
}

func (t *evaluation) list() List {
	switch {
	case t.e.Context.Tor:
		return TorList
	case t.e.Context.Scanner:
		return ScannerList
	}
	return MainList
}

func (t *evaluation) remediation(tier Tier) Remediation {
	switch {
	case tier < Suspect:
		return Allow
	case tier == Suspect, t.coldStart():
		return Captcha
	}
	return Ban
}

// coldStart reports whether the community is so new and so small that a ban takes two
// members whose scenarios never err.
func (t *evaluation) coldStart() bool {
	founded := t.e.Context.Founded
	if t.needed > 2 || founded.IsZero() || t.now.Sub(founded) >= t.cfg.ColdStart {
		return false
	}
	sure := map[ClusterID]bool{}
	for _, v := range t.votes {
		if v.established && v.report.Confidence >= 3 {
			sure[v.cluster] = true
		}
	}
	return len(sure) < 2
}

// unixTime is what a report's time is rounded to.
func unixTime(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
