package consensus_test

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

var (
	worldMembers = flag.Int("members", 300, "members of the simulated community")
	worldDays    = flag.Int("days", 10, "days of the simulation")
	worldRate    = flag.Int("rate", 12, "new attackers a day")
	worldSeed    = flag.Uint64("seed", 1, "of the simulation")
	worldVouched = flag.Bool("vouched", false, "the operator knows all members")
	worldOnly    = flag.String("only", "", "of the settings of -all, the one with this name")
	worldAll     = flag.Bool("all", false, "simulate all settings of the documentation")
)

// A score is what a scheme did in a world.
type score struct {
	scheme
	ever      map[*dweller]time.Time
	hits      int
	prevented int
	met       int // contacts that met a challenge instead
	challenge map[*dweller]bool
	reports   int
	spent     time.Duration
	first     map[*dweller]time.Time // when somebody reported an attacker first
	nights    int                    // for which victims were banned, all together
	inherited int                    // nights for which users were banned for what an earlier user of the address had done
	appeals   map[*dweller]int
}

// simulate lets schemes list in a world.
func simulate(w *world, schemes []scheme) []*score {
	var scores []*score
	for _, s := range schemes {
		scores = append(scores, &score{scheme: s, ever: map[*dweller]time.Time{}, challenge: map[*dweller]bool{}, first: map[*dweller]time.Time{}, appeals: map[*dweller]int{}})
	}
	histories := make([]consensus.History, len(schemes))
	for i := range histories {
		histories[i] = consensus.History{Members: w.history.Members, Credits: slices.Clone(w.history.Credits)}
	}
	for day := range w.days {
		contacts := w.day(day)
		for i, s := range scores {
			began := time.Now()
			s.live(w, contacts)
			s.repeat(w, w.at(float64(day+1)))
			s.night(w.at(float64(day+1)), &histories[i])
			for _, d := range w.dwellers {
				now := w.at(float64(day + 1))
				if d.kind == heir && d.from > float64(day+1) {
					continue
				}
				s.note(now, d)
				if d.kind == heir && s.lists(now, d) {
					s.inherited++
				}
				if d.kind == victim && s.lists(now, d) {
					s.nights++
				}
			}
			s.spent += time.Since(began)
		}
		for _, c := range contacts {
			if c.attack && c.reported {
				c.who.seenBy[c.site] = true
			}
		}
	}
	return scores
}

// live lets a day pass: reports arrive some time after what they are about.
func (s *score) live(w *world, contacts []contact) {
	seen := map[*dweller]map[int]bool{}
	var late []*contact
	for i := range contacts {
		c := &contacts[i]
		late = s.arrive(w, late, c.at)
		if c.attack {
			own := c.who.seenBy[c.site] || seen[c.who][c.site]
			s.hits++
			switch {
			case own:
			case s.lists(c.at, c.who):
				s.prevented++
			case s.challenges(c.at, c.who):
				s.met++
			}
		}
		if c.benign {
			s.use(c.at, c.who, consensus.MemberID(c.site))
		}
		if c.reported {
			late = append(late, c)
			if seen[c.who] == nil {
				seen[c.who] = map[int]bool{}
			}
			seen[c.who][c.site] = true
		}
	}
	s.arrive(w, late, start.Add(1e6*time.Hour))
}

// arrive hands in reports that have arrived by now, and returns the others.
func (s *score) arrive(w *world, late []*contact, now time.Time) []*contact {
	return slices.DeleteFunc(late, func(c *contact) bool {
		at := c.at.Add(c.delay)
		if at.After(now) {
			return false
		}
		s.reports++
		if _, known := s.first[c.who]; !known && c.attack {
			s.first[c.who] = at
		}
		s.report(at, c.who, w.report(c))
		s.note(at, c.who)
		return true
	})
}

// note notes who is listed.
func (s *score) note(now time.Time, d *dweller) {
	if _, known := s.ever[d]; !known && s.lists(now, d) {
		s.ever[d] = now
	}
	if o, is := s.scheme.(*ours); is {
		s.appeal(now, d, o)
		if f := o.centre.files[d.unit]; f != nil && f.prev.Tier == consensus.Suspect {
			s.challenge[d] = true
		}
	}
}

// challenges reports whether a unit meets a challenge now.
func (s *score) challenges(now time.Time, d *dweller) bool {
	o, is := s.scheme.(*ours)
	if !is {
		return false
	}
	f := o.centre.files[d.unit]
	return f != nil && f.prev.Tier == consensus.Suspect && f.prev.Expires.After(now)
}

// count returns how many units of a kind were listed.
func (s *score) count(k kind) (n int) {
	for d := range s.ever {
		if d.kind == k {
			n++
		}
	}
	return n
}

func (s *score) precision() float64 { return float64(s.count(attacker)) / float64(max(1, len(s.ever))) }

// recall returns how many of the attackers that three members noticed were listed.
func (s *score) recall(w *world) float64 {
	seen, listed := 0, 0
	for _, d := range w.of[attacker] {
		if len(d.seenBy) < 3 {
			continue
		}
		seen++
		if _, is := s.ever[d]; is {
			listed++
		}
	}
	return float64(listed) / float64(max(1, seen))
}

// challenged returns how many units of a kind were challenged.
func (s *score) challenged(k kind) (n int) {
	for d := range s.challenge {
		if d.kind == k {
			n++
		}
	}
	return n
}

// delay returns the median of the hours from the first report of an attacker to its listing.
func (s *score) delay() float64 {
	var hours []float64
	for d, at := range s.ever {
		if first, known := s.first[d]; known {
			hours = append(hours, at.Sub(first).Hours())
		}
	}
	if len(hours) == 0 {
		return 0
	}
	slices.Sort(hours)
	return hours[len(hours)/2]
}

func (s *score) share() float64 { return float64(s.prevented) / float64(max(1, s.hits)) }

func (s *score) row(w *world) string {
	return fmt.Sprintf("| %s | %s | %d | %.3f | %.2f | %d | %d | %d | %d | %.3f |", w.setting.name, s.name(), len(s.ever), s.precision(), s.recall(w),
		s.count(user), s.count(nat), s.count(service)+s.count(cdn), s.count(victim), s.share())
}

// rivals returns all schemes that are compared.
func rivals(t *testing.T, w *world, all bool) []scheme {
	rules := newRules(t)
	start := func() *consensus.History {
		return &consensus.History{Members: w.history.Members, Credits: slices.Clone(w.history.Credits)}
	}
	full := newOurs("consensus", rules, start(), nil)
	schemes := []scheme{
		full,
		&distinct{3, map[consensus.Unit]*tally{}},
		&worst{distinct{0, map[consensus.Unit]*tally{}}, "most reports in 7 days, same length", full, byReports, nil, 7 * 24 * time.Hour},
		&worst{distinct{0, map[consensus.Unit]*tally{}}, "reputation as NERD's, same length", full, byReputation, nil, 14 * 24 * time.Hour},
	}
	if !all {
		return schemes
	}
	silent := newRules(t, func(c *consensus.Config) { c.Benign, c.SharedFrom = 0, 1000 })
	return append(schemes,
		newOurs("consensus without trust", rules, start(), func(o *ours) { o.trusting = true }),
		newOurs("consensus without brake", rules, start(), func(o *ours) { o.centre.overlaps = nil }),
		newOurs("consensus without counter-witness", silent, start(), func(o *ours) { o.unheard = true }),
	)
}

const tableHead = "| community | scheme | listed | precision | recall₃ | users | NATs | services | victims | prevented |\n|---|---|---|---|---|---|---|---|---|---|"

// base is the community that the flags describe: seven of ten members are trusted, one
// mistakes a CDN for its clients, and one reports everybody.
func base() setting {
	return setting{
		name: fmt.Sprintf("%d members", *worldMembers), seed: *worldSeed, members: *worldMembers, days: *worldDays, rate: *worldRate,
		lasting: 4 * *worldRate, vouched: *worldVouched, sybils: 50, victims: 40, blind: 1, zealots: 1, users: 5 * min(*worldMembers, 3000), bursts: 1,
	}
}

// log writes the table, and what does not fit into it.
func logTable(t *testing.T, w *world, scores []*score) {
	t.Helper()
	lines := []string{tableHead}
	for _, s := range scores {
		lines = append(lines, s.row(w))
	}
	t.Logf("\n%s", strings.Join(lines, "\n"))
	for _, s := range scores {
		t.Logf("%s: %d reports, %v of time; %.1f h to a listing; victims were banned for %d nights; challenged: %d attackers, %d users, %d NATs, %d services, %d victims",
			s.name(), s.reports, s.spent.Round(time.Millisecond), s.delay(), s.nights,
			s.challenged(attacker), s.challenged(user), s.challenged(nat), s.challenged(service), s.challenged(victim))
	}
}

// The table of the documentation, small enough for every run.
func TestTheConsensusBesideSimplerLists(t *testing.T) {
	s := base()
	s.name += ", 3 colluders"
	s.aged = 3
	if raced {
		s.days = min(s.days, 7)
	}
	w := newWorld(s)
	scores := simulate(w, rivals(t, w, !raced))
	logTable(t, w, scores)
	ours, distinct := scores[0], scores[1]
	if n := ours.count(user) + ours.count(nat) + ours.count(service) + ours.count(cdn); n > 0 {
		t.Errorf("%d honest addresses are banned", n)
	}
	if n := ours.count(victim); n > 8 {
		t.Errorf("%d victims, want 8 at most", n)
	}
	if p := ours.precision(); p < 0.97 {
		t.Errorf("precision %.3f", p)
	}
	if raced {
		return
	}
	if r := ours.recall(w); r < 0.7 {
		t.Errorf("recall %.3f", r)
	}
	if ours.share() < 0.85*distinct.share() {
		t.Errorf("%.3f of contacts are prevented; by three distinct members, %.3f", ours.share(), distinct.share())
	}
}

// The other tables of the documentation: go test ./consensus -v -run Communities -all.
func TestOtherCommunities(t *testing.T) {
	if !*worldAll {
		t.Skip("by hand, with -all: it takes minutes")
	}
	lines := []string{tableHead}
	for _, change := range []struct {
		name string
		do   func(*setting)
	}{
		{"newcomers only", func(*setting) {}},
		{"3 colluders", func(s *setting) { s.aged = 3 }},
		{"6 colluders", func(s *setting) { s.aged = 6 }},
		{"15 colluders", func(s *setting) { s.aged = 15 }},
		{"6 insiders", func(s *setting) { s.insiders = 6 }},
		{"15 insiders", func(s *setting) { s.insiders = 15 }},
		{"1,000 newcomers", func(s *setting) { s.sybils = 1000 }},
		{"all vouched", func(s *setting) { s.vouched = true }},
	} {
		if *worldOnly != "" && *worldOnly != change.name {
			continue
		}
		s := base()
		change.do(&s)
		s.name += ", " + change.name
		w := newWorld(s)
		scores := simulate(w, rivals(t, w, false)[:2])
		logTable(t, w, scores)
		lines = append(lines, scores[0].row(w), scores[1].row(w))
	}
	t.Logf("\n%s", strings.Join(lines, "\n"))
}

// P20: the same reports give the same list, bit for bit, whatever the order of maps.
func TestTheSameReportsGiveTheSameList(t *testing.T) {
	run := func() map[consensus.Unit]consensus.Prev {
		s := base()
		s.members, s.days, s.aged, s.insiders, s.users = 60, 8, 3, 3, 200
		w := newWorld(s)
		all := map[consensus.Unit]consensus.Prev{}
		for u, f := range simulate(w, rivals(t, w, false)[:1])[0].scheme.(*ours).centre.files {
			all[u] = f.prev
		}
		return all
	}
	first, second := run(), run()
	if len(first) < 300 || !reflect.DeepEqual(first, second) {
		t.Errorf("%d units and %d differ", len(first), len(second))
	}
}
