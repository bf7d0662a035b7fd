package inspectors

import (
	"errors"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lookup"
)

// pass is the value of AppSec.BodyOver and AppSec.Overload that lets requests pass.
const pass = "pass"

// AppSec is the AppSec component of CrowdSec 1.6.0 or later, which inspects requests before
// the site sees them. Placeholders are replaced in all of its strings when the config is
// loaded.
type AppSec struct {
	// Where it listens, such as http://127.0.0.1:7422 or
	// unix:///run/crowdsec-appsec.sock. Required.
	URL string `json:"url,omitempty" option:"-"`

	// Key of a bouncer, or file:PATH. Default: that of the first lapi that has one.
	Key string `json:"key,omitempty" option:"-"`

	// How long a request waits for the answer. It grows by 100 ms for each KiB of the
	// body, and of the header beyond 1 KiB. Default: 200ms.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The longest wait, for a large request or while AppSec answers other requests.
	// Default: 10s, or timeout if that is longer.
	MaxTimeout caddy.Duration `json:"max_timeout,omitempty"`

	// How many requests AppSec inspects at the same time: the value of routines in its
	// acquisition. Default: 1, CrowdSec's default.
	Routines int `json:"routines,omitempty"`

	// What happens to a request that AppSec does not inspect in time because it is large,
	// because other requests of its network are before it, or because AppSec is busy with
	// other clients; and to one that AppSec fails at while it answers others: "ban"
	// refuses it with 503, "pass" lets it pass. Default: ban.
	Overload string `json:"overload,omitempty" option:"ban|pass"`

	// The highest version of HTTP that AppSec gets, 1.1, 2 or 3; a higher version is
	// reported as this. Default: 2, because the Core Rule Set 4.0.0-rc1 refuses HTTP/3.
	MaxHTTPVersion string `json:"max_http_version,omitempty" option:"1.1|2|3"`

	// How long a page of CrowdSec's bot detection, below /crowdsec-internal/challenge/,
	// may take. Default: 5s.
	ChallengeTimeout caddy.Duration `json:"challenge_timeout,omitempty"`

	// What happens to a request without an answer in an outage: "open" lets it pass,
	// "ban" and "captcha" are such decisions. Default: open.
	Failure string `json:"failure,omitempty" option:"open|ban|captcha"`

	// The action for an unknown action in an answer: ban or captcha. Default: ban.
	Fallback string `json:"fallback,omitempty" option:"ban|captcha"`

	// How many bytes of a body are inspected, up to 64 MiB. Default: 1 MiB.
	BodyLimit int `json:"body_limit,omitempty" option:"size"`

	// How long a client may take to send that part of a body. Default: 10s.
	BodyTimeout caddy.Duration `json:"body_timeout,omitempty"`

	// Memory for the bodies of all requests in progress, in bytes. One network, a /24 or
	// a /40 of IPv6, may use an eighth of it. Default: 256 MiB.
	BodyMemory int `json:"body_memory,omitempty" option:"size"`

	// What happens to a request whose body cannot be inspected completely: "pass" or "ban".
	// Default: pass, and only the start of the body is inspected.
	BodyOver string `json:"body_over,omitempty" option:"pass|ban"`

	// How many requests AppSec gets at once. Default: 256.
	Connections int `json:"connections,omitempty"`

	// Whether every request waits for an AppSec that hangs, instead of only one at a
	// time. Default: false.
	KeepAsking bool `json:"keep_asking,omitempty"`

	// Whether to speak HTTP/2 without TLS. Default: false.
	H2C bool `json:"h2c,omitempty"`

	// File with a client certificate, in PEM. Default: none.
	TLSCert string `json:"tls_cert,omitempty" option:"-"`

	// File with its private key, in PEM. Default: none.
	TLSKey string `json:"tls_key,omitempty" option:"-"`

	// File with the certificates of authorities to trust instead of the system's,
	// in PEM. Default: the system's.
	TLSCA string `json:"tls_ca,omitempty" option:"-"`
}

// CaddyModule returns the Caddy module information.
func (AppSec) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Inspectors + ".appsec", New: func() caddy.Module { return new(AppSec) }}
}

// UnmarshalCaddyfile sets up AppSec:
//
//	appsec <url> [<key>] {
//	    timeout           <duration>
//	    max_timeout       <duration>
//	    routines          <number>
//	    overload          ban|pass
//	    max_http_version  1.1|2|3
//	    challenge_timeout <duration>
//	    failure           open|ban|captcha
//	    fallback          ban|captcha
//	    body_limit        <size>
//	    body_timeout      <duration>
//	    body_memory       <size>
//	    body_over         pass|ban
//	    connections       <number>
//	    keep_asking
//	    h2c
//	    tls               <cert> <key> [<ca>]
//	    tls               <ca>
//	}
func (s *AppSec) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	switch args := d.RemainingArgs(); len(args) {
	case 2:
		s.Key = args[1]
		fallthrough
	case 1:
		s.URL = args[0]
	default:
		return d.Errf("%s: want a URL and perhaps a key, got %d arguments", name, len(args))
	}
	return option.Read(d, name, s, option.Block{
		"tls": {Parse: option.Certificates(&s.TLSCert, &s.TLSKey, &s.TLSCA)},
	})
}

// Resolve implements [guest.Inspector]. Without a key it takes the key of the first
// source that has one.
func (s *AppSec) Resolve(repl *caddy.Replacer, sources []guest.Opened) error {
	if s.URL == "" {
		return errors.New("url is required")
	}
	err := option.Replace(repl, s)
	if err != nil {
		return err
	}
	if s.Key, err = option.Secret(s.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	for _, o := range sources {
		if k, ok := o.(guest.Keyed); ok && s.Key == "" {
			s.Key = k.Key()
		}
	}
	return option.Check(s)
}

// Files implements [guest.Files]: the authorities are read only once.
func (s *AppSec) Files() []guest.File {
	if s.TLSCA == "" {
		return nil
	}
	return []guest.File{{Option: "tls", Path: s.TLSCA}}
}

// config returns the config of s, which is resolved.
func (s *AppSec) config() (cfg appsec.Config, err error) {
	cfg = appsec.Config{
		URL: s.URL, Key: s.Key, Timeout: time.Duration(s.Timeout), ChallengeTimeout: time.Duration(s.ChallengeTimeout),
		BodyLimit: s.BodyLimit, BodyTimeout: time.Duration(s.BodyTimeout), BodyMemory: int64(s.BodyMemory),
		MaxInFlight: s.Connections, KeepAsking: s.KeepAsking, H2C: s.H2C,
		MaxTimeout: time.Duration(s.MaxTimeout), Routines: s.Routines, PassOverload: s.Overload == pass,
		TLS: appsec.TLS{Cert: s.TLSCert, KeyFile: s.TLSKey, CA: s.TLSCA},
	}
	if s.BodyOver != "" && s.BodyOver != pass {
		if cfg.BodyOver, err = lookup.ParseAction(s.BodyOver); err != nil {
			return cfg, fmt.Errorf("body_over: %w", err)
		}
	}
	if s.Fallback != "" {
		if cfg.Fallback, err = lookup.ParseAction(s.Fallback); err != nil {
			return cfg, fmt.Errorf("fallback: %w", err)
		}
	}
	if s.MaxHTTPVersion != "" {
		if cfg.MaxHTTPVersion, err = appsec.ParseHTTPVersion(s.MaxHTTPVersion); err != nil {
			return cfg, fmt.Errorf("max_http_version: %w", err)
		}
	}
	if cfg.OnFailure, err = guest.ParseFailure(s.Failure); err != nil {
		return cfg, fmt.Errorf("failure: %w", err)
	}
	return cfg, nil
}

// Interface guards
var (
	_ guest.Inspector       = (*AppSec)(nil)
	_ guest.Files           = (*AppSec)(nil)
	_ caddyfile.Unmarshaler = (*AppSec)(nil)
)
