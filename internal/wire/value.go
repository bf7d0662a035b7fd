package wire

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// Prefix returns the address or range in the value of r, whatever the scope is; see
// [lookup.ParsePrefix].
func (r *Row) Prefix() (netip.Prefix, error) {
	// Almost all values are IPv4 addresses or ranges. Parsing them needs no string.
	if ip, rest, ok := parseIPv4(r.Value); ok {
		if len(rest) == 0 {
			return netip.PrefixFrom(ip, 32), nil
		}
		if bits, ok := parseBits(rest); ok {
			return netip.PrefixFrom(ip, bits).Masked(), nil
		}
	}
	return lookup.ParsePrefix(string(r.Value))
}

// Place returns the country or the autonomous system of r, by its scope, and whether there
// is one: a code of two letters, in upper case, or a number with or without AS before it.
func (r *Row) Place() (country string, as uint32, ok bool) {
	switch {
	case strings.EqualFold(r.Scope, "country"):
		country, ok = countryCode(r.Value)
	case strings.EqualFold(r.Scope, "as"):
		number := r.Value
		if len(number) > 2 && strings.EqualFold(string(number[:2]), "as") {
			number = number[2:]
		}
		if n, err := strconv.ParseUint(string(number), 10, 32); err == nil {
			as, ok = uint32(n), n > 0
		}
	}
	return country, as, ok
}

func countryCode(b []byte) (string, bool) {
	if len(b) != 2 {
		return "", false
	}
	var code [2]byte
	for i, c := range b {
		c &^= 'a' - 'A'
		if c < 'A' || c > 'Z' {
			return "", false
		}
		code[i] = c
	}
	return string(code[:]), true
}

// Left returns the remaining time of the decision when it was sent, in any form that Go can
// parse. Zero or less means that it has ended.
func (r *Row) Left() (time.Duration, error) {
	// CrowdSec writes the form of Duration.String. For more than a second it begins with the
	// largest unit and ends in seconds.
	if d, ok := parseSeconds(r.Duration); ok {
		return d, nil
	}
	return time.ParseDuration(string(r.Duration))
}

// parseIPv4 reads four numbers of one byte, without leading zeros, and returns the rest of b. It
// rejects all other forms, which the caller parses in another way.
func parseIPv4(b []byte) (addr netip.Addr, rest []byte, ok bool) {
	var ip [4]byte
	for i := range ip {
		n, rest := digits(b, 3)
		if len(b) == len(rest) || n > 255 || b[0] == '0' && len(b)-len(rest) > 1 {
			return netip.Addr{}, nil, false
		}
		if i < 3 {
			if len(rest) == 0 || rest[0] != '.' {
				return netip.Addr{}, nil, false
			}
			rest = rest[1:]
		}
		ip[i], b = byte(n), rest
	}
	return netip.AddrFrom4(ip), b, true
}

// parseBits reads a slash and the length of an IPv4 range, without leading zeros, and nothing
// after them.
func parseBits(b []byte) (bits int, ok bool) {
	if len(b) < 2 || b[0] != '/' || b[1] == '0' && len(b) > 2 {
		return 0, false
	}
	n, rest := digits(b[1:], 2)
	return int(n), len(rest) == 0 && len(b) > 1 && n <= 32
}

// parseSeconds reads hours, minutes and seconds in this order, with a fraction of the
// seconds. Only the seconds are required. The caller parses all other forms in another way.
func parseSeconds(b []byte) (time.Duration, bool) {
	var d time.Duration
	for _, u := range [...]struct {
		name byte
		unit time.Duration
	}{{'h', time.Hour}, {'m', time.Minute}} {
		// Six digits of hours are a century, so there is no overflow.
		n, rest := digits(b, 6)
		if len(rest) > 0 && len(rest) < len(b) && rest[0] == u.name {
			d += time.Duration(n) * u.unit
			b = rest[1:]
		}
	}
	n, rest := digits(b, 6)
	if len(rest) == len(b) {
		return 0, false
	}
	d += time.Duration(n) * time.Second
	if len(rest) > 1 && rest[0] == '.' {
		b = rest[1:]
		n, rest = digits(b, 9)
		for range 9 - (len(b) - len(rest)) {
			n *= 10
		}
		d += time.Duration(n)
	}
	return d, string(rest) == "s"
}

// digits reads a number of at most limit digits from the beginning of b.
func digits(b []byte, limit int) (n int64, rest []byte) {
	for limit > 0 && len(b) > 0 && '0' <= b[0] && b[0] <= '9' {
		n = n*10 + int64(b[0]-'0')
		b = b[1:]
		limit--
	}
	return n, b
}
