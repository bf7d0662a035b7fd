// Package tocsin is what builders of Caddy name: importing it puts the module
// into the server.
//
//	xcaddy build --with github.com/tocsin-project/tocsin
//
// It has no API of its own. Go programs import the packages beside it:
// middleware for any HTTP server, engine to keep decisions current, lookup for
// the table alone.
package tocsin

import (
	// They register the Caddy modules.
	_ "github.com/tocsin-project/tocsin/admin"
	_ "github.com/tocsin-project/tocsin/caddymodule"
	_ "github.com/tocsin-project/tocsin/caddymodule/challenges"
	_ "github.com/tocsin-project/tocsin/caddymodule/inspectors"
	_ "github.com/tocsin-project/tocsin/caddymodule/sources"
)
