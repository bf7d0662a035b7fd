// Command tocsin is Caddy with tocsin in it. It has all of Caddy's commands and
// standard modules, those that look after a running server, and one that looks into
// yesterday's log:
//
//	tocsin run --config Caddyfile
//	tocsin status
//	tocsin check 192.0.2.1
//	tocsin list --origin cscli
//	tocsin unban 192.0.2.1
//	tocsin sync
//	tocsin replay access.log
//	tocsin waf test GET "/?id=1"
package main

import (
	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lapi"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/tocsin-project/tocsin"
	_ "github.com/tocsin-project/tocsin/caddymodule/centre"
)

func main() {
	caddy.CustomBinaryName = "tocsin"
	caddy.CustomVersion = "tocsin " + lapi.Version + ", Caddy" // its own version follows
	// Any Caddy with the module has these below a command tocsin. In this one
	// that would be tocsin tocsin status.
	for _, c := range admin.Commands() {
		caddycmd.RegisterCommand(c)
	}
	caddycmd.Main()
}
