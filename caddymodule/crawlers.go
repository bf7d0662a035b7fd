package caddymodule

import (
	"fmt"
	"maps"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/crawlers"
	"github.com/tocsin-project/tocsin/engine"
	"go.uber.org/zap"
)

// Crawlers says how search engines are distinguished from clients that only claim to be
// one.
type Crawlers struct {
	// Whether crawlers are never verified, so that no DNS server is asked. Default:
	// false: if an alert is about a client that claims to be a known crawler, DNS
	// verifies it in both directions.
	Off bool `json:"off,omitempty"`

	// Files with addresses, by the name of the crawler: as its operator publishes them,
	// or with one address or range on each line. Placeholders are replaced. Default:
	// none.
	Lists map[string]string `json:"lists,omitempty"`
}

func (c *Crawlers) resolve(repl *caddy.Replacer) error {
	lists := maps.Clone(c.Lists)
	for name, path := range lists {
		path, err := repl.ReplaceOrErr(path, true, true)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if lists[name], err = filepath.Abs(path); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	c.Lists = lists
	return nil
}

// verifier returns the verifier, or nil if it is off.
func (c Crawlers) verifier(bits func() (v4, v6 int), l *zap.Logger) (engine.Verifier, error) {
	if c.Off {
		return nil, nil
	}
	return crawlers.New(crawlers.Config{Files: c.Lists, Logger: l, LogBits: bits})
}

// parseCrawlers sets up the verification of crawlers:
//
//	crawlers on|off {
//	    list <crawler> <file>
//	}
//
// list may be given any number of times.
func (a *App) parseCrawlers(d *caddyfile.Dispenser, name string) error {
	var word string
	if err := option.OneOf(&word, "on", "off")(d, name); err != nil {
		return err
	}
	a.Crawlers.Off = word == "off"
	return option.Block{
		"list": {Repeatable: true, Parse: func(d *caddyfile.Dispenser, name string) error {
			var bot, file string
			if err := option.Pair("a crawler and a file", &bot, &file)(d, name); err != nil {
				return err
			}
			if a.Crawlers.Lists == nil {
				a.Crawlers.Lists = make(map[string]string)
			}
			if _, twice := a.Crawlers.Lists[bot]; twice {
				return d.Errf("%s: %s: given twice", name, bot)
			}
			a.Crawlers.Lists[bot] = file
			return nil
		}},
	}.Parse(d, name)
}
