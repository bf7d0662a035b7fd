package community

import (
	"cmp"
	"encoding/hex"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
)

// member returns the store's data about an account. known is the current data.
func (c *Centre) member(a *Account, known Member) Member {
	m := Member{
		ID: c.memberID(a.Login), Net: netOf(a), Joined: a.Joined, Vouched: a.Vouched, Suspended: a.Suspended, Left: a.Left,
		Ties: c.ties(a), Standing: known.Standing, Seen: a.Seen,
	}
	if known.ID == 0 { // until its standing is made
		m.Standing = consensus.Standings(c.now(), c.cfg.Rules, consensus.History{Members: []consensus.Member{m.history(Volume{}, Volume{})}})[m.ID]
	}
	return m
}

// newMember returns the store's data about a new account. Until the next renewal of the
// standings it votes with a member that it has something in common with: an operator could
// otherwise list an address alone with some fresh accounts.
func (w *work) newMember(a *Account) Member {
	m := w.c.member(a, Member{})
	// Whoever is beside it matters only if it is nobody's second account: as in
	// [consensus.Standings], an operator has one vote, wherever his servers are.
	if !w.join(&m, hasTie) && w.c.established(m.Standing) {
		w.join(&m, w.c.isBeside)
	}
	return m
}

// join gives a new member the vote of another, if there is one that it votes with.
func (w *work) join(m *Member, votesWith func(m, other *Member) bool) (found bool) {
	for id, other := range w.standing.members {
		s, known := w.standing.of[id]
		if !known || !other.Left.IsZero() || !votesWith(m, &other) {
			continue
		}
		if !found || s.Cluster < m.Standing.Cluster {
			m.Standing.Cluster, m.Standing.Net, found = s.Cluster, s.Net, true
		}
	}
	return found
}

// hasTie reports whether two members are of one hand.
func hasTie(m, other *Member) bool {
	return shareTie(slices.DeleteFunc(slices.Clone(m.Ties), isNear), other.Ties)
}

// isBeside reports whether an established member is near another one.
func (c *Centre) isBeside(m, other *Member) bool {
	return c.established(other.Standing) && shareTie(m.Ties, other.Ties)
}

func isNear(tie string) bool { return strings.HasPrefix(tie, near) }

// shareTie reports whether two sorted lists have an element in common.
func shareTie(a, b []string) bool {
	return slices.ContainsFunc(a, func(tie string) bool {
		_, found := slices.BinarySearch(b, tie)
		return found
	})
}

// netOf returns the network of an account. If its AS is unknown, a number made from the /16 (or
// /32 of IPv6) that it connects from replaces it.
func netOf(a *Account) consensus.ASN {
	if a.Net != 0 || !a.From.IsValid() {
		return a.Net
	}
	wide := lookup.Network(a.From.Addr(), 16, 32)
	sum := crc32.ChecksumIEEE([]byte(wide.String()))
	return consensus.ASN(0xfb00_0000 | sum&0xff_ffff) // one of the numbers for private use
}

// history returns the input of consensus for a member.
func (m *Member) history(today, before Volume) consensus.Member {
	c := consensus.Member{
		ID: m.ID, Net: m.Net, Joined: m.Joined, Vouched: m.Vouched, Suspended: m.Suspended, Left: !m.Left.IsZero(),
		Reports: today.Units, Corroborated: today.Confirmed,
		ReportsBefore: before.Units, CorroboratedBefore: before.Confirmed,
	}
	for _, tie := range m.Ties {
		if isNear(tie) {
			c.Near = tie
		} else {
			c.Ties = append(c.Ties, tie)
		}
	}
	return c
}

// near is the prefix of ties that strangers can have with a member, too.
const near = "near-"

// ties returns keyed hashes of properties that accounts of one person have in common. What a
// member says of itself, such as its contact, is not one: a liar could say the same as others.
func (c *Centre) ties(a *Account) []string {
	hash := func(name string) string { return hex.EncodeToString(c.hash(labelTie, name)[:8]) }
	// An invited member counts as one with its inviter.
	ties := []string{hash("branch:" + cmp.Or(a.Branch, a.Login))}
	if a.Operator != "" {
		ties = append(ties, hash("operator:"+strings.ToLower(a.Operator)))
	}
	if a.From.IsValid() {
		ties = append(ties, near+hash("net:"+a.From.String()))
	}
	slices.Sort(ties)
	return ties
}

// sameMember reports whether two members are equal except for their standing.
func sameMember(a, b Member) bool {
	return a.ID == b.ID && a.Net == b.Net && a.Vouched == b.Vouched && a.Suspended == b.Suspended && slices.Equal(a.Ties, b.Ties) &&
		a.Joined.Equal(b.Joined) && a.Left.Equal(b.Left) && a.Seen.Equal(b.Seen)
}
