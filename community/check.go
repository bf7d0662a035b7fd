package community

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
)

const (
	maxScenario = 128 // characters of a name
	maxCount    = 1 << 30
)

// checkScenario returns an error unless a name has the form of CrowdSec's scenario names.
func checkScenario(name string) error {
	author, rest, found := strings.Cut(name, "/")
	if len(name) > maxScenario || !found || !isName(author) || !isName(rest) {
		return fmt.Errorf("name of the scenario: want AUTHOR/NAME of letters, digits, dots, dashes and underscores, %d characters at most", maxScenario)
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		switch b := s[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case i > 0 && strings.IndexByte("._-", b) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// isHash reports whether a text is a SHA-256 in lower-case hexadecimal.
func isHash(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// unitOf returns the unit of an address or prefix, and ignores the number of bits.
func unitOf(p netip.Prefix) (consensus.Unit, error) {
	if !p.IsValid() {
		return consensus.Unit{}, fmt.Errorf("no address: want an IPv4 address or a /64 of IPv6")
	}
	ip := lookup.Normalize(p.Addr())
	if !p.IsSingleIP() && (ip.Is4() || p.Bits() != 64) {
		return consensus.Unit{}, fmt.Errorf("a range: want an IPv4 address or a /64 of IPv6")
	}
	unit := consensus.UnitOf(ip)
	if !consensus.Listable(unit) {
		return consensus.Unit{}, fmt.Errorf("not a public address")
	}
	return unit, nil
}

// check converts a signal to a report, or returns why the centre refuses it.
func (c *Centre) check(by Caller, s Signal, now time.Time) (Report, error) {
	unit, err := unitOf(s.Unit)
	if err != nil {
		return Report{}, err
	}
	if err := checkScenario(s.Scenario); err != nil {
		return Report{}, err
	}
	hash := strings.ToLower(s.Hash)
	if hash != "" && !isHash(hash) {
		return Report{}, fmt.Errorf("hash of the scenario: want a SHA-256 in hexadecimal, or none")
	}
	first, last, err := c.times(s, now)
	if err != nil {
		return Report{}, err
	}
	r := Report{
		Unit: unit, Member: by.ID, Scenario: s.Scenario, Hash: hash, First: first, Last: last, Arrived: now,
		Bucket: magnitude(s.Count), Flags: s.Flags & (Reflected | EarlyData | Manual | Tainted),
	}
	label, provenance := c.cfg.Catalogue.find(s.Scenario, hash)
	switch {
	case r.Flags&Manual != 0 || strings.HasPrefix(s.Scenario, "manual/"):
		label, provenance = manual, consensus.Manual
	case r.Flags&Tainted != 0:
		provenance = consensus.Tainted
	}
	r.Behaviour, r.Confidence, r.Spoofable, r.Provenance = label.Behaviour, label.Confidence, label.Spoofable, provenance
	return r, nil
}

// manual is the label of bans that a person typed.
var manual = Label{"generic:exploit", 2, 0}

// times returns the first and last time of a signal, to the minute. Clocks differ, so times in
// the future become now.
func (c *Centre) times(s Signal, now time.Time) (first, last time.Time, err error) {
	last, first = s.Last, s.First
	if last.IsZero() || last.After(now) {
		last = now
	}
	if old := c.cfg.Rules.Config().Replay; now.Sub(last) > old {
		return first, last, errOld
	}
	if first.IsZero() || first.After(last) {
		first = last
	}
	if window := c.cfg.Rules.Config().Window; last.Sub(first) > window {
		first = last.Add(-window)
	}
	return first.UTC().Truncate(time.Minute), last.UTC().Truncate(time.Minute), nil
}

var errOld = fmt.Errorf("too old: report within a day, and check the clock")

// magnitude returns the position of the highest bit of a count.
func magnitude(n int) uint8 { return uint8(bits.Len(uint(max(1, min(n, maxCount)))) - 1) }
