package caddymodule

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
)

// Blocklist is a text with an address or a range on each line, or a JSON array of
// them, in a file or on a server, as it is or packed with gzip. Ranges are written as
// 192.0.2.0/24, 192.0.2.0/255.255.255.0 or 192.0.2.1-192.0.2.9. What follows # or ;
// is a comment. Placeholders are replaced in all strings.
type Blocklist struct {
	// The file, or the URL with http:// or https://. A file is read again when
	// it changes. Required.
	Path string `json:"path,omitempty"`

	// Name of the source in logs, status and {http.tocsin.source}; unique.
	// Default: "list:" and the base name, behind a URL's host.
	Name string `json:"name,omitempty"`

	// What to do about listed clients: ban, captcha or throttle. Default: ban.
	Action string `json:"action,omitempty" option:"ban|captcha|throttle"`

	// How long an entry holds once the list can no longer be read. Default:
	// without end.
	Duration caddy.Duration `json:"duration,omitempty"`

	// Take private and other special ranges too, which are skipped otherwise.
	// Default: false.
	Private bool `json:"private,omitempty"`

	// Share of all addresses that the list may cover, of IPv4 and of IPv6 apart. The
	// widest ranges beyond that are held back, and those by which it would grow by more
	// than a fifth of this at once. Default: 0.05; 1 is without bound.
	Coverage float64 `json:"coverage,omitempty"`

	// How often to ask for the URL, at least 1m. Default: 1h. For URLs.
	Interval caddy.Duration `json:"interval,omitempty"`

	// User name for HTTP Basic authentication. Default: none. For URLs.
	User string `json:"user,omitempty"`

	// Password for it, or file:PATH.
	Password string `json:"password,omitempty"`

	// Key that is sent as X-Api-Key, or file:PATH. Default: none. For URLs.
	Key string `json:"key,omitempty"`

	// How many lines to ask for at a time, by the parameters page and page_size
	// of CrowdSec's integrations. Default: the list in one piece. For URLs.
	PageSize int `json:"page_size,omitempty"`
}

func (b *Blocklist) isURL() bool {
	isURL, _ := lists.IsURL(b.Path) // resolve has refused other schemes
	return isURL
}

func (b *Blocklist) resolve(repl *caddy.Replacer) error {
	err := replace(repl, map[string]*string{
		"path": &b.Path, "name": &b.Name, "action": &b.Action, "user": &b.User, "password": &b.Password, "key": &b.Key,
	})
	if err != nil {
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
	if b.Password, err = readSecret(b.Password); err != nil {
		return fmt.Errorf("password: %w", err)
	}
	if b.Key, err = readSecret(b.Key); err != nil {
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
