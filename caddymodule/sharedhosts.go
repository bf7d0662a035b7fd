package caddymodule

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/caddymodule/request"
	"go.uber.org/zap"
	"golang.org/x/net/publicsuffix"
)

// hintHosts logs that each site of a domain asks for its own challenge, because a pass is
// valid for one host unless the option hosts says otherwise. This is not the default,
// because a cookie for a domain goes to all hosts below it, and some may belong to others.
func (a *App) hintHosts() {
	if a.gates == nil || len(a.gates.cfg.Hosts) > 0 {
		return
	}
	for domain, hosts := range a.domains() {
		a.logger.Info("several sites of one domain each send their own challenge: if all hosts of the domain are yours, write hosts and the domain "+
			"into the block of challenge, so that one pass is valid for all",
			zap.String("domain", domain), zap.Strings("hosts", hosts[:min(len(hosts), 10)]))
	}
}

// domains returns the domains that contain several guarded hosts of the config, with these
// hosts.
func (a *App) domains() map[string][]string {
	all := map[string][]string{}
	for _, p := range a.places {
		if p.server == nil || p.handler.Challenge == challengeOff {
			continue
		}
		hosts, _ := request.HostsTo(p.server.Routes, p.handler)
		for _, host := range hosts {
			host = strings.ToLower(host)
			_, err := netip.ParseAddr(host)
			domain, errDomain := publicsuffix.EffectiveTLDPlusOne(strings.TrimPrefix(host, "*."))
			if err == nil || errDomain != nil || strings.ContainsAny(domain, "*{") || slices.Contains(all[domain], host) {
				continue
			}
			all[domain] = append(all[domain], host)
		}
	}
	for domain, hosts := range all {
		if slices.Sort(hosts); len(hosts) == 1 && !strings.HasPrefix(hosts[0], "*.") {
			delete(all, domain)
		}
	}
	return all
}
