package upstream

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Exposed returns a warning if secret, which is what is sent to the server at raw, can be
// read on the way there: by plain http to another host. It is serious unless the host is
// in a private network by its address or its name: there it is whoever else is on that
// network, which a container's name does not tell. Nothing is exposed by https, through a
// unix socket and on this machine.
func Exposed(raw, secret string) (warning string, serious bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" {
		return "", false
	}
	switch host := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")); {
	case isHere(host):
		return "", false
	case isNear(host):
		return fmt.Sprintf("%s is sent to %s by plain http: whoever else is on the network can read it, so use https if others are", secret, u.Host), false
	default:
		return fmt.Sprintf("%s is sent to %s by plain http: whoever is on the way can read it: use https, a VPN or a unix socket", secret, u.Host), true
	}
}

// isHere reports whether host is this machine.
func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// near are the ends of names that are not for the Internet.
var near = []string{".internal", ".local", ".lan", ".home.arpa"}

// isNear reports whether host is in a private network. A name without a dot is one that
// only some network knows.
func isNear(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	return !strings.Contains(host, ".") || slices.ContainsFunc(near, func(end string) bool { return strings.HasSuffix(host, end) })
}
