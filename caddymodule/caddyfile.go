package caddymodule

import (
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// actions are the words for what a decision asks for.
var actions = []string{"ban", "captcha", "throttle"}

// parseGlobalOption sets up the app from the global option tocsin; see
// [App.UnmarshalCaddyfile].
func parseGlobalOption(d *caddyfile.Dispenser, earlier any) (any, error) {
	if earlier != nil {
		d.Next()
		return nil, d.Err("tocsin: the global option is given twice")
	}
	a := new(App)
	if err := a.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: appID, Value: caddyconfig.JSON(a, nil)}, nil
}

// parseDirective sets up the handler from the directive tocsin; see
// [Handler.UnmarshalCaddyfile].
func parseDirective(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	return handler, handler.UnmarshalCaddyfile(h.Dispenser)
}

// UnmarshalCaddyfile sets up the app:
//
//	tocsin {
//	    lapi <url> [<key>] {
//	        name     <name>
//	        mode     stream|live
//	        interval <duration>
//	        cache    <duration>
//	        timeout  <duration>
//	        failure  open|ban|captcha
//	        scopes   <scope...>
//	        origins  <origin...>
//	        scenarios_containing     <word...>
//	        scenarios_not_containing <word...>
//	        coverage <share>%
//	        machine  <name> <password>
//	        machine_tls <cert> <key>
//	        register [<token>]
//	        metrics  <duration>|off
//	        tls      <cert> <key> [<ca>]
//	        tls      <ca>
//	    }
//	    blocklist <path>|<url> {
//	        name     <name>
//	        action   ban|captcha|throttle
//	        duration <duration>
//	        private  on|off
//	        coverage <share>%
//	        interval <duration>
//	        user     <name> <password>
//	        key      <key>
//	        page_size <lines>
//	    }
//	    geoip    <path...>
//	    allow    private_ranges|<address>|<range>|<path>|<url>...
//	    snapshot <path>|off
//	    challenge pow|off|<provider> [<site key> <secret key>] { … }
//	    appsec   <url> [<key>] { … }
//	    detect   builtin|off|<path>... { … }
//	    scenario <name> { … }
//	    local    ban|captcha <duration> { … }
//	    report   <name of lapi...> {
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
// lapi, blocklist and scenario may be given any number of times. For the meaning
// and the default of each see [App], [LAPI], [Blocklist], [Challenge], [AppSec],
// [Detect], [Scenario] and [Local]; the options in the blocks of challenge, appsec,
// detect, scenario and local are listed with [App.parseChallenge],
// [App.parseAppSec], [App.parseDetect], [App.parseScenario], [App.parseLocal] and
// [App.parseCrawlers].
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tocsin
	if err := exact(d, appID); err != nil {
		return err
	}
	return options{
		"lapi":            {parse: a.parseLAPI, repeatable: true},
		"blocklist":       {parse: a.parseBlocklist, repeatable: true},
		"geoip":           {parse: words(&a.GeoIP)},
		"allow":           {parse: words(&a.Allow)},
		"nat64":           {parse: words(&a.NAT64)},
		"challenge":       {parse: a.parseChallenge},
		"appsec":          {parse: a.parseAppSec},
		"detect":          {parse: a.parseDetect},
		"scenario":        {parse: a.parseScenario, repeatable: true},
		"local":           {parse: a.parseLocal},
		"crawlers":        {parse: a.parseCrawlers},
		"report":          {parse: a.parseReport},
		"contact":         {parse: word(&a.Contact)},
		"accent":          {parse: colour(&a.Accent)},
		"frame_ancestors": {parse: joined(&a.FrameAncestors)},
		"log_ip":          {parse: oneOf(&a.LogIP, "full", "masked", "off")},
		"snapshot":        {parse: word(&a.Snapshot)},
		"startup":         {parse: oneOf(&a.Startup, startupOpen, startupClosed)},
		"fallback":        {parse: oneOf(&a.Fallback, actions...)},
		"established":     {parse: oneOf(&a.Established, establishedEnd, establishedKeep)},
	}.parse(d, appID)
}

func (a *App) parseLAPI(d *caddyfile.Dispenser, name string) error {
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("%s: want a URL and a key, got %d arguments", name, len(args))
	}
	l := LAPI{URL: args[0]}
	if len(args) == 2 {
		l.Key = args[1]
	}
	err := options{
		"name":                     {parse: word(&l.Name)},
		"mode":                     {parse: oneOf(&l.Mode, modeStream, modeLive)},
		"interval":                 {parse: duration(&l.Interval)},
		"cache":                    {parse: duration(&l.Cache)},
		"timeout":                  {parse: duration(&l.Timeout)},
		"failure":                  {parse: oneOf(&l.Failure, failureOpen, "ban", "captcha")},
		"scopes":                   {parse: words(&l.Scopes)},
		"origins":                  {parse: words(&l.Origins)},
		"scenarios_containing":     {parse: words(&l.ScenariosContaining)},
		"scenarios_not_containing": {parse: words(&l.ScenariosNotContaining)},
		"coverage":                 {parse: percent(&l.Coverage)},
		"machine":                  {parse: credentials(&l.Machine, &l.Password)},
		"machine_tls":              {parse: l.parseMachineTLS},
		"register":                 {parse: l.parseRegister},
		"metrics":                  {parse: durationOrOff(&l.Metrics)},
		"tls":                      {parse: certificates(&l.TLSCert, &l.TLSKey, &l.TLSCA)},
	}.parse(d, name)
	a.LAPI = append(a.LAPI, l)
	return err
}

func (l *LAPI) parseMachineTLS(d *caddyfile.Dispenser, name string) error {
	return pair(d, name, "a certificate and its key", &l.MachineTLSCert, &l.MachineTLSKey)
}

func (l *LAPI) parseRegister(d *caddyfile.Dispenser, name string) error {
	l.Register = true
	switch args := d.RemainingArgs(); len(args) {
	case 0:
	case 1:
		l.RegistrationToken = args[0]
	default:
		return d.Errf("%s: want a token at most, got %d arguments", name, len(args))
	}
	return nil
}

func (a *App) parseBlocklist(d *caddyfile.Dispenser, name string) error {
	var b Blocklist
	if err := exact(d, name, &b.Path); err != nil {
		return err
	}
	err := options{
		"name":      {parse: word(&b.Name)},
		"action":    {parse: oneOf(&b.Action, actions...)},
		"duration":  {parse: duration(&b.Duration)},
		"coverage":  {parse: percent(&b.Coverage)},
		"private":   {parse: onOff(&b.Private)},
		"interval":  {parse: duration(&b.Interval)},
		"user":      {parse: credentials(&b.User, &b.Password)},
		"key":       {parse: word(&b.Key)},
		"page_size": {parse: number(&b.PageSize)},
	}.parse(d, name)
	a.Blocklists = append(a.Blocklists, b)
	return err
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
//	    established end|keep
//	    allow private_ranges|<address>|<range>|<path>|<url>...
//	}
//
// For the meaning and the default of each see [Handler].
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // tocsin
	if err := exact(d, appID); err != nil {
		return err
	}
	return options{
		"dry_run":         {parse: present(&h.DryRun)},
		"page":            {parse: word(&h.Page)},
		"title":           {parse: word(&h.Title)},
		"contact":         {parse: word(&h.Contact)},
		"accent":          {parse: colour(&h.Accent)},
		"frame_ancestors": {parse: joined(&h.FrameAncestors)},
		"challenge":       {parse: oneOf(&h.Challenge, challengeOff)},
		"detect":          {parse: oneOf(&h.Detect, rulesOff)},
		"appsec":          {parse: oneOf(&h.AppSec, appsecOff)},
		"allow":           {parse: words(&h.Allow)},
		"established":     {parse: oneOf(&h.Established, establishedEnd, establishedKeep)},
	}.parse(d, appID)
}

// UnmarshalCaddyfile sets up the matcher:
//
//	tocsin [ban] [captcha] [throttle]
//
// Without arguments it matches whatever the decision asks for.
func (m *Matcher) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	const matcherName = "matcher tocsin"
	for d.Next() {
		for d.NextArg() {
			var action string
			if err := choose(d, matcherName, &action, d.Val(), actions...); err != nil {
				return err
			}
			m.Actions = append(m.Actions, action)
		}
		if err := (options{}).parse(d, matcherName); err != nil {
			return err
		}
	}
	return nil
}

// Interface guards
var (
	_ caddyfile.Unmarshaler = (*App)(nil)
	_ caddyfile.Unmarshaler = (*Handler)(nil)
	_ caddyfile.Unmarshaler = (*Matcher)(nil)
)
