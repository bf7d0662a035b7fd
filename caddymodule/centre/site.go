package centre

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/request"
)

// siteOf returns the origin of the site that contains a directive, such as
// https://blocklist.example.org; empty: unknown. Routes are complete only when the config
// starts.
func siteOf(h *Handler) string {
	if h.server == nil {
		return ""
	}
	hosts, _ := request.HostsTo(h.server.Routes, h)
	for _, host := range hosts {
		if !strings.ContainsAny(host, "*{}") {
			return scheme(h.server, host) + host + port(h.server)
		}
	}
	return ""
}

// scheme returns http:// if the site of a host is served without TLS, else https://.
func scheme(s *caddyhttp.Server, host string) string {
	if a := s.AutoHTTPS; a != nil && (a.Disabled || slices.Contains(a.Skip, host)) {
		return "http://"
	}
	return "https://"
}

// port returns the port of a server with a colon, unless browsers know it.
func port(s *caddyhttp.Server) string {
	for _, listen := range s.Listen {
		if a, err := caddy.ParseNetworkAddress(listen); err == nil && a.StartPort != 0 && a.StartPort != 80 && a.StartPort != 443 {
			return ":" + strconv.FormatUint(uint64(a.StartPort), 10)
		}
	}
	return ""
}
