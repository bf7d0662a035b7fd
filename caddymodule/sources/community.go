package sources

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/community/member"
	"github.com/tocsin-project/tocsin/lapi"
	"go.uber.org/zap"
)

// Community is a community that this server is a member of: it follows the list on which many
// sites agree. With the option report it also reports what it sees, with the least data.
// Placeholders are replaced in all strings when the config is loaded.
type Community struct {
	// Name of the source in logs, status and {http.tocsin.source}; unique. Default:
	// community, and community2, community3 and so on for those after the first.
	Name string `json:"name,omitempty"`

	// Where the community is, such as https://blocklist.example.org. Required.
	URL string `json:"url,omitempty" option:"-"`

	// The key of this server, or file:PATH. Default: for the first community, the file that
	// tocsin community join writes, tocsin/community.key in Caddy's data folder.
	Key string `json:"key,omitempty" option:"-"`

	// The time from one poll to the next. Default: 1m.
	Interval caddy.Duration `json:"interval,omitempty" option:"min=1s"`

	// Optional lists to follow besides the main one: tor, scanners. Default: none.
	Lists []string `json:"lists,omitempty" option:"tor|scanners"`

	// Whether the community is told of addresses that it asks about and that solved a
	// challenge or logged in here: "on" or "off". Default: on if this community gets reports.
	Witness string `json:"witness,omitempty" option:"on|off"`

	// File with the certificates of authorities to trust instead of the system's, in PEM.
	// Default: the system's.
	TLSCA string `json:"tls_ca,omitempty" option:"-"`

	// Allow plain http to another host. Anybody on the way can then read the key and change
	// the list. Default: false.
	PlainHTTP bool `json:"plain_http,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Community) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Sources + ".community", New: func() caddy.Module { return new(Community) }}
}

// UnmarshalCaddyfile sets up the community:
//
//	community <url> [<key>] {
//	    name     <name>
//	    interval <duration>
//	    lists    tor|scanners...
//	    witness  on|off
//	    tls      <ca>
//	    plain_http
//	}
func (c *Community) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	args := d.RemainingArgs()
	if len(args) < 1 || len(args) > 2 {
		return d.Errf("%s: want a URL and a key, got %d arguments", name, len(args))
	}
	c.URL = args[0]
	if len(args) == 2 {
		c.Key = args[1]
	}
	return option.Read(d, name, c, option.Block{"tls": {Parse: option.Word(&c.TLSCA)}})
}

// keyFile is where tocsin community join puts the key.
func keyFile() string { return filepath.Join(caddy.AppDataDir(), "tocsin", "community.key") }

// Resolve implements [guest.Source].
func (c *Community) Resolve(repl *caddy.Replacer, nth int) error {
	if err := option.Replace(repl, c); err != nil {
		return err
	}
	if err := option.Check(c); err != nil {
		return err
	}
	if c.Name == "" {
		c.Name = "community"
		if nth > 0 {
			c.Name += strconv.Itoa(nth + 1)
		}
	}
	if c.Key == "" {
		if nth > 0 {
			return errors.New("key: the default file is for the first community only: want a key or file:PATH")
		}
		c.Key = "file:" + keyFile()
	}
	var err error
	if c.Key, err = option.Secret(c.Key); err != nil {
		return fmt.Errorf("key: %w: `tocsin community join URL INVITATION` makes one", err)
	}
	return nil
}

// Files implements [guest.Files].
func (c *Community) Files() []guest.File {
	if c.TLSCA == "" {
		return nil
	}
	return []guest.File{{Option: "tls", Path: c.TLSCA}}
}

// Open implements [guest.Source].
func (c *Community) Open(env guest.Env) (guest.Opened, error) {
	cfg := member.Config{
		Name: c.Name, URL: c.URL, Key: c.Key, Interval: time.Duration(c.Interval), Lists: c.Lists,
		CA: c.TLSCA, Plain: c.PlainHTTP, Agent: "tocsin/" + lapi.Version, Logger: env.Logger,
	}
	witness := c.Witness == "on" || c.Witness == "" && slices.Contains(env.Report, c.Name)
	if witness {
		cfg.Witness = env.Witness
	}
	m, err := member.New(cfg)
	if err != nil {
		return nil, err
	}
	return joined{m, witness}, nil
}

// A joined is a membership.
type joined struct {
	*member.Client
	witness bool
}

func (joined) Kind() string { return "community" }

// CanReport implements [guest.Reporter].
func (joined) CanReport() error { return nil }

// Witnesses implements [guest.Witness].
func (j joined) Witnesses() bool { return j.witness }

// Captchas implements [guest.Captchas]: addresses about which a community is not sure are
// challenged.
func (j joined) Captchas() []string { return []string{j.Name()} }

// Explain implements [guest.Explainer].
func (j joined) Explain(ip netip.Addr) (by, link string) { return j.Client.Explain(ip) }

// Membership implements [guest.Communal].
func (j joined) Membership() guest.Membership {
	name, _ := j.Client.Explain(netip.Addr{})
	m := guest.Membership{Community: name, Notices: j.Notices()}
	if s, known := j.Standing(); known {
		m.State, m.Trust, m.Why = s.State, s.Trust, s.Why
		m.Established, m.Reports, m.Confirmed, m.Own = s.Established, s.Reports, s.Confirmed, s.Own
	}
	return m
}

// Warn implements [guest.Warner].
func (j joined) Warn(c guest.Config, warn func(text string, fields ...zap.Field)) {
	if !slices.Contains(c.Report, j.Name()) {
		warn("this server takes the list of the community " + j.Name() + " and reports nothing to it: " +
			"write report " + j.Name() + " to be a member in full")
	}
}

// Interface guards
var (
	_ guest.Source          = (*Community)(nil)
	_ guest.Files           = (*Community)(nil)
	_ caddyfile.Unmarshaler = (*Community)(nil)
	_ guest.Reporter        = joined{}
	_ guest.Witness         = joined{}
	_ guest.Explainer       = joined{}
	_ guest.Communal        = joined{}
	_ guest.Warner          = joined{}
)
