package crawlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
)

const (
	maxFile   = 4 << 20 // bytes
	maxRanges = 100_000 // of a bot
)

// ranges are sorted prefixes that do not overlap.
type ranges []netip.Prefix

// newRanges checks prefixes. It refuses very wide ones, which are probably a mistake,
// because all clients in them would be exempt.
func newRanges(prefixes []netip.Prefix) (ranges, error) {
	if len(prefixes) > maxRanges {
		return nil, fmt.Errorf("%d addresses: want at most %d", len(prefixes), maxRanges)
	}
	all := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		p = unmap(p)
		shortest := 8
		if p.Addr().Is6() {
			shortest = 16
		}
		if !p.IsValid() || p.Addr().Is4In6() || p.Bits() < shortest {
			return nil, fmt.Errorf("%v: too wide, or not public: want the addresses of a crawler", p)
		}
		all = append(all, p.Masked())
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	r := all[:0]
	for _, p := range all {
		if len(r) == 0 || !r[len(r)-1].Overlaps(p) { // the wider prefix comes first
			r = append(r, p)
		}
	}
	return slices.Clip(r), nil
}

// unmap turns a prefix of IPv4-mapped addresses into one of IPv4.
func unmap(p netip.Prefix) netip.Prefix {
	const mapped = 96 // bits before the address of IPv4
	if !p.Addr().Is4In6() || p.Bits() < mapped {
		return p
	}
	return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
}

func (r ranges) contains(ip netip.Addr) bool {
	i, found := slices.BinarySearchFunc(r, ip, func(p netip.Prefix, ip netip.Addr) int { return p.Addr().Compare(ip) })
	return found || i > 0 && r[i-1].Contains(ip)
}

func readFile(path string) ([]netip.Prefix, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only reads, so the error has no meaning
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	all, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// parse reads a list of addresses: see Config.Files. A damaged or empty list is an
// error, because the real crawler would count as a false claim.
func parse(text []byte) (all []netip.Prefix, err error) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if bytes.HasPrefix(text, []byte("{")) {
		all, err = parseJSON(text)
	} else {
		all, err = parseLines(text)
	}
	if err == nil && len(all) == 0 {
		err = errors.New("no addresses")
	}
	return all, err
}

// parseJSON reads what operators publish for machines, such as
// https://developers.google.com/static/search/apis/ipranges/googlebot.json.
func parseJSON(text []byte) ([]netip.Prefix, error) {
	var list struct {
		Prefixes []struct {
			IPv4 string `json:"ipv4Prefix"`
			IPv6 string `json:"ipv6Prefix"`
		} `json:"prefixes"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	var all []netip.Prefix
	for i, p := range list.Prefixes {
		if p.IPv4 == "" && p.IPv6 == "" {
			return nil, fmt.Errorf("prefix %d: want an ipv4Prefix or ipv6Prefix", i+1)
		}
		for _, s := range []string{p.IPv4, p.IPv6} {
			if s == "" {
				continue
			}
			prefix, err := parsePrefix(s)
			if err != nil {
				return nil, fmt.Errorf("prefix %d: %w", i+1, err)
			}
			all = append(all, prefix)
		}
	}
	return all, nil
}

func parseLines(text []byte) ([]netip.Prefix, error) {
	var all []netip.Prefix
	n := 0
	for line := range bytes.Lines(text) {
		n++
		if i := bytes.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		fields := strings.Fields(string(line))
		if len(fields) > 1 && strings.HasSuffix(fields[0], ":") {
			fields = fields[1:] // "route: 192.0.2.0/24"
		}
		if len(fields) == 0 {
			continue
		}
		prefix, err := parsePrefix(fields[0])
		if err == nil && len(fields) > 1 {
			err = fmt.Errorf("%.60q: want only an address or prefix on each line", line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, prefix)
	}
	return all, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p, nil
	}
	ip, err := netip.ParseAddr(s)
	if err != nil || ip.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%.60q: want an address or prefix", s)
	}
	return netip.PrefixFrom(ip, ip.BitLen()), nil
}
