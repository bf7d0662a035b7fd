package lists

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"

	"github.com/tocsin-project/tocsin/lookup"
)

const blanks = " \t"

var (
	errNetmask = errors.New("invalid netmask: want one such as 255.255.255.0")
	errEnds    = errors.New("invalid range: want two addresses of one family, the lower one first")
)

// row appends the ranges in a line whose columns are separated by commas. The
// first column has to be an entry. The others are entries or remarks; where
// lists are refused as a whole, entries.
func (p parser) row(text string, found []netip.Prefix) ([]netip.Prefix, error) {
	first := true
	for column := range strings.SplitSeq(text, ",") {
		column = strings.Trim(column, blanks)
		if column == "" || !first && !p.whole && isRemark(column) {
			continue
		}
		var err error
		if found, err = p.entry(column, found); err != nil {
			return nil, err
		}
		first = false
	}
	return found, nil
}

// isRemark reports whether a column is not an entry and does not look like one.
func isRemark(column string) bool {
	field, _ := cutField(column)
	_, err := span(column, nil)
	return err != nil && !errors.Is(err, errSeveral) && !errors.Is(err, errEnds) && !looksLikeAddress(field)
}

// entry appends the ranges of text, if all of them are plausible.
func (p parser) entry(text string, found []netip.Prefix) ([]netip.Prefix, error) {
	n := len(found)
	found, err := span(text, found)
	if err != nil {
		return nil, err
	}
	for _, e := range found[n:] {
		if err := check(e, p.private); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// span appends the ranges of the first field of text: more than one if it is a range of
// two addresses. Further fields are remarks, such as a number of sightings. A netmask
// is not, and neither are addresses: a line with two addresses must not count as the
// first alone.
func span(text string, found []netip.Prefix) ([]netip.Prefix, error) {
	if from, to, rest, ok := cutEnds(text); ok {
		found, err := between(from, to, found)
		return found, errors.Join(err, remarks(text, rest))
	}
	field, rest := cutField(text)
	mask, further := cutField(rest)
	if n, ok := maskBits(mask); ok && n >= minBits4 {
		if ip, err := netip.ParseAddr(field); err == nil && ip.Is4() {
			return append(found, netip.PrefixFrom(ip, n).Masked()), remarks(text, further)
		}
	}
	p, err := parseField(field)
	if err != nil {
		return nil, err
	}
	return append(found, p), remarks(text, rest)
}

// remarks returns an error if one of the fields in rest may be an address.
func remarks(text, rest string) error {
	for field := range strings.FieldsSeq(rest) {
		if _, err := parseField(field); err == nil || looksLikeAddress(field) {
			return fmt.Errorf("%.64q: %w", text, errSeveral)
		}
	}
	return nil
}

// cutField returns the first field of text, and the rest.
func cutField(text string) (field, rest string) {
	if i := strings.IndexAny(text, blanks); i >= 0 {
		return text[:i], strings.TrimLeft(text[i:], blanks)
	}
	return text, ""
}

// cutEnds returns the two addresses of a range such as 192.0.2.1-192.0.2.9, also with
// blanks around the dash. After other dashes there are remarks.
func cutEnds(text string) (from, to, rest string, ok bool) {
	from, to, ok = strings.Cut(text, "-")
	from = strings.TrimRight(from, blanks)
	to, rest = cutField(strings.TrimLeft(to, blanks))
	if !ok || strings.ContainsAny(from, blanks) || !looksLikeAddress(from) {
		return "", "", "", false
	}
	_, err := parseField(to)
	return from, to, rest, err == nil || looksLikeAddress(to)
}

// looksLikeAddress reports whether field may be meant as an address. Numbers, names and
// times of day do not look like one.
func looksLikeAddress(field string) bool {
	if strings.Trim(field, "0123456789abcdefABCDEF.:/") != "" {
		return false
	}
	return strings.Count(field, ".") >= 3 || strings.Contains(field, "::") || strings.Count(field, ":") >= 7
}

// parseField reads one address or range: 192.0.2.1, 192.0.2.0/24,
// 192.0.2.0/255.255.255.0, [2001:db8::1], or an address with a port.
func parseField(field string) (netip.Prefix, error) {
	p, err := lookup.ParsePrefix(field)
	if err == nil {
		return p, nil
	}
	if base, mask, ok := strings.Cut(field, "/"); ok && strings.Contains(mask, ".") {
		return parseMasked(base, mask)
	}
	if inner, ok := strings.CutPrefix(field, "["); ok && strings.HasSuffix(inner, "]") {
		return lookup.ParsePrefix(inner[:len(inner)-1])
	}
	if at, noPort := netip.ParseAddrPort(field); noPort == nil {
		return lookup.ParsePrefix(at.Addr().String())
	}
	return p, err
}

func parseMasked(base, mask string) (netip.Prefix, error) {
	ip, err := netip.ParseAddr(base)
	n, ok := maskBits(mask)
	if err != nil || !ip.Is4() || !ok {
		return netip.Prefix{}, fmt.Errorf("%.64q: %w", base+"/"+mask, errNetmask)
	}
	return netip.PrefixFrom(ip, n).Masked(), nil
}

// maskBits returns the number of bits of an IPv4 netmask.
func maskBits(mask string) (int, bool) {
	ip, err := netip.ParseAddr(mask)
	if err != nil || !ip.Is4() {
		return 0, false
	}
	hosts := ^uint32(halves(ip).low)
	return bits.LeadingZeros32(hosts), hosts&(hosts+1) == 0
}

// between appends the smallest set of ranges from one address to another.
func between(from, to string, found []netip.Prefix) ([]netip.Prefix, error) {
	a, errA := parseField(from)
	b, errB := parseField(to)
	if errA != nil || errB != nil || !a.IsSingleIP() || !b.IsSingleIP() ||
		a.Addr().BitLen() != b.Addr().BitLen() || b.Addr().Less(a.Addr()) {
		return nil, fmt.Errorf("%.64q: %w", from+"-"+to, errEnds)
	}
	size, last := a.Addr().BitLen(), halves(b.Addr())
	for at := halves(a.Addr()); ; {
		hosts := min(at.trailingZeros(), last.minus(at).fits(), size)
		p, ok := lookup.NormalizePrefix(netip.PrefixFrom(at.addr(size), size-hosts))
		if !ok {
			return nil, fmt.Errorf("%.64q: %w", from+"-"+to, errEnds)
		}
		found = append(found, p)
		at = at.plus(hosts)
		if last.less(at) || at == (uint128{}) || size == 32 && at.low > 1<<32-1 {
			return found, nil
		}
	}
}
