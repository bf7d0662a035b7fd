// Package sources has the sources of decisions of tocsin for Caddy.
//
// Its modules are guests of the app tocsin: see package guest.
//
//	tocsin.sources.lapi       a CrowdSec Local API
//	tocsin.sources.community  a community that this server is a member of
//	tocsin.sources.blocklist  a list of addresses, in a file or at a URL
//	tocsin.sources.geoip      databases with the country and AS of addresses
package sources

import (
	"fmt"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/lookup"
)

func init() {
	caddy.RegisterModule(LAPI{})
	caddy.RegisterModule(Blocklist{})
	caddy.RegisterModule(Community{})
	caddy.RegisterModule(GeoIP{})
}

// captcha is the name of the action that needs a challenge.
var captcha = lookup.Captcha.String()

// captchas returns text if the option's action is captcha.
func captchas(option, says string) []string {
	if says != captcha {
		return nil
	}
	return []string{option}
}

// numbered returns the name of the nth source of a kind in errors and warnings.
func numbered(kind string, nth int) string { return fmt.Sprintf("%s %d", kind, nth+1) }
