package consensus_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A setting is what a world is made of.
type setting struct {
	name     string
	seed     uint64
	members  int
	days     int
	rate     int  // new attackers a day
	lasting  int  // attackers that are there from the beginning
	vouched  bool // the operator knows all members
	sybils   int  // fresh accounts that report victims every day
	aged     int  // accounts that were honest, and now report nothing but victims
	insiders int  // established members that report victims beside what they see
	victims  int
	blind    int // members that see the addresses of a CDN, not of clients
	zealots  int // members that report everybody
	users    int
	bursts   int // botnets of 50 that come to the same few members within an hour
	threats
}

// A kind is what a unit is in truth.
type kind int

const (
	attacker kind = iota
	user
	nat
	service
	cdn
	victim
	heir // a user who has the address of an attacker that is gone
)

// A dweller is a unit of the world.
type dweller struct {
	unit     consensus.Unit
	kind     kind
	service  int // that an attacker attacks
	daily    float64
	from, to float64 // days for which an attacker attacks
	behave   consensus.Behaviour
	homes    []int
	class    consensus.Context
	seenBy   map[int]bool // members that noticed an attack
	appeals  bool         // as soon as it is listed
	framed   bool         // a page makes its browser send the requests
}

// A site is a member of the world.
type site struct {
	exposed [3]bool // web, ssh, mail
	clock   time.Duration
	kind    siteKind
}

type siteKind int

const (
	honest siteKind = iota
	blind
	zealot
	sybil
	aged
	insider
	parrot
)

// A world is deterministic: its seed says all that happens.
type world struct {
	setting
	r        *rand.Rand
	sites    []site
	history  consensus.History
	dwellers []*dweller
	of       [7][]*dweller // by kind
	exposed  [3][]int      // sites by what they expose, larger ones more than once
}

// A contact is one visit or one report.
type contact struct {
	at       time.Time
	who      *dweller
	site     int
	attack   bool
	reported bool
	benign   bool
	delay    time.Duration
	behave   consensus.Behaviour
}

func newWorld(s setting) *world {
	w := &world{setting: s, r: rand.New(rand.NewPCG(s.seed, 51))}
	for id := range s.members + s.sybils + s.aged + s.parrots {
		w.settle(id)
	}
	for range s.lasting {
		w.threaten(w.attack(0))
	}
	for day := range s.days {
		for range s.rate {
			w.threaten(w.attack(float64(day) + w.r.Float64()))
		}
		if s.bursts > 0 && day%max(1, s.days/s.bursts) == 1 {
			w.burst(float64(day) + w.r.Float64())
		}
	}
	for range s.users {
		w.live(user, w.someSites(3))
	}
	for range 30 {
		w.live(nat, w.someSites(min(120, s.members*2/5)))
	}
	for i := range 20 {
		d := w.live(service, w.someSites(min(150, s.members/2)))
		if i%2 == 0 { // half of them are on a list
			d.class.Exclusion = consensus.Monitor
		}
	}
	for range 40 {
		w.live(cdn, nil).class.Exclusion = consensus.CDN
	}
	for range s.victims {
		w.live(victim, w.someSites(4))
	}
	return w
}

// settle makes a member. Three networks have two fifths of all.
func (w *world) settle(id int) {
	var s site
	size := []int{1, 1, 1, 2, 2, 2, 2, 6}[w.r.IntN(8)]
	for i, share := range []float64{0.9, 0.6, 0.3} {
		s.exposed[i] = w.r.Float64() < share
	}
	if w.r.Float64() < 0.05 {
		s.clock = time.Duration(w.r.IntN(10)-5) * time.Hour
	}
	net := []int{1, 1, 1, 1, 2, 2, 3, 3}[w.r.IntN(8)]
	if w.r.Float64() >= 0.4 {
		net = 4 + w.r.IntN(max(4, w.members/4))
	}
	m := consensus.Member{ID: consensus.MemberID(id), Net: consensus.ASN(net), Vouched: w.vouched && id < w.members}
	credits := 0
	switch {
	case id >= w.members+w.sybils+w.aged:
		s.kind = parrot
	case id >= w.members+w.sybils:
		s.kind, credits = aged, 60
		m.Net = consensus.ASN(1000 + id)
	case id >= w.members:
		s.kind = sybil
	case id < w.blind:
		s.kind = blind
	case id < w.blind+w.zealots:
		s.kind = zealot
	case w.r.Float64() < 0.7:
		credits = 15 + w.r.IntN(50)
		if w.members > 20_000 { // fewer, for the memory's sake
			credits = 12 + w.r.IntN(10)
		}
		if id < w.blind+w.zealots+2*w.insiders && id%2 == 0 {
			s.kind, credits = insider, 60
		}
	}
	age := time.Duration(120+w.r.IntN(280)) * aDay
	if credits == 0 && s.kind != parrot {
		age = time.Duration(3+w.r.IntN(40)) * aDay
	}
	m.Joined = start.Add(-age)
	w.sites, w.history.Members = append(w.sites, s), append(w.history.Members, m)
	for i := range credits {
		w.history.Credits = append(w.history.Credits, consensus.Credit{
			Member: m.ID, Unit: netip.PrefixFrom(netip.AddrFrom4([4]byte{9, byte(id), byte(id >> 8), byte(i)}), 32),
			At: start.Add(-time.Duration(w.r.IntN(90*24)) * time.Hour),
		})
	}
	if s.kind != sybil && s.kind != aged && s.kind != parrot {
		for i, is := range s.exposed {
			if is {
				w.exposed[i] = append(w.exposed[i], slices.Repeat([]int{id}, size)...)
			}
		}
	}
}

// live makes a unit that attacks nobody.
func (w *world) live(k kind, homes []int) *dweller {
	n := len(w.dwellers)
	d := &dweller{unit: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(20 + n>>16), byte(n >> 8), byte(n), 1}), 32), kind: k, homes: homes}
	if n%7 == 0 {
		d.unit = consensus.UnitOf(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(n >> 16), byte(n >> 8), byte(n)}))
	}
	w.dwellers, w.of[k] = append(w.dwellers, d), append(w.of[k], d)
	return d
}

// attack makes an attacker. Of ten, three knock at many doors; half of all go on for more
// than a month, and one in seven for a day.
func (w *world) attack(from float64) *dweller {
	d := w.live(attacker, nil)
	d.from, d.to = from, from+max(0.1, math.Exp(3.4+2.8*w.r.NormFloat64()))
	d.service = []int{0, 0, 0, 1, 1, 2}[w.r.IntN(6)]
	d.behave = [][]consensus.Behaviour{
		{"http:exploit", "http:scan", "http:bruteforce"}, {"ssh:bruteforce", "ssh:bruteforce", "ssh:exploit"}, {"smtp:spam", "smtp:bruteforce", "imap:bruteforce"},
	}[d.service][w.r.IntN(3)]
	d.daily = []float64{0.15, 0.15, 0.15, 0.04, 0.04, 0.04, 0.04, 0.01, 0.01, 0.01}[w.r.IntN(10)]
	d.seenBy = map[int]bool{}
	return d
}

// burst makes a botnet, which comes to the same few for an hour.
func (w *world) burst(at float64) {
	targets := w.someSites(6)
	for range 50 {
		d := w.attack(at)
		d.to, d.daily, d.homes = at+0.04, 0, targets
	}
}

func (w *world) someSites(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = w.r.IntN(w.members)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// count returns how often something happens that happens so often on average.
func (w *world) count(mean float64) int {
	n := int(mean)
	if w.r.Float64() < mean-float64(n) {
		n++
	}
	return n
}

// day returns all contacts of a day, in order.
func (w *world) day(n int) []contact {
	var all []contact
	for _, d := range w.of[attacker] {
		all = w.attacks(all, d, float64(n))
	}
	for _, d := range w.of[user] {
		if w.r.IntN(3) == 0 {
			all = w.visits(all, d, n, 2e-4)
		}
	}
	for _, d := range w.of[nat] {
		all = w.visits(all, d, n, 0.01)
	}
	for _, d := range w.of[service] {
		all = w.visits(all, d, n, 1e-3)
	}
	for _, d := range w.of[heir] {
		if d.from < float64(n) && w.r.IntN(3) == 0 {
			all = w.visits(all, d, n, 2e-4)
		}
	}
	all = w.shield(w.lies(all, n), n)
	slices.SortStableFunc(all, func(a, b contact) int { return a.at.Compare(b.at) })
	return all
}

func (w *world) at(day float64) time.Time {
	return start.Add(time.Duration(day * float64(aDay))).Truncate(time.Second)
}

// attacks adds the attacks of a day. Members notice six of ten.
func (w *world) attacks(all []contact, d *dweller, day float64) []contact {
	from, to := max(d.from, day), min(d.to, day+1)
	if from >= to {
		return all
	}
	targets := d.homes
	if d.daily > 0 {
		doors := w.exposed[d.service]
		targets = targets[:0]
		for range w.count(d.daily * float64(min(w.members, 300)) * (to - from)) {
			targets = append(targets, doors[w.r.IntN(len(doors))])
		}
	}
	for _, id := range targets {
		c := contact{
			at: w.at(from + w.r.Float64()*(to-from)), who: d, site: id, attack: true, behave: d.behave,
			reported: w.r.Float64() < 0.6, delay: time.Duration(w.r.ExpFloat64() * float64(20*time.Minute)),
		}
		all = append(all, c)
	}
	return all
}

// visits adds ordinary use, which members take for an attack now and then.
func (w *world) visits(all []contact, d *dweller, day int, wrong float64) []contact {
	for _, id := range d.homes {
		if d.kind != user && d.kind != heir && w.r.IntN(3) > 0 {
			continue
		}
		c := contact{at: w.at(float64(day) + w.r.Float64()), who: d, site: id, benign: true, behave: "http:bruteforce"}
		switch w.sites[id].kind {
		case blind: // all come by way of the CDN
			c.who, c.benign, c.reported = w.of[cdn][w.r.IntN(len(w.of[cdn]))], false, w.r.IntN(4) == 0
		case zealot:
			c.reported = true
		default:
			c.reported = w.r.Float64() < wrong
		}
		all = append(all, c)
	}
	return all
}

// lies adds what attackers of the community report, from the fifth day on. The victims
// are people, whom two members a day see behave.
func (w *world) lies(all []contact, day int) []contact {
	if day < 5 {
		return all
	}
	for i, v := range w.of[victim] {
		for _, home := range v.homes[:min(2, len(v.homes))] {
			all = append(all, contact{at: w.at(float64(day) + w.r.Float64()), who: v, site: home, benign: true})
		}
		for id, s := range w.sites {
			lies := s.kind == sybil && w.r.IntN(max(1, w.sybils)) < 12 || (s.kind == aged || s.kind == insider) && i%2 == 0
			if lies && (!w.slow || i/2 == day/7) {
				all = append(all, contact{at: w.at(float64(day) + w.r.Float64()), who: v, site: id, reported: true, behave: "http:exploit"})
			}
		}
	}
	return all
}

// report returns what a member reports of a contact. Some have a wrong clock.
func (w *world) report(c *contact) consensus.Report {
	return consensus.Report{
		Member: consensus.MemberID(c.site), Behaviour: c.behave, Confidence: 3, Last: c.at.Add(w.sites[c.site].clock),
		Reflected: c.who.framed,
	}
}
