package sources

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/option"
)

// UnmarshalCaddyfile sets up the Local API:
//
//	lapi <url> [<key>] {
//	    name     <name>
//	    mode     stream|live
//	    interval <duration>
//	    cache    <duration>
//	    timeout  <duration>
//	    failure  open|ban|captcha
//	    scopes   <scope...>
//	    origins  <origin...>
//	    scenarios_containing     <word...>
//	    scenarios_not_containing <word...>
//	    coverage <share>%
//	    machine  <name> <password>
//	    machine_tls <cert> <key>
//	    register [<token>]
//	    metrics  <duration>|off
//	    tls      <cert> <key> [<ca>]
//	    tls      <ca>
//	}
func (l *LAPI) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("%s: want a URL and a key, got %d arguments", name, len(args))
	}
	l.URL = args[0]
	if len(args) == 2 {
		l.Key = args[1]
	}
	return option.Read(d, name, l, option.Block{
		"machine":     {Parse: option.Pair("a name and a password", &l.Machine, &l.Password)},
		"machine_tls": {Parse: option.Pair("a certificate and its key", &l.MachineTLSCert, &l.MachineTLSKey)},
		"register":    {Parse: l.parseRegister},
		"metrics":     {Parse: option.DurationOrOff(&l.Metrics)},
		"tls":         {Parse: option.Certificates(&l.TLSCert, &l.TLSKey, &l.TLSCA)},
	})
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

// Interface guards
var _ caddyfile.Unmarshaler = (*LAPI)(nil)
