package lists

import (
	"encoding/json"
	"net/netip"
	"strings"
)

// oracle returns the entries of text the slow and obvious way: all lines at
// once, addresses by package netip alone, ranges compared end by end.
func oracle(text string, private bool) []netip.Prefix {
	var entries []netip.Prefix
	text = strings.TrimPrefix(text, "\uFEFF")
	for line := range strings.SplitSeq(text, "\n") {
		if e, ok := oracleLine(line); ok && oracleBelieves(e, private) {
			entries = append(entries, e)
		}
	}
	return entries
}

func oracleLine(line string) (netip.Prefix, bool) {
	if len(line) >= 65_536 {
		return netip.Prefix{}, false
	}
	line = strings.Trim(line, " \t\r")
	if strings.HasPrefix(line, "{") {
		var v struct{ CIDR string }
		if json.Unmarshal([]byte(line), &v) != nil {
			return netip.Prefix{}, false
		}
		return oraclePrefix(v.CIDR)
	}
	line, _, _ = strings.Cut(line, "#")
	line, _, _ = strings.Cut(line, ";")
	first, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	for more := range strings.FieldsSeq(rest) {
		if _, ok := oraclePrefix(more); ok {
			return netip.Prefix{}, false
		}
	}
	return oraclePrefix(first)
}

func oraclePrefix(s string) (netip.Prefix, bool) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

func oracleBelieves(e netip.Prefix, private bool) bool {
	ranges := append(reserved4[:], reserved6[:]...)
	wide := e.Bits() < 8 || e.Addr().Is6() && e.Bits() < 16
	for _, r := range ranges {
		from, to := r.prefix.Addr(), last(r.prefix)
		if from.BitLen() != e.Addr().BitLen() || to.Less(e.Addr()) || last(e).Less(from) {
			continue
		}
		if !private {
			return false
		}
		if !e.Addr().Less(from) && !to.Less(last(e)) {
			return e.Bits() > 0
		}
	}
	return !wide
}
