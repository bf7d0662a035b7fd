package lapitest

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// units are the organizational units whose certificates are accepted. CrowdSec has no
// defaults for them; these are the ones in its own tests. The behaviour for other units is
// from the source of 1.7.8 and of its master branch of July 2026 (a88b497).
type units struct{ bouncers, agents []string }

func (u units) withDefaults() units {
	if len(u.bouncers) == 0 {
		u.bouncers = []string{"bouncer-ou"}
	}
	if len(u.agents) == 0 {
		u.agents = []string{"agent-ou"}
	}
	return u
}

// certificate returns the client's certificate that the TLS layer has verified, or
// nil.
func certificate(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

func isOf(cert *x509.Certificate, allowed []string) bool {
	return slices.ContainsFunc(cert.Subject.OrganizationalUnit, func(unit string) bool { return slices.Contains(allowed, unit) })
}

// loginByCertificate returns the machine that logs in with cert. The server creates the
// machine if it is new, and asks for no password.
func (h *Handler) loginByCertificate(cert *x509.Certificate, ip string) (name string, err error) {
	if !isOf(cert, h.units.agents) {
		format := "client certificate OU %v doesn't match expected OU %v"
		if h.Generation() == Old {
			format = "client certificate OU (%v) doesn't match expected OU (%v)"
		}
		return "", fmt.Errorf(format, cert.Subject.OrganizationalUnit, h.units.agents)
	}
	name = cert.Subject.CommonName + "@" + ip
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.machines[name] == nil {
		h.machines[name] = &machine{}
	}
	return name, nil
}

// bouncerKey returns the key of a bouncer's row. A certificate has precedence over an API
// key, and creates its row itself.
func (h *Handler) bouncerKey(r *http.Request) (key string, ok bool) {
	cert := certificate(r)
	if cert == nil {
		return r.Header.Get("X-Api-Key"), true
	}
	if !isOf(cert, h.units.bouncers) {
		return "", false
	}
	key = cert.Subject.CommonName + "@" + clientIP(r)
	if !h.knows(key) {
		h.AddKey(key)
	}
	return key, true
}

func clientIP(r *http.Request) string {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // a connection in memory has no port
	}
	return ip
}

func (h *Handler) knows(key string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.keys[key] != nil
}
