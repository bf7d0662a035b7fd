package caddymodule

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/challenge"
	"github.com/tocsin-project/tocsin/community/member"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// stopTimeout limits the wait at the end of a config.
const stopTimeout = 2 * time.Second

// challengeOff is the value of Handler.Challenge for sites without a challenge, and the
// word for Challenge.Off in Caddyfiles.
const challengeOff = "off"

// Challenge is the challenge for clients with a captcha decision.
// Placeholders are replaced in all of its strings when the config is loaded.
type Challenge struct {
	// Whether challenges are off. Default: false.
	Off bool `json:"off,omitempty" option:"-"`

	// The provider of the challenge: a module in the namespace tocsin.challenges, such
	// as pow, altcha, turnstile, hcaptcha, recaptcha, recaptcha_v3 or siteverify.
	// Default: pow, the embedded proof of work.
	ProviderRaw json.RawMessage `json:"provider,omitempty" caddy:"namespace=tocsin.challenges inline_key=name" option:"-"`

	FormerType json.RawMessage `json:"type,omitempty"` // an earlier form of the provider's name

	// The secret that signs passes, or file:PATH: at least 32 random bytes, the same on
	// all servers that accept each other's passes. Default: secrets in Caddy's storage,
	// which are created there, shared by all servers with that storage, and replaced
	// once a week.
	Secret string `json:"secret,omitempty"`

	// Earlier secrets, or file:PATH, whose passes are still valid. Default: none.
	OldSecrets []string `json:"old_secrets,omitempty"`

	// How hard a client's first challenge is: low, medium or high. Default: medium.
	Level string `json:"level,omitempty" option:"low|medium|high"`

	// How long a pass holds without use, one minute to 24 hours. A pass in use is
	// renewed, until a day after it was earned. Default: 30m.
	TTL caddy.Duration `json:"ttl,omitempty" option:"min=1m,max=24h"`

	// How many points raise the level of the next challenge by one. A client without a
	// pass gets a point when it solves a challenge while the pass earned before it is
	// unused, and a quarter if that pass is in use. One point expires every three
	// minutes. Points count for browsers of one kind at one network, an IPv4 address or a
	// /64. For the whole network the limit is five times as high. Default: 5; -1: never.
	Raise int `json:"raise,omitempty" option:"off"`

	// How many points stop browsers of that kind without a pass: they get status 429
	// instead of a challenge until enough points have expired. Default: 20; -1: never.
	Bar int `json:"bar,omitempty" option:"off"`

	// Hosts that share passes: each listed host, and all below it. They are in one
	// domain, such as example.com. Default: a pass holds for one host.
	Hosts []string `json:"hosts,omitempty"`

	// How long visitors without JavaScript wait before a button lets them in, 5s
	// to 60s. It stops only simple bots. Default: they are not let in.
	Wait caddy.Duration `json:"wait,omitempty" option:"min=5s,max=60s,-"`

	// File with the template of the challenge's page. It is read when the config is
	// loaded. Default: the built-in page.
	Page string `json:"page,omitempty"`

	// Title of the page. Default: one in the visitor's language.
	Title string `json:"title,omitempty"`
}

// A gateSet has the challenge settings that all sites of a config share.
type gateSet struct {
	cfg    challenge.Config
	gates  map[Look]*challenge.Gate // sites with the same look share a gate
	keeper *secretKeeper            // nil: the secrets are in the config
	end    context.CancelFunc
	ended  chan struct{} // closed when the keeper has ended
}

// A shared has the state that survives every reload, even one with other sources: the
// solved challenges, the behaviour of clients, and the requests in progress.
type shared struct {
	established middleware.Established

	memory   challenge.Memory
	counters challenge.Counters
	stored   *challenge.Keyring // of the secrets in the storage
	own      []byte             // see secretKeeper
	rules    *ruleSwitch

	good      member.Memory // the clients that behaved well, for communities
	witnesses atomic.Bool   // a source asks about them
}

func newShared() (*shared, error) {
	s := &shared{own: make([]byte, secretBytes)}
	s.rules = newRuleSwitch(s.noteGood)
	rand.Read(s.own) // never fails
	var err error
	s.stored, err = challenge.NewKeyring(s.own)
	return s, err
}

// newGateSet returns the gateSet of c, which may be nil. It returns nil if challenges
// are off. It reads files and starts nothing.
func (c *Challenge) newGateSet(ctx caddy.Context, s *shared, l *zap.Logger) (*gateSet, error) {
	var resolved Challenge
	if c != nil {
		resolved = *c
	}
	if resolved.Off {
		if !reflect.DeepEqual(resolved, Challenge{Off: true}) {
			return nil, errors.New("off cannot be combined with other fields: remove off or the other fields")
		}
		return nil, nil
	}
	if err := resolved.resolve(caddy.NewReplacer()); err != nil {
		return nil, err
	}
	return resolved.prepare(ctx, s, l)
}

// provider returns the provider, or nil for the embedded proof of work.
func (c *Challenge) provider(ctx caddy.Context) (challenge.Provider, error) {
	if c.ProviderRaw == nil {
		return nil, nil
	}
	loaded, err := ctx.LoadModule(c, "ProviderRaw")
	if err != nil {
		return nil, err
	}
	p, ok := loaded.(guest.Provider)
	if !ok {
		return nil, fmt.Errorf("%T does not implement guest.Provider", loaded)
	}
	if err := p.Resolve(caddy.NewReplacer()); err != nil {
		return nil, err
	}
	return p.Open()
}

// prepare returns the gateSet of c, whose placeholders are replaced.
func (c *Challenge) prepare(ctx caddy.Context, s *shared, l *zap.Logger) (*gateSet, error) {
	p := &gateSet{gates: map[Look]*challenge.Gate{}, cfg: challenge.Config{
		Memory: &s.memory, Counters: &s.counters,
		TTL: time.Duration(c.TTL), Raise: c.Raise, Bar: c.Bar, Wait: time.Duration(c.Wait),
		Hosts: c.Hosts, HTTPS: endsTLS,
		Failed: func(err error) {
			l.Error("the challenge provider failed: the embedded challenge replaces it for now", zap.Error(err))
		},
	}}
	var err error
	if p.cfg.Level, err = challenge.ParseLevel(cmp.Or(c.Level, "medium")); err != nil {
		return nil, err
	}
	if p.cfg.Provider, err = c.provider(ctx); err != nil {
		return nil, err
	}
	if c.Page != "" {
		if p.cfg.Page.Template, err = option.ReadFile(c.Page, maxPage); err != nil {
			return nil, fmt.Errorf("page: %w", err)
		}
	}
	p.cfg.Page.Name, p.cfg.Page.Title = c.Page, c.Title
	if c.Secret == "" {
		p.cfg.Keys = s.stored
		p.keeper = &secretKeeper{storage: ctx.Storage(), ring: s.stored, own: s.own, logger: l}
		return p, nil
	}
	p.cfg.Keys, err = c.keys()
	return p, err
}

// keys returns the keyring of the secrets in the config.
func (c *Challenge) keys() (*challenge.Keyring, error) {
	var all [][]byte
	for i, s := range append([]string{c.Secret}, c.OldSecrets...) {
		text, err := option.Secret(s)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		all = append(all, []byte(text))
	}
	return challenge.NewKeyring(all...)
}

func (c *Challenge) resolve(repl *caddy.Replacer) error {
	switch {
	case c.FormerType != nil:
		return errors.New(`type: this field does not exist any more: write "provider": {"name": …} or "off": true instead`)
	case len(c.OldSecrets) > 0 && c.Secret == "":
		return errors.New("old_secrets: want secret too, which signs new passes")
	}
	if err := option.Replace(repl, c); err != nil {
		return err
	}
	return option.Check(c)
}

// gate returns the gate of a site. A new gate tests its page, so sites with the same
// look share one.
func (p *gateSet) gate(look Look) (*challenge.Gate, error) {
	if g := p.gates[look]; g != nil {
		return g, nil
	}
	cfg := p.cfg
	cfg.Page.Contact, cfg.Page.Accent = look.Contact, look.Accent
	cfg.Page.FrameAncestors = strings.Fields(look.FrameAncestors)
	g, err := challenge.New(cfg)
	if err == nil {
		p.gates[look] = g
	}
	return g, err
}

// answer returns the status of p.
func (p *gateSet) answer() *admin.Challenge {
	n := p.cfg.Counters.Counts()
	a := &admin.Challenge{
		Type: "pow", Secrets: "config",
		Issued: n.Issued, Solved: n.Solved, Failed: n.Failed, Replayed: n.Replayed,
		Passed: n.Passed, Barred: n.Barred, Fallback: n.Fallback,
	}
	if p.cfg.Provider != nil {
		a.Type = p.cfg.Provider.Name()
	}
	if p.keeper != nil {
		a.Secrets = "own"
		if p.keeper.read.Load() {
			a.Secrets = "storage"
		}
	}
	return a
}

// start starts the goroutine that keeps the secrets up to date.
func (p *gateSet) start() {
	if p.keeper == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.end, p.ended = cancel, make(chan struct{})
	go func() {
		defer close(p.ended)
		p.keeper.run(ctx)
	}()
}

// stop ends that goroutine and waits for it, at most two seconds: a storage may hang,
// and Caddy holds its config lock meanwhile.
func (p *gateSet) stop() error {
	if p.end == nil {
		return nil
	}
	p.end()
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timeout.C:
		return fmt.Errorf("reading the secrets of challenges: not finished after %v", stopTimeout)
	}
}
