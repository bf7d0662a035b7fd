package consensus

import (
	"cmp"
	"slices"
	"time"
)

// A Member is what the server knows of an account.
type Member struct {
	ID        MemberID
	Net       ASN
	Joined    time.Time
	Vouched   bool
	Suspended bool
	// Left says that it is a member no more. Its faults still count for the others of its hand:
	// otherwise an account that lies could leave, and the others keep their trust.
	Left bool
	// Ties name what accounts of one hand have in common, such as "operator:7": members with
	// an equal tie share their trust, and are one cluster.
	Ties []string
	// Near names what strangers can have in common, too, such as "net:192.0.2.0/24": hands that
	// are near one another are one cluster, but each has its own trust.
	Near string
	// Reports and Corroborated count the units that the member reported in the last day, and
	// those that others confirmed; Before counts the day before that. Of a network that one
	// person can have, a few count: otherwise a stranger with a /48 could make any member look
	// like one that reports everybody.
	Reports, Corroborated             int64
	ReportsBefore, CorroboratedBefore int64
}

// A Credit is a report that others confirmed: see [Confirmed].
type Credit struct {
	Member MemberID
	Unit   Unit
	At     time.Time
}

// A Fault is a report that proved false.
type Fault struct {
	Member MemberID
	Unit   Unit
	At     time.Time
	// Hit says that the unit is a canary or of an excluded class. Other faults are upheld
	// appeals and findings of moderators.
	Hit bool
	// Service says that the unit is of an excluded class and no canary. Anybody can make a
	// monitor, a CDN or a sender of webhooks attack a member, so such a hit costs no trust.
	Service bool
}

// History is what members are judged by.
type History struct {
	Members []Member
	Credits []Credit
	Faults  []Fault
}

// A record is the history of one hand.
type record struct {
	age     time.Duration
	vouched bool
	reports int64
	credits []Credit
	faults  []Fault
}

// Standings returns how much each member is trusted. All members of one hand share its trust,
// so that nobody gains by a second account.
func Standings(now time.Time, rules *Rules, h History) map[MemberID]Standing {
	cfg := &rules.cfg
	hands := handsOf(h.Members)
	records := recordsOf(now, h, hands)
	set := quarantined(now, cfg, h)
	shared := make(map[MemberID]Standing, len(records))
	for hand, r := range records {
		credits := cfg.credits(now, r)
		s := Standing{Age: r.age, Trust: cfg.trust(now, r, credits), Dilution: cfg.Budget.of(r.reports, credits)}
		if r.vouched {
			s.State = Vouched
		}
		shared[hand] = s
	}
	clusters := clustersOf(h.Members, hands, func(hand MemberID) bool {
		s := shared[hand]
		return s.established(&cfg.Trust)
	})
	standings := make(map[MemberID]Standing, len(h.Members))
	for i := range h.Members {
		m := &h.Members[i]
		if m.Left {
			continue
		}
		s, c := shared[hands[m.ID]], clusters[hands[m.ID]]
		s.Cluster, s.Net = c.id, c.net
		s.State = stateOf(m, s.State == Vouched, set[m.ID])
		standings[m.ID] = s
	}
	return standings
}

func stateOf(m *Member, vouched, quarantined bool) State {
	switch {
	case m.Suspended:
		return Suspended
	case quarantined:
		return Quarantined
	case vouched:
		return Vouched
	}
	return Active
}

func recordsOf(now time.Time, h History, hands map[MemberID]MemberID) map[MemberID]*record {
	records, left := map[MemberID]*record{}, map[MemberID]bool{}
	for i := range h.Members {
		m := &h.Members[i]
		r := records[hands[m.ID]]
		if r == nil {
			r = new(record)
			records[hands[m.ID]] = r
		}
		if m.Left {
			left[m.ID] = true
			continue
		}
		r.age = max(r.age, now.Sub(m.Joined))
		r.vouched = r.vouched || m.Vouched && !m.Suspended // a suspended one gives its others no trust
		r.reports += m.Reports
	}
	for _, c := range h.Credits {
		if r := records[hands[c.Member]]; r != nil && !c.At.After(now) && !left[c.Member] {
			r.credits = append(r.credits, c)
		}
	}
	for _, f := range h.Faults {
		if r := records[hands[f.Member]]; r != nil && !f.At.After(now) {
			r.faults = append(r.faults, f)
		}
	}
	return records
}

// of returns how much of its weight a report of a cluster keeps.
func (d Dilution) of(reports int64, credits Micro) Micro {
	budget := min(d.Base+d.PerCredit*int64(credits/One), d.Max)
	return min(One, Micro(budget)*One/Micro(max(1, reports)))
}

// credits returns the credits of a cluster, less what time took of them. A unit counts
// once, and a day brings only so many.
func (c *Config) credits(now time.Time, r *record) (sum Micro) {
	slices.SortFunc(r.credits, func(a, b Credit) int { return cmp.Or(a.At.Compare(b.At), compareUnits(a.Unit, b.Unit)) })
	days := map[int64]int{}
	seen, topics := map[topic]bool{}, topics{}
	for _, credit := range r.credits {
		d, what := dayOf(credit.At), topics.of(credit.Member, credit.Unit, credit.At)
		if seen[what] || days[d] >= c.Trust.CreditsADay {
			continue
		}
		seen[what] = true
		days[d]++
		sum += lasting(now.Sub(credit.At), c.Trust.CreditLife)
	}
	return sum
}

// faults returns how many faults of a cluster are remembered. One unit is one fault in a
// day, and a day has only so many.
func (c *Config) faults(now time.Time, r *record) (n int64) {
	type fault struct {
		day  int64
		what topic
	}
	days := map[int64]int{}
	seen, topics := map[fault]bool{}, topics{}
	for _, f := range r.faults {
		at := fault{dayOf(f.At), topics.of(f.Member, f.Unit, f.At)}
		if f.Service || now.Sub(f.At) >= c.Trust.FaultMemory || seen[at] || days[at.day] >= c.Trust.FaultsADay {
			continue
		}
		seen[at] = true
		days[at.day]++
		n++
	}
	return n
}

func dayOf(at time.Time) int64 { return at.Unix() / int64(day/time.Second) }

func compareUnits(a, b Unit) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) }

// trust returns the trust of a cluster with so many credits.
func (c *Config) trust(now time.Time, r *record, credits Micro) Micro {
	trust := Micro(0)
	if r.age >= c.Trust.Weightless {
		trust = c.quality(credits, c.faults(now, r)).mul(grown(r.age, c.Trust.Growth))
	}
	if r.vouched {
		trust = max(trust, c.Trust.Vouched)
	}
	return trust
}

// quality returns how right a member was, between 0 and 1.
func (c *Config) quality(credits Micro, faults int64) Micro {
	doubt := Micro(c.Trust.Contest*faults+c.Trust.Prior) * One
	return (credits + One).over(credits + doubt)
}

// CountEstablished returns how many clusters are established: what [Context] asks for.
func CountEstablished(rules *Rules, standings map[MemberID]Standing) int {
	clusters := map[ClusterID]bool{}
	for _, s := range standings {
		if s.established(&rules.cfg.Trust) {
			clusters[s.Cluster] = true
		}
	}
	return len(clusters)
}
