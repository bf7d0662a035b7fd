package sources

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
)

// Blocklist is a text with an address or a range on each line, or a JSON array of
// them, in a file or at a URL, plain or compressed with gzip. Ranges have the form
// 192.0.2.0/24, 192.0.2.0/255.255.255.0 or 192.0.2.1-192.0.2.9. A # or ; starts a
// comment. Placeholders are replaced in all strings.
type Blocklist struct {
	// The file, or the URL with http:// or https://. A file is read again when
	// it changes. Required.
	Path string `json:"path,omitempty" option:"-"`

	// Name of the source in logs, status and {http.tocsin.source}; unique.
	// Default: "list:" and the base name; for a URL, its host before that.
	Name string `json:"name,omitempty"`

	// The action against listed clients: ban, captcha or throttle. Default: ban.
	Action string `json:"action,omitempty" option:"ban|captcha|throttle"`

	// How long an entry holds once the list can no longer be read. Default: no end.
	Duration caddy.Duration `json:"duration,omitempty"`

	// Accept private and other special ranges too. Default: false, they are skipped.
	Private bool `json:"private,omitempty" option:"onoff"`

	// The share of all addresses that the list may cover, counted apart for IPv4 and IPv6.
	// The widest ranges beyond that are not enforced, nor those that add more than a fifth
	// of this share at once. Default: 0.05; 1 sets no limit.
	Coverage float64 `json:"coverage,omitempty" option:"percent"`

	// How often to fetch the URL, at least 1m. Default: 1h. For URLs.
	Interval caddy.Duration `json:"interval,omitempty"`

	// User name for HTTP Basic authentication. Default: none. For URLs.
	User string `json:"user,omitempty" option:"-"`

	// Password for it, or file:PATH.
	Password string `json:"password,omitempty" option:"-"`

	// Key that is sent as X-Api-Key, or file:PATH. Default: none. For URLs.
	Key string `json:"key,omitempty"`

	// How many lines to fetch at a time, with the parameters page and page_size of
	// CrowdSec's integrations. Default: the whole list at once. For URLs.
	PageSize int `json:"page_size,omitempty"`

	nth int // see Resolve
}

// CaddyModule returns the Caddy module information.
func (Blocklist) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Sources + ".blocklist", New: func() caddy.Module { return new(Blocklist) }}
}

// UnmarshalCaddyfile sets up the list:
//
//	blocklist <path>|<url> {
//	    name      <name>
//	    action    ban|captcha|throttle
//	    duration  <duration>
//	    private   on|off
//	    coverage  <share>%
//	    interval  <duration>
//	    user      <name> <password>
//	    key       <key>
//	    page_size <lines>
//	}
func (b *Blocklist) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	if err := option.Exact(d, name, &b.Path); err != nil {
		return err
	}
	return option.Read(d, name, b, option.Block{
		"user": {Parse: option.Pair("a name and a password", &b.User, &b.Password)},
	})
}

// Resolve implements [guest.Source].
func (b *Blocklist) Resolve(repl *caddy.Replacer, nth int) error {
	b.nth = nth
	if err := option.Replace(repl, b); err != nil {
		return err
	}
	if b.Path == "" {
		return errors.New("path is required")
	}
	if _, err := lists.IsURL(b.Path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if err := option.Check(b); err != nil {
		return err
	}
	if b.Action == "" {
		b.Action = lookup.Ban.String()
	}
	var err error
	if b.Password, err = option.Secret(b.Password); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	if b.Key, err = option.Secret(b.Key); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if b.isURL() {
		return nil
	}
	if b.Interval != 0 || b.User != "" || b.Password != "" || b.Key != "" || b.PageSize != 0 {
		return errors.New("interval, user, password, key and page_size are for URLs: a file is read when it changes")
	}
	b.Path, err = filepath.Abs(b.Path)
	return err
}

func (b *Blocklist) isURL() bool {
	isURL, _ := lists.IsURL(b.Path) // Resolve has refused other schemes
	return isURL
}

// Open implements [guest.Source].
func (b *Blocklist) Open(env guest.Env) (guest.Opened, error) {
	action, err := lookup.ParseAction(b.Action)
	if err != nil {
		return nil, fmt.Errorf("blocklist %s: action: %w", b.Path, err)
	}
	if !b.isURL() {
		f, err := lists.NewFile(lists.FileConfig{
			Path: b.Path, Name: b.Name, Action: action, Duration: time.Duration(b.Duration), Private: b.Private, Coverage: b.Coverage, Logger: env.Logger,
		})
		return fileList{f, b}, err
	}
	u, err := lists.NewURL(lists.URLConfig{
		URL: b.Path, Name: b.Name, Action: action, Duration: time.Duration(b.Duration), Private: b.Private, Coverage: b.Coverage,
		User: b.User, Password: b.Password, Key: b.Key,
		Interval: time.Duration(b.Interval), PageSize: b.PageSize, Logger: env.Logger,
	})
	return urlList{u, b}, err
}

// captchas returns the options that demand captchas.
func (b *Blocklist) captchas() []string { return captchas(numbered("blocklist", b.nth), b.Action) }

// A fileList is a list in a file.
type fileList struct {
	*lists.File
	config *Blocklist
}

func (fileList) Kind() string         { return "file" }
func (l fileList) Captchas() []string { return l.config.captchas() }

// A urlList is a list on a server.
type urlList struct {
	*lists.URL
	config *Blocklist
}

func (urlList) Kind() string         { return "url" }
func (l urlList) Captchas() []string { return l.config.captchas() }

// Interface guards
var (
	_ guest.Source          = (*Blocklist)(nil)
	_ caddyfile.Unmarshaler = (*Blocklist)(nil)
	_ guest.Captchas        = fileList{}
	_ guest.Captchas        = urlList{}
)
