package caddymodule

import (
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// parseChallenge sets up the challenge:
//
//	challenge off
//	challenge <provider> … {
//	    secret      <secret>
//	    old_secrets <secret...>
//	    level       low|medium|high
//	    ttl         <duration>
//	    raise       <number>|off
//	    bar         <number>|off
//	    hosts       <name...>
//	    nojs        wait <duration>
//	    page        <file>
//	    title       <text>
//	}
//
// A provider is the name of a module in the namespace tocsin.challenges. It defines the
// arguments in its line, and further options. For the meaning and the default of each
// see [Challenge].
func (a *App) parseChallenge(d *caddyfile.Dispenser, name string) error {
	c := new(Challenge)
	a.Challenge = c
	more := option.Block{"nojs": {Parse: c.parseNoJS}}
	if !d.NextArg() {
		return d.Errf("%s: want one of %s", name, strings.Join(challengeNames(), ", "))
	}
	word := d.Val()
	if word == challengeOff {
		c.Off = true
		if err := option.Exact(d, name+": "+word); err != nil {
			return err
		}
		return option.Read(d, name, c, more)
	}
	p, err := parseProvider(d, name)
	if err != nil {
		return err
	}
	maps.Copy(more, option.Of(p, nil))
	if err := option.Read(d, name, c, more); err != nil {
		return err
	}
	c.ProviderRaw = caddyconfig.JSONModuleObject(p, "name", word, nil)
	return nil
}

// parseProvider returns the provider named by the word at d, configured by the rest of
// its line.
func parseProvider(d *caddyfile.Dispenser, name string) (caddyfile.Unmarshaler, error) {
	word := d.Val()
	info, err := caddy.GetModule(guest.Challenges + "." + word)
	if err != nil {
		return nil, d.Errf("%s: %q: want one of %s", name, word, strings.Join(challengeNames(), ", "))
	}
	p, ok := info.New().(caddyfile.Unmarshaler)
	if !ok {
		return nil, d.Errf("%s: %s cannot be configured in a Caddyfile: use JSON", name, word)
	}
	line := []caddyfile.Token{d.Token()}
	for d.NextArg() {
		line = append(line, d.Token())
	}
	return p, p.UnmarshalCaddyfile(caddyfile.NewDispenser(line))
}

// challengeNames returns the valid first arguments of challenge.
func challengeNames() []string {
	all := []string{challengeOff}
	for _, m := range caddy.GetModules(guest.Challenges) {
		all = append(all, m.ID.Name())
	}
	return slices.Sorted(slices.Values(all))
}

func (c *Challenge) parseNoJS(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if len(args) != 2 || args[0] != "wait" {
		return d.Errf("%s: want wait and a duration", name)
	}
	v, err := option.ParseDuration(args[1])
	if err != nil {
		return d.Errf("%s: %v", name, err)
	}
	c.Wait = caddy.Duration(v)
	return nil
}
