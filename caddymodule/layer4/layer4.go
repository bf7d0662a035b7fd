// Package layer4 answers one question for Caddy's layer 4 app: is there a decision about
// the client of this connection? Its matcher tocsin works like the one for HTTP, for
// connections of any protocol, such as SSH and mail:
//
//	{
//		tocsin {
//			lapi http://127.0.0.1:8080 {env.CROWDSEC_API_KEY}
//		}
//		layer4 {
//			:2222 {
//				@banned tocsin ban
//				route @banned {
//					close
//				}
//				route {
//					proxy localhost:22
//				}
//			}
//		}
//	}
//
// The program cmd/tocsin does not contain it, since it brings the layer 4 app along
// (github.com/mholt/caddy-l4). To build it in:
//
//	xcaddy build --with github.com/mholt/caddy-l4 --with github.com/tocsin-project/tocsin/caddymodule/layer4
package layer4

import (
	"net/netip"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	l4 "github.com/mholt/caddy-l4/layer4"
	_ "github.com/tocsin-project/tocsin" // the app that it asks, and its sources
	"github.com/tocsin-project/tocsin/caddymodule"
)

func init() { caddy.RegisterModule(Matcher{}) }

// Matcher matches connections of clients with a decision. It reads nothing from a
// connection, does not close it, and neither logs nor counts. Clients that the app
// allows do not match, nor do connections without an IP address, such as those of Unix
// sockets. Behind the handler proxy_protocol of the layer 4 app it sees the address that
// the proxy sends.
type Matcher struct{ caddymodule.Clients }

// CaddyModule returns the Caddy module information.
func (Matcher) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "layer4.matchers.tocsin", New: func() caddy.Module { return new(Matcher) }}
}

// Provision sets the matcher up.
func (m *Matcher) Provision(ctx caddy.Context) error { return m.Prepare(ctx) }

// Match implements [l4.ConnMatcher].
func (m *Matcher) Match(cx *l4.Connection) (bool, error) {
	peer, err := netip.ParseAddrPort(cx.RemoteAddr().String())
	if err != nil {
		return false, nil //nolint:nilerr // no IP address, no decision
	}
	_, ok := m.Find(cx.Context, peer.Addr())
	return ok, nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*Matcher)(nil)
	_ caddyfile.Unmarshaler = (*Matcher)(nil)
	_ l4.ConnMatcher        = (*Matcher)(nil)
)
