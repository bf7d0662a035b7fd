package consensus_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// volumes have the units that each member reports in a day, and whether others report them, too.
type volumes map[consensus.MemberID]map[consensus.Unit]bool

func (v volumes) add(member consensus.MemberID, unit consensus.Unit, confirmed bool) {
	if v[member] == nil {
		v[member] = map[consensus.Unit]bool{}
	}
	v[member][unit] = v[member][unit] || confirmed
}

func (v volumes) of(member consensus.MemberID) (reports, confirmed int64) {
	for _, is := range v[member] {
		reports++
		if is {
			confirmed++
		}
	}
	return reports, confirmed
}

// A scheme lists units by what members report.
type scheme interface {
	name() string
	report(now time.Time, d *dweller, r consensus.Report)
	use(now time.Time, d *dweller, member consensus.MemberID)
	lists(now time.Time, d *dweller) bool
	night(now time.Time, h *consensus.History)
}

// ours is the consensus, or a part of it.
type ours struct {
	called   string
	centre   *centre
	trusting bool // everybody is established from the first day on
	unheard  bool // nobody is asked about ordinary use
	credited map[consensus.Unit]map[consensus.MemberID]bool
	day      volumes
	before   volumes
}

func newOurs(called string, rules *consensus.Rules, h *consensus.History, change func(*ours)) *ours {
	o := &ours{
		called: called, centre: newCentre(rules, nil), credited: map[consensus.Unit]map[consensus.MemberID]bool{},
		day: volumes{},
	}
	if change != nil {
		change(o)
	}
	o.night(start, h)
	return o
}

func (o *ours) name() string { return o.called }

func (o *ours) report(now time.Time, d *dweller, r consensus.Report) {
	o.centre.file(d.unit).class = d.class
	o.day.add(r.Member, d.unit, len(o.centre.file(d.unit).reports) > 1)
	o.centre.report(now, d.unit, r)
}

func (o *ours) use(now time.Time, d *dweller, member consensus.MemberID) {
	if !o.unheard {
		o.centre.file(d.unit).class = d.class
		o.centre.use(now, member, d.unit)
	}
}

func (o *ours) lists(now time.Time, d *dweller) bool {
	f := o.centre.files[d.unit]
	return f != nil && f.isListed(now)
}

// night takes stock: who was confirmed, who is in quarantine, what is too old.
func (o *ours) night(now time.Time, h *consensus.History) {
	own := consensus.History{Members: slices.Clone(h.Members), Credits: h.Credits}
	for _, f := range o.centre.order {
		own.Faults = append(own.Faults, f.hits()...)
		own.Credits = append(own.Credits, o.credit(now, f)...)
	}
	for i := range own.Members {
		m := &own.Members[i]
		m.Reports, m.Corroborated = o.day.of(m.ID)
		m.ReportsBefore, m.CorroboratedBefore = o.before.of(m.ID)
	}
	h.Credits = own.Credits
	o.before, o.day = o.day, volumes{}
	standings := consensus.Standings(now, o.centre.rules, own)
	if o.trusting {
		for id, s := range standings {
			s.Trust, s.Age, s.State, s.Dilution = 850_000, 100*24*time.Hour, consensus.Active, 1_000_000
			standings[id] = s
		}
	}
	o.centre.stand(standings)
	o.centre.purge(now)
}

// hits returns what members report of a unit that nobody attacks from.
func (f *file) hits() (faults []consensus.Fault) {
	if f.class.Exclusion == consensus.NotExcluded {
		return nil
	}
	for _, r := range f.reports {
		faults = append(faults, consensus.Fault{Member: r.Member, Unit: f.unit, At: r.Arrived, Hit: true, Service: true})
	}
	return faults
}

// credit returns new credits for what was new, and is confirmed by now.
func (o *ours) credit(now time.Time, f *file) (credits []consensus.Credit) {
	if len(f.novel) == 0 || f.class.Exclusion != consensus.NotExcluded {
		return nil
	}
	var reporters []consensus.MemberID
	for _, r := range f.reports {
		reporters = append(reporters, r.Member)
	}
	for _, m := range consensus.Confirmed(o.centre.rules, reporters, f.novel, o.centre.standings) {
		credits = append(credits, consensus.Credit{Member: m, Unit: f.unit, At: now})
		f.novel = slices.DeleteFunc(f.novel, func(other consensus.MemberID) bool { return other == m })
	}
	return credits
}

// A tally is what simple schemes count: each report of the last week.
type tally struct{ reports []consensus.Report }

func (t *tally) since(limit time.Time) {
	t.reports = slices.DeleteFunc(t.reports, func(r consensus.Report) bool { return !r.Arrived.After(limit) })
}

func (t *tally) members() int {
	seen := map[consensus.MemberID]bool{}
	for _, r := range t.reports {
		seen[r.Member] = true
	}
	return len(seen)
}

// distinct lists what so many members report within a week.
type distinct struct {
	n   int
	all map[consensus.Unit]*tally
}

func (*distinct) name() string { return "3 distinct members in 7 days" }

func (s *distinct) report(now time.Time, d *dweller, r consensus.Report) {
	if s.all[d.unit] == nil {
		s.all[d.unit] = &tally{}
	}
	r.Arrived = now
	s.all[d.unit].reports = append(s.all[d.unit].reports, r)
}

func (s *distinct) use(time.Time, *dweller, consensus.MemberID) {}

func (s *distinct) lists(now time.Time, d *dweller) bool {
	t := s.all[d.unit]
	if t == nil || len(t.reports) < s.n {
		return false
	}
	t.since(now.Add(-7 * 24 * time.Hour))
	return t.members() >= s.n
}

func (s *distinct) night(time.Time, *consensus.History) {}

// worst lists, each night, as many units as another scheme does, by a score.
type worst struct {
	distinct
	called string
	like   *ours
	score  func(now time.Time, t *tally) int
	listed map[consensus.Unit]bool
	window time.Duration
}

func (s *worst) name() string                       { return s.called }
func (s *worst) lists(_ time.Time, d *dweller) bool { return s.listed[d.unit] }
func (s *worst) night(now time.Time, _ *consensus.History) {
	type scored struct {
		unit consensus.Unit
		n    int
	}
	length := 0
	for _, f := range s.like.centre.order {
		if f.isListed(now) {
			length++
		}
	}
	var all []scored
	for unit, t := range s.all {
		if t.since(now.Add(-s.window)); len(t.reports) > 0 {
			all = append(all, scored{unit, s.score(now, t)})
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(b.n, a.n), a.unit.Addr().Compare(b.unit.Addr())) })
	s.listed = map[consensus.Unit]bool{}
	for _, sc := range all[:min(len(all), length)] {
		s.listed[sc.unit] = true
	}
}

// byReports is the score of a global list of the worst offenders.
func byReports(_ time.Time, t *tally) int { return len(t.reports) }

// byReputation is a score as NERD has it: how many reports, by how many members, on each
// of 14 days, of which the recent ones count more.
func byReputation(now time.Time, t *tally) int {
	var days [14]struct {
		reports int
		members map[consensus.MemberID]bool
	}
	for _, r := range t.reports {
		d := &days[min(13, max(0, int(now.Sub(r.Arrived)/(24*time.Hour))))]
		if d.members == nil {
			d.members = map[consensus.MemberID]bool{}
		}
		d.reports++
		d.members[r.Member] = true
	}
	score := 0
	for i := range days {
		n, m := days[i].reports, len(days[i].members)
		score += (14 - i) * 1000 * n / (n + 1) * m / (m + 1)
	}
	return score
}
