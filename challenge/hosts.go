package challenge

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// hosts are the hosts that share passes: each listed host and its subdomains. The zero
// value contains no host.
type hosts struct {
	listed []string
	domain string // of the cookie: all hosts are in it
	name   string // replaces the host in a binding; it has a space, so no host has this name
}

// parseHosts returns the hosts of a list.
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
		return hosts{}, fmt.Errorf("hosts: %s have no common domain, so no cookie reaches all of them: list hosts of one domain, such as www.example.com and cdn.example.com",
			strings.Join(h.listed, " and "))
	}
	h.name = "hosts " + strings.Join(h.listed, " ")
	return h, nil
}

// checkHost returns an error if host is not the name of a host or domain in lower case.
func checkHost(host string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	_, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		return errors.New("an IP address cannot share passes: want the name of a host, such as example.com")
	case strings.Trim(host, allowed) != "":
		return errors.New("want the name of a host or a domain, such as example.com, without a scheme, port or path; write other alphabets as xn--…")
	case !strings.Contains(host, ".") || strings.Contains("."+host+".", ".."):
		return errors.New("want the name of a host or a domain with a dot, such as example.com")
	case len(host) > 253:
		return errors.New("the name is too long: want at most 253 characters")
	}
	return nil
}

// common returns the longest domain that contains both hosts, a and b.
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

// below reports whether host is domain itself, or a subdomain of it.
func below(host, domain string) bool {
	rest, ok := strings.CutSuffix(host, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// has reports whether host is one of h.
func (h *hosts) has(host string) bool {
	host = strings.TrimSuffix(host, ".")
	return slices.ContainsFunc(h.listed, func(listed string) bool { return below(host, listed) })
}
