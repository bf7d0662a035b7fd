package lists

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// oracle returns the entries of text the slow and obvious way, and whether it is a
// list at all: all lines at once, forms told apart by patterns, addresses by package
// netip alone, ranges compared end by end and found by halving all addresses.
func oracle(text string, private bool) (entries []netip.Prefix, ok bool) {
	if regexp.MustCompile(`[\x00-\x08\x0e-\x1f]`).MatchString(text) {
		return nil, false
	}
	text = strings.TrimPrefix(text, "\uFEFF")
	take := func(found []netip.Prefix) {
		for _, e := range found {
			if !oracleBelieves(e, private) {
				return
			}
		}
		entries = append(entries, found...)
	}
	if regexp.MustCompile(`^[ \t\r\n]*\[[ \t\r\n]*(["{\[\]]|$)`).MatchString(text) {
		var all []json.RawMessage
		if json.Unmarshal([]byte(text), &all) != nil {
			return nil, false
		}
		for _, e := range all {
			take(oracleElement(e))
		}
		return entries, true
	}
	for line := range strings.SplitSeq(text, "\n") {
		take(oracleLine(line))
	}
	return entries, true
}

func oracleElement(element []byte) []netip.Prefix {
	var text string
	if string(element) == "null" {
		return nil
	}
	if json.Unmarshal(element, &text) == nil {
		found, _ := oracleEntry(text)
		return found
	}
	var v struct{ IP, Address, Prefix, CIDR any }
	if element[0] != '{' || json.Unmarshal(element, &v) != nil {
		return nil
	}
	n := 0
	for _, m := range []any{v.IP, v.Address, v.Prefix, v.CIDR} {
		if m != nil {
			n++
			text, _ = m.(string)
		}
	}
	if n != 1 {
		return nil
	}
	found, _ := oracleEntry(text)
	return found
}

func oracleLine(line string) []netip.Prefix {
	if len(line) >= 65_536 {
		return nil
	}
	line = strings.Trim(line, " \t\r")
	if strings.HasPrefix(line, "{") {
		return oracleElement([]byte(line))
	}
	line, _, _ = strings.Cut(line, "#")
	line, _, _ = strings.Cut(line, ";")
	var entries []netip.Prefix
	for column := range strings.SplitSeq(line, ",") {
		column = strings.Trim(column, " \t")
		found, isRemark := oracleEntry(column)
		switch {
		case column == "" || len(entries) > 0 && isRemark:
		case len(found) == 0:
			return nil
		default:
			entries = append(entries, found...)
		}
	}
	return entries
}

var (
	oracleRange = regexp.MustCompile(`^([0-9a-fA-F.:/]+)[ \t]*-[ \t]*([^ \t]*)(.*)$`)
	oracleMask  = regexp.MustCompile(`^([0-9.]+)[ \t]+([0-9.]+)((?:[ \t].*)?)$`)
	oraclePlain = regexp.MustCompile(`^([^ \t]*)(.*)$`)
	oracleGuess = regexp.MustCompile(`^([0-9a-fA-F.:/]*(\.[0-9a-fA-F.:/]*){3}|[0-9a-fA-F.:/]*::[0-9a-fA-F.:/]*|[0-9a-fA-F.:/]*(:[0-9a-fA-F.:/]*){7})$`)
)

// oracleEntry returns the ranges of one entry, none if it is bad, and whether that
// is for being nothing like an address.
func oracleEntry(text string) (found []netip.Prefix, isRemark bool) {
	text = strings.Trim(text, " \t")
	m := oracleRange.FindStringSubmatch(text)
	if m != nil && oracleGuess.MatchString(m[1]) {
		_, isEnd := oracleField(m[2])
		if isEnd || oracleGuess.MatchString(m[2]) {
			return oracleBetween(m[1], m[2], m[3]), false
		}
	}
	if m := oracleMask.FindStringSubmatch(text); m != nil {
		n, isMask := oracleBits(m[2])
		base, err := netip.ParseAddr(m[1])
		if isMask && n >= 8 && err == nil && base.Is4() {
			if oracleHasAddress(m[3]) {
				return nil, false
			}
			return []netip.Prefix{netip.PrefixFrom(base, n).Masked()}, false
		}
	}
	m = oraclePlain.FindStringSubmatch(text)
	p, ok := oracleField(m[1])
	switch {
	case !ok:
		return nil, !oracleGuess.MatchString(m[1])
	case oracleHasAddress(m[2]):
		return nil, false
	}
	return []netip.Prefix{p}, false
}

func oracleHasAddress(remarks string) bool {
	for field := range strings.FieldsSeq(remarks) {
		if _, ok := oracleField(field); ok || oracleGuess.MatchString(field) {
			return true
		}
	}
	return false
}

// oracleBetween finds the ranges by halving all addresses until a half lies between
// the ends.
func oracleBetween(from, to, remarks string) []netip.Prefix {
	a, okA := oracleField(from)
	b, okB := oracleField(to)
	if !okA || !okB || !a.IsSingleIP() || !b.IsSingleIP() || oracleHasAddress(remarks) {
		return nil
	}
	if a.Addr().Is4() != b.Addr().Is4() || b.Addr().Less(a.Addr()) {
		return nil
	}
	all := netip.MustParsePrefix("::/0")
	if a.Addr().Is4() {
		all = netip.MustParsePrefix("0.0.0.0/0")
	}
	var found []netip.Prefix
	var halve func(p netip.Prefix)
	halve = func(p netip.Prefix) {
		switch {
		case last(p).Less(a.Addr()) || b.Addr().Less(p.Addr()):
			return
		case !p.Addr().Less(a.Addr()) && !b.Addr().Less(last(p)):
			found = append(found, p)
			return
		}
		low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
		halve(low)
		halve(netip.PrefixFrom(last(low).Next(), p.Bits()+1))
	}
	halve(all)
	for i, p := range found {
		n, ok := oraclePrefix(p.String())
		if !ok {
			return nil
		}
		found[i] = n
	}
	return found
}

// oracleBits returns how many bits a netmask has, found by trying all.
func oracleBits(mask string) (int, bool) {
	for n := range 33 {
		if last(netip.PrefixFrom(netip.IPv4Unspecified(), n)).String() == oracleInverse(mask) {
			return n, true
		}
	}
	return 0, false
}

// oracleInverse returns the address with all bits of mask turned over.
func oracleInverse(mask string) string {
	ip, err := netip.ParseAddr(mask)
	if err != nil || !ip.Is4() {
		return ""
	}
	b := ip.As4()
	return netip.AddrFrom4([4]byte{^b[0], ^b[1], ^b[2], ^b[3]}).String()
}

func oracleField(s string) (netip.Prefix, bool) {
	if p, ok := oraclePrefix(s); ok {
		return p, true
	}
	base, mask, _ := strings.Cut(s, "/")
	if n, ok := oracleBits(mask); ok {
		ip, err := netip.ParseAddr(base)
		return netip.PrefixFrom(ip, n).Masked(), err == nil && ip.Is4()
	}
	port := s[strings.LastIndexByte(s, ':')+1:]
	if _, err := strconv.ParseUint(port, 10, 16); err == nil && !strings.Contains(s, "/") {
		host := strings.TrimSuffix(s, ":"+port)
		if strings.HasPrefix(host, "[") == strings.Contains(host, ":") {
			s = host
		}
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
	}
	return oraclePrefix(s)
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
