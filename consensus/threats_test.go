package consensus_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// threats are what a setting adds: addresses that change hands, and attacks on the
// community itself.
type threats struct {
	passing   float64 // share of attackers whose address a user gets when they stop
	rotating  float64 // share of attackers that have another /64 each day
	appealing float64 // share of attackers that appeal as soon as they are listed
	framed    float64 // share of victims whose browsers a page makes attack other members
	parrots   int     // accounts that report what is listed already, to earn trust
	repeaters int     // established members that do so beside what they see
	shielders int     // established members that say that every attacker uses their site
	slow      bool    // colluders report one victim a week
}

// threaten gives an attacker the habits of the setting.
func (w *world) threaten(d *dweller) {
	if w.rotating > 0 && w.r.Float64() < w.rotating {
		w.rotate(d)
		return
	}
	d.appeals = w.appealing > 0 && w.r.Float64() < w.appealing
	if w.passing > 0 && d.to < float64(w.days) && w.r.Float64() < w.passing {
		h := w.live(heir, w.someSites(3))
		h.unit, h.from = d.unit, d.to
	}
}

// rotate gives an attacker another /64 each day.
func (w *world) rotate(d *dweller) {
	end := min(d.to, float64(w.days))
	for n := 0; d.from < end; n++ {
		b := [16]byte{0x20, 0x01, 0x0d, 0xb9, byte(len(w.dwellers) >> 8), byte(len(w.dwellers)), byte(n)}
		d.unit, d.to = consensus.UnitOf(netip.AddrFrom16(b)), min(d.from+1, end)
		from := d.to
		if from < end {
			next := w.live(attacker, nil)
			next.from, next.service, next.behave, next.daily, next.seenBy = from, d.service, d.behave, d.daily, map[int]bool{}
			d = next
			continue
		}
		return
	}
}

// shield adds the word of members that protect attackers, and the requests that a page
// makes the browsers of victims send.
func (w *world) shield(all []contact, day int) []contact {
	noon := w.at(float64(day) + 0.5)
	for _, d := range w.of[attacker] {
		if d.from > float64(day) || d.to < float64(day) {
			continue
		}
		for i := range w.shielders {
			all = append(all, contact{at: noon, who: d, site: w.members - 1 - i, benign: true})
		}
	}
	for i, v := range w.of[victim] {
		v.framed = float64(i) < w.framed*float64(len(w.of[victim]))
		for id := 0; v.framed && id < w.members; id += 10 {
			all = append(all, contact{at: noon, who: v, site: id, reported: true, behave: "http:exploit"})
		}
	}
	return all
}

// repeat lets parrots report what is listed, each night.
func (s *score) repeat(w *world, now time.Time) {
	o, is := s.scheme.(*ours)
	if !is || w.parrots+w.repeaters == 0 {
		return
	}
	for _, f := range slices.Clone(o.centre.order) {
		for id, m := range w.sites {
			repeats := m.kind == parrot || id < w.members && id >= w.members-w.repeaters
			if repeats && f.isListed(now) {
				o.centre.report(now, f.unit, consensus.Report{Member: consensus.MemberID(id), Behaviour: "http:exploit", Confidence: 3, Last: now})
			}
		}
	}
}

// appeal lets an attacker appeal, twice at most: then a moderator decides.
func (s *score) appeal(now time.Time, d *dweller, o *ours) {
	f := o.centre.files[d.unit]
	if !d.appeals || f == nil || s.appeals[d] >= 2 || f.prev.Tier < consensus.Suspect || !f.prev.Expires.After(now) {
		return
	}
	s.appeals[d]++
	f.prev = f.prev.Appeal(now)
	o.centre.evaluate(now, f)
}

// established returns how many members of a kind are established.
func (s *score) established(w *world, k siteKind) (n int) {
	standings := s.scheme.(*ours).centre.standings
	for id, m := range w.sites {
		if st := standings[consensus.MemberID(id)]; m.kind == k && st.Trust >= 500_000 {
			n++
		}
	}
	return n
}

// logThreats writes what the table has no column for.
func logThreats(t *testing.T, w *world, s *score) {
	t.Helper()
	t.Logf("%s: %.3f of the contacts met a challenge; users with an attacker's old address: %d, banned for %d nights; %d appeals of attackers; %d of %d parrots are established",
		w.setting.name, float64(s.met)/float64(max(1, s.hits)), len(w.of[heir]), s.inherited, len(s.appeals), s.established(w, parrot), w.parrots)
}

// A threat is a row of the documentation's table of attacks.
var threatRows = []struct {
	name string
	do   func(*setting)
}{
	{"nothing else", func(*setting) {}},
	{"all addresses pass on", func(s *setting) { s.passing = 1 }},
	{"every third attacker has another /64 each day", func(s *setting) { s.rotating = 0.33 }},
	{"all attackers appeal, twice", func(s *setting) { s.appealing = 1 }},
	{"a third of the attackers appeal, twice", func(s *setting) { s.appealing = 0.33 }},
	{"40 parrots", func(s *setting) { s.parrots = 40 }},
	{"an established member repeats the list", func(s *setting) { s.repeaters = 1 }},
	{"2 established members shield all attackers", func(s *setting) { s.shielders = 2 }},
	{"10 established members shield all attackers", func(s *setting) { s.shielders = 10 }},
	{"3 colluders, one victim a week", func(s *setting) { s.aged, s.slow = 3, true }},
	{"pages make all victims' browsers attack 30 members a day", func(s *setting) { s.framed = 1 }},
}

// The table of attacks on the community: go test ./consensus -v -run Attacks -all -days 24 -rate 20.
func TestAttacksOnTheCommunity(t *testing.T) {
	if raced && !*worldAll {
		t.Skip("the test without the race detector does it")
	}
	lines := []string{tableHead}
	for _, row := range threatRows {
		if *worldOnly != "" && *worldOnly != row.name {
			continue
		}
		s := base()
		if !*worldAll {
			s.members, s.users, s.days = 120, 300, 9
		}
		row.do(&s)
		s.name = row.name
		w := newWorld(s)
		score := simulate(w, rivals(t, w, false)[:1])[0]
		logThreats(t, w, score)
		lines = append(lines, score.row(w))
		if n := score.count(user) + score.count(nat) + score.count(service) + score.count(cdn); n > 0 {
			t.Errorf("%s: %d honest addresses are banned", row.name, n)
		}
		if n := score.count(victim); n > 0 && !s.slow || n > 1+s.days/7 {
			t.Errorf("%s: %d victims are banned", row.name, n)
		}
		if n := score.established(w, parrot); n > 0 {
			t.Errorf("%d parrots are established", n)
		}
	}
	t.Logf("\n%s", strings.Join(lines, "\n"))
}
