package caddymodule

import (
	"encoding/json"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// actions are the words for the actions of decisions.
var actions = []string{"ban", "captcha", "throttle"}

// parseGlobalOption sets up the app from the global option tocsin; see
// [App.UnmarshalCaddyfile].
func parseGlobalOption(d *caddyfile.Dispenser, earlier any) (any, error) {
	if earlier != nil {
		d.Next()
		return nil, d.Err("tocsin: the global option is given twice: want one block with all options")
	}
	a := new(App)
	d.Next()
	segment := d.NextSegment()
	if err := a.UnmarshalCaddyfile(caddyfile.NewDispenser(segment)); err != nil {
		return nil, err
	}
	a.Lines = option.LinesOf(segment, "scenario")
	return httpcaddyfile.App{Name: appID, Value: caddyconfig.JSON(a, nil)}, nil
}

// parseDirective sets up the handler from the directive tocsin; see
// [Handler.UnmarshalCaddyfile].
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	h.Next()
	segment := h.NextSegment()
	if err := handler.UnmarshalCaddyfile(caddyfile.NewDispenser(segment)); err != nil {
		return nil, err
	}
	handler.Lines = option.LinesOf(segment)
	return handler, nil
}

// UnmarshalCaddyfile sets up the app:
//
//	tocsin {
//	    <source> …
//	    allow    private_ranges|<address>|<range>|<path>|<url>...
//	    snapshot <path>|off
//	    challenge pow|off|<provider> [<site key> <secret key>] { … }
//	    <inspector> …
//	    detect   builtin|off|<path>... { … }
//	    scenario <name> { … }
//	    local    ban|captcha <duration> { … }
//	    report   <name of lapi or community...> {
//	        context query|host...
//	    }
//	    crawlers on|off { … }
//	    contact  <url>|<mail address>
//	    accent   <colour>
//	    frame_ancestors <origin...>
//	    startup  open|closed
//	    established end|keep
//	    fallback ban|captcha|throttle
//	    log_ip   full|masked|off
//	    nat64    <prefix...>
//	}
//
// A source is the name of a module in the namespace tocsin.sources: lapi, community,
// blocklist, geoip, or another one. The module parses the rest of its line and its block.
//
// An inspector is likewise a module in the namespace tocsin.inspectors, such as waf or
// appsec.
//
// Sources, inspectors and scenario may be repeated. For the meaning and the default of
// each see [App], [Challenge], [Detect], [Scenario] and [Local]; the options in the
// blocks of challenge, detect, scenario and local are listed with [App.parseChallenge],
// [App.parseDetect], [App.parseScenario], [App.parseLocal] and [App.parseCrawlers].
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tocsin
	if err := option.Exact(d, appID); err != nil {
		return err
	}
	more := option.Block{
		"challenge": {Parse: a.parseChallenge},
		"detect":    {Parse: a.parseDetect},
		"scenario":  {Parse: a.parseScenario, Repeatable: true},
		"local":     {Parse: a.parseLocal},
		"crawlers":  {Parse: a.parseCrawlers},
		"report":    {Parse: a.parseReport},
		"accent":    {Parse: colour(&a.Accent)},
	}
	addGuests(more, guest.Sources, "source", &a.SourcesRaw, true)
	addGuests(more, guest.Inspectors, "inspector", &a.InspectorsRaw, false)
	return option.Read(d, appID, a, more)
}

// addGuests adds the modules of a namespace to the options of the app. Their JSON is
// appended to to, with the name of the module under key.
func addGuests(all option.Block, namespace, key string, to *[]json.RawMessage, repeatable bool) {
	for _, m := range caddy.GetModules(namespace) {
		parse := func(d *caddyfile.Dispenser, _ string) error {
			g, err := caddyfile.UnmarshalModule(d, string(m.ID))
			if err == nil {
				*to = append(*to, caddyconfig.JSONModuleObject(g, key, m.ID.Name(), nil))
			}
			return err
		}
		all[m.ID.Name()] = option.Option{Parse: parse, Repeatable: repeatable}
	}
}

// UnmarshalCaddyfile sets up the handler:
//
//	tocsin [<matcher>] {
//	    dry_run
//	    page      <file>
//	    title     <text>
//	    contact   <url>|<mail address>
//	    accent    <colour>
//	    frame_ancestors <origin...>
//	    challenge off
//	    detect    off
//	    appsec    off
//	    waf       off|observe|on
//	    established end|keep
//	    allow private_ranges|<address>|<range>|<path>|<url>...
//	}
//
// For the meaning and the default of each see [Handler].
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tocsin
	if err := option.Exact(d, appID); err != nil {
		return err
	}
	return option.Read(d, appID, h, option.Block{"accent": {Parse: colour(&h.Accent)}})
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*App)(nil)
	_ caddyfile.Unmarshaler = (*Handler)(nil)
)
