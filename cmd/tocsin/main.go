// Command tocsin is Caddy with tocsin in it. It has all of Caddy's commands and
// standard modules:
//
//	tocsin run --config Caddyfile
//	tocsin validate --config Caddyfile
//	tocsin version
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/tocsin-project/tocsin"
)

func main() { caddycmd.Main() }
