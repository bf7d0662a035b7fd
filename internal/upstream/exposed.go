package upstream

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Exposed returns a warning if others can read secret on its way to the server at raw,
// because it uses plain http to another host. The warning is serious unless address or
// name of the host show a private network: there, only others on that network could
// read it. With https, a unix socket and on this machine nothing is exposed.
func Exposed(raw, secret string) (warning string, serious bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" {
		return "", false
	}
	switch host := strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")); {
	case isHere(host):
		return "", false
	case isNear(host):
		return fmt.Sprintf("plain http to %[2]s: others on the network can read %[1]s: use https unless you trust them", secret, u.Host), false
	default:
		return fmt.Sprintf("plain http to %[2]s: anybody on the way can read %[1]s: use https, a VPN or a unix socket", secret, u.Host), true
	}
}

// isHere reports whether host is this machine.
func isHere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// near are the ends of names that are not on the Internet.
var near = []string{".internal", ".local", ".lan", ".home.arpa"}

// isNear reports whether host is in a private network. A name without a dot is a local
// one.
func isNear(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		return ip.IsPrivate() || ip.IsLinkLocalUnicast()
	}
	return !strings.Contains(host, ".") || slices.ContainsFunc(near, func(end string) bool { return strings.HasSuffix(host, end) })
}
