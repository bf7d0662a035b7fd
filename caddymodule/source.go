package caddymodule

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/lists"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	defaultInterval = 10 * time.Second
	maxSecret       = 64 << 10 // bytes of a file with a key or certificate
	keyFile         = "file:"  // before the path of a file that holds a key
)

// LAPI is a CrowdSec Local API to follow. Placeholders are replaced in all of
// its strings when the config is loaded.
type LAPI struct {
	// Name of the source in logs, status and {http.tocsin.source}; unique.
	// Default: lapi, and lapi2, lapi3 and so on for those after the first.
	Name string `json:"name,omitempty"`

	// Where it listens, such as http://127.0.0.1:8080 or
	// unix:///run/crowdsec.sock. Required.
	URL string `json:"url,omitempty"`

	// Key of a bouncer, as cscli bouncers add prints it, or file:PATH. Required
	// unless there is a client certificate.
	Key string `json:"key,omitempty"`

	// How long to wait between two questions for news. Default: 10s.
	Interval caddy.Duration `json:"interval,omitempty"`

	// Scopes of decisions to ask for. Default: ip and range.
	Scopes []string `json:"scopes,omitempty"`

	// File with a client certificate, in PEM. Default: none.
	TLSCert string `json:"tls_cert,omitempty"`

	// File with its private key, in PEM. Default: none.
	TLSKey string `json:"tls_key,omitempty"`

	// File with the certificates of authorities to trust instead of the
	// system's, in PEM. Default: the system's.
	TLSCA string `json:"tls_ca,omitempty"`
}

// Blocklist is a text file with an address or a CIDR range on each line; what
// follows # or ; is a comment. It is read again when it changes.
type Blocklist struct {
	// The file. Placeholders are replaced. Required.
	Path string `json:"path,omitempty"`

	// Name of the source in logs, status and {http.tocsin.source}; unique.
	// Default: "list:" and the file's base name.
	Name string `json:"name,omitempty"`

	// What to do about listed clients: ban, captcha or throttle. Default: ban.
	Action string `json:"action,omitempty"`

	// Take private and other special ranges too, which are skipped otherwise.
	// Default: false.
	Private bool `json:"private,omitempty"`
}

func (l *LAPI) resolve(repl *caddy.Replacer, i int) error {
	l.Scopes = slices.Clone(l.Scopes)
	fields := map[string]*string{
		"name": &l.Name, "url": &l.URL, "key": &l.Key,
		"tls certificate": &l.TLSCert, "tls key": &l.TLSKey, "tls ca": &l.TLSCA,
	}
	for i := range l.Scopes {
		fields["scopes "+strconv.Itoa(i+1)] = &l.Scopes[i]
	}
	if err := replace(repl, fields); err != nil {
		return err
	}
	if l.Name == "" {
		l.Name = "lapi"
		if i > 0 {
			l.Name += strconv.Itoa(i + 1)
		}
	}
	if l.Interval == 0 {
		l.Interval = caddy.Duration(defaultInterval)
	}
	path, ok := strings.CutPrefix(l.Key, keyFile)
	if !ok {
		return nil
	}
	text, err := readFile(path, maxSecret)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if l.Key = strings.TrimSpace(text); l.Key == "" {
		return fmt.Errorf("key: %s is empty", path)
	}
	return nil
}

func (b *Blocklist) resolve(repl *caddy.Replacer) error {
	err := replace(repl, map[string]*string{"path": &b.Path, "name": &b.Name, "action": &b.Action})
	if err != nil {
		return err
	}
	if b.Path == "" {
		return errors.New("path is required")
	}
	if b.Path, err = filepath.Abs(b.Path); err != nil {
		return err
	}
	if b.Name == "" {
		b.Name = "list:" + filepath.Base(b.Path)
	}
	if b.Action == "" {
		b.Action = lookup.Ban.String()
	}
	return nil
}

// sources makes the sources of s, which is resolved.
func (s State) sources(l *zap.Logger) ([]engine.Source, error) {
	fallback, err := parseAction(s.Fallback)
	if err != nil {
		return nil, fmt.Errorf("fallback: %w", err)
	}
	var all []engine.Source
	for _, api := range s.LAPI {
		c, err := lapi.New(lapi.Config{
			Name:     api.Name,
			URL:      api.URL,
			Key:      api.Key,
			Interval: time.Duration(api.Interval),
			Scopes:   api.Scopes,
			Fallback: fallback,
			TLS:      lapi.TLS{Cert: api.TLSCert, KeyFile: api.TLSKey, CA: api.TLSCA},
			Logger:   l,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for _, b := range s.Blocklists {
		a, err := parseAction(b.Action)
		if err != nil {
			return nil, fmt.Errorf("blocklist %s: action: %w", b.Path, err)
		}
		f, err := lists.NewFile(lists.FileConfig{
			Path: b.Path, Name: b.Name, Action: a, Private: b.Private, Logger: l,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// parseAction reads an action that does something: to do nothing about a
// decision is not to have the source.
func parseAction(s string) (lookup.Action, error) {
	a, err := lookup.ParseAction(s)
	if err == nil && a == lookup.None {
		err = fmt.Errorf("%q: want ban, captcha or throttle", s)
	}
	return a, err
}
