package lapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tocsin-project/tocsin/internal/upstream"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// access has the settings for the connection to an API, from any config.
type access struct {
	name, url, key string
	machine        Machine
	fallback       lookup.Action
	tls            TLS
	log            *zap.Logger
}

// open checks a, calls more for further checks, reads the files that a names, and
// returns the API. It sends nothing.
func (a access) open(more func() error) (api, error) {
	opened, err := a.try(more)
	if err != nil {
		return api{}, fmt.Errorf("local API %s: %w", a.name, err)
	}
	return opened, nil
}

func (a access) try(more func() error) (api, error) {
	if err := a.check(); err != nil {
		return api{}, err
	}
	if err := more(); err != nil {
		return api{}, err
	}
	end, err := parseURL(a.url)
	if err != nil {
		return api{}, err
	}
	tr, err := newTransport(end, a.tls)
	if err != nil {
		return api{}, err
	}
	a.warnExposed()
	return api{
		base:    end.base,
		key:     a.key,
		secrets: slices.DeleteFunc([]string{a.key, a.machine.Password, a.machine.Token}, func(s string) bool { return s == "" }),
		http:    &http.Client{Transport: tr, CheckRedirect: keepRedirect},
		log:     a.log.With(zap.String("source", a.name)),
		bound:   defaultBounds,
	}, nil
}

// warnExposed warns if a secret is sent over a connection that others can read.
func (a access) warnExposed() {
	what := "the API key"
	switch {
	case a.key == "" && a.machine.Password == "": // a certificate is not a secret
		return
	case a.key == "":
		what = "the password of the machine"
	case a.machine.Password != "":
		what = "the API key and the password of the machine"
	}
	switch text, serious := upstream.Exposed(a.url, what); {
	case serious:
		a.log.Warn(text, zap.String("source", a.name))
	case text != "":
		a.log.Info(text, zap.String("source", a.name))
	}
}

func (a access) check() error {
	switch {
	case a.key == "" && a.tls.Cert == "":
		return errors.New("no API key: `cscli bouncers add NAME` makes one")
	case strings.ContainsFunc(a.key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the API key contains a character that is not allowed: look for a space, a line break or an unresolved placeholder")
	case a.fallback > lookup.Ban:
		return fmt.Errorf("fallback %v: want ban, captcha or throttle", a.fallback)
	}
	return nil
}

// openMachine returns the machine of a, or nil if there is none. It shares the
// connections of the bouncer, unless one of them has a client certificate. A machine
// never sends the bouncer's certificate: the server would refuse it before it checks
// the password.
func (a access) openMachine(bouncer api, scenarios func() []string) (*machine, error) {
	if a.machine == (Machine{}) {
		return nil, nil
	}
	m := &machine{api: bouncer, who: a.machine, scenarios: scenarios, turn: make(chan struct{}, 1)}
	if a.tls.Cert == "" && a.machine.Cert == "" {
		return m, nil
	}
	end, err := parseURL(a.url)
	if err != nil {
		return nil, err
	}
	tr, err := newTransport(end, TLS{Cert: a.machine.Cert, KeyFile: a.machine.KeyFile, CA: a.tls.CA})
	if err != nil {
		return nil, fmt.Errorf("local API %s: machine: %w", a.name, err)
	}
	m.http = &http.Client{Transport: tr, CheckRedirect: keepRedirect}
	return m, nil
}
