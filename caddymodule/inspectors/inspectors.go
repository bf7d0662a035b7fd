// Package inspectors has the request inspectors of tocsin for Caddy.
//
// Its modules are loaded by the app tocsin: see package guest.
//
//	tocsin.inspectors.waf     CrowdSec's AppSec rules, and rules of tocsin's own, in this process
//	tocsin.inspectors.appsec  the AppSec component of CrowdSec
package inspectors

import "github.com/caddyserver/caddy/v2"

func init() {
	caddy.RegisterModule(AppSec{})
	caddy.RegisterModule(WAF{})
}
