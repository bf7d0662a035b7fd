package community

import (
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
	return consensus.Member{
		ID: m.ID, Net: m.Net, Joined: m.Joined, Vouched: m.Vouched, Suspended: m.Suspended, Ties: m.Ties,
		Reports: today.Reports, Corroborated: today.Corroborated,
		ReportsBefore: before.Reports, CorroboratedBefore: before.Corroborated,
	}
}

// everybodys are domains of public mail providers.
var everybodys = strings.Fields("gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com icloud.com me.com aol.com gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de mail.ru yandex.ru qq.com 163.com proton.me protonmail.com posteo.de mailbox.org orange.fr free.fr laposte.net libero.it")

// ties returns keyed hashes of properties that accounts of one person have in common.
func (c *Centre) ties(a *Account) []string {
	// An invited member counts as one with its inviter.
	root := a.Branch
	if root == "" {
		root = a.Login
	}
	names := []string{"branch:" + root}
	if a.Operator != "" {
		names = append(names, "operator:"+strings.ToLower(a.Operator))
	}
	if a.From.IsValid() {
		names = append(names, "net:"+a.From.String())
	}
	if _, domain, found := strings.Cut(strings.ToLower(a.Contact), "@"); found {
		if slices.Contains(everybodys, domain) {
			domain = strings.ToLower(a.Contact)
		}
		names = append(names, "mail:"+domain)
	}
	ties := make([]string, 0, len(names))
	for _, name := range names {
		ties = append(ties, hex.EncodeToString(c.hash(labelTie, name)[:8]))
	}
	slices.Sort(ties)
	return slices.Compact(ties)
}

// sameMember reports whether two members are equal except for their standing.
func sameMember(a, b Member) bool {
	return a.ID == b.ID && a.Net == b.Net && a.Vouched == b.Vouched && a.Suspended == b.Suspended && slices.Equal(a.Ties, b.Ties) &&
		a.Joined.Equal(b.Joined) && a.Left.Equal(b.Left) && a.Seen.Equal(b.Seen)
}
