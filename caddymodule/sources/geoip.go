package sources

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/geo"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
)

// GeoIP names databases in the MaxMind DB format with the country and autonomous system
// of addresses, for decisions about these and for reports to CrowdSec. Without it such
// decisions are not enforced. A config has one.
type GeoIP struct {
	// The files. They are read again when they change. Placeholders are replaced.
	// Required.
	Paths []string `json:"paths,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (GeoIP) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Sources + ".geoip", New: func() caddy.Module { return new(GeoIP) }}
}

// UnmarshalCaddyfile sets up the databases:
//
//	geoip <path...>
func (g *GeoIP) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	if err := option.Words(&g.Paths)(d, name); err != nil {
		return err
	}
	return option.Block{}.Parse(d, name)
}

// Resolve implements [guest.Source].
func (g *GeoIP) Resolve(repl *caddy.Replacer, nth int) error {
	switch {
	case nth > 0:
		return errors.New("given twice: write all databases into one geoip option")
	case len(g.Paths) == 0:
		return errors.New("paths: want at least one database")
	}
	if err := option.Replace(repl, g); err != nil {
		return err
	}
	for i, p := range g.Paths {
		if isURL, err := lists.IsURL(p); isURL || err != nil {
			return fmt.Errorf("%.64q: want the path of a file, not a URL", p)
		}
		var err error
		if g.Paths[i], err = filepath.Abs(p); err != nil {
			return err
		}
	}
	return nil
}

// Open implements [guest.Source].
func (g *GeoIP) Open(env guest.Env) (guest.Opened, error) {
	db, err := geo.New(geo.Config{Paths: g.Paths, Logger: env.Logger})
	if err != nil {
		return nil, err
	}
	return places{db}, nil
}

// Places are databases that an engine runs as a source, although they have no decisions.
type places struct{ *geo.DB }

func (places) Name() string { return "geoip" }
func (places) Kind() string { return "mmdb" }

// Run implements [engine.Source].
func (p places) Run(ctx context.Context, _ *lookup.Table) error { return p.DB.Run(ctx) }

// Interface guards
var (
	_ guest.Source          = (*GeoIP)(nil)
	_ caddyfile.Unmarshaler = (*GeoIP)(nil)
	_ guest.Locator         = places{}
)
