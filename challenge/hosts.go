package challenge

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// hosts are those that share passes: each that is listed, and all below it. The zero
// hosts are none.
type hosts struct {
	listed []string
	domain string // that all of them are in: of the cookie
	name   string // what stands for them in a binding; no host has a space
}

// parseHosts returns what names stand for.
func parseHosts(names []string) (h hosts, err error) {
	if len(names) == 0 {
		return h, nil
	}
	for _, name := range names {
		host := strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(name), "*."), ".")
		if err := checkHost(host); err != nil {
			return hosts{}, fmt.Errorf("hosts: %.64q: %w", name, err)
		}
		h.listed = append(h.listed, host)
	}
	slices.Sort(h.listed)
	h.listed = slices.Compact(h.listed)
	h.domain = h.listed[0]
	for _, host := range h.listed[1:] {
		h.domain = common(h.domain, host)
	}
	if !strings.Contains(h.domain, ".") {
		return hosts{}, fmt.Errorf("hosts: %s have no domain in common, so that no cookie reaches all of them: list hosts of one domain, such as www.example.com and cdn.example.com",
			strings.Join(h.listed, " and "))
	}
	h.name = "hosts " + strings.Join(h.listed, " ")
	return h, nil
}

// checkHost returns why host is no name of one, or of a domain, in lower case.
func checkHost(host string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	_, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		return errors.New("an address has no domain: passes hold for it alone, and it is not to be listed")
	case strings.Trim(host, allowed) != "":
		return errors.New("want the name of a host or a domain, such as example.com, without a scheme, port or path; other alphabets as in xn--")
	case !strings.Contains(host, ".") || strings.Contains("."+host+".", ".."):
		return errors.New("want the name of a host or a domain with a dot, such as example.com")
	case len(host) > 253:
		return errors.New("no name of a host is longer than 253 characters")
	}
	return nil
}

// common returns the domain that a and b, both names of hosts, are in.
func common(a, b string) string {
	for !below(b, a) {
		_, rest, ok := strings.Cut(a, ".")
		if !ok {
			return ""
		}
		a = rest
	}
	return a
}

// below reports whether host is domain, or in it.
func below(host, domain string) bool {
	rest, ok := strings.CutSuffix(host, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// has reports whether host shares passes with others.
func (h *hosts) has(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(h.listed, func(listed string) bool { return below(host, listed) })
}
