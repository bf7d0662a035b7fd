// Package source is an example of your own source for Caddy: the clients that a
// firewall has blocked. Built into Caddy, it is an option of the global option tocsin:
//
//	tocsin {
//	    firewall https://firewall.internal/blocked {
//	        interval 30s
//	    }
//	}
package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/caddymodule/option"
	"github.com/tocsin-project/tocsin/lookup"
)

func init() { caddy.RegisterModule(Firewall{}) }

var client = http.Client{Timeout: 10 * time.Second}

// Firewall asks a firewall for its blocked clients.
type Firewall struct {
	// URL of a JSON array of ranges. Required.
	URL string `json:"url,omitempty" option:"-"`
	// How often to ask. Default: 1m.
	Interval caddy.Duration `json:"interval,omitempty" option:"min=1s"`
}

// CaddyModule returns the Caddy module information.
func (Firewall) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: guest.Sources + ".firewall", New: func() caddy.Module { return new(Firewall) }}
}

// UnmarshalCaddyfile reads the line and the block.
func (f *Firewall) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	name := option.Start(d)
	return errors.Join(option.Exact(d, name, &f.URL), option.Read(d, name, f, nil))
}

// Resolve implements [guest.Source].
func (f *Firewall) Resolve(repl *caddy.Replacer, _ int) error {
	f.Interval = cmp.Or(f.Interval, caddy.Duration(time.Minute))
	return errors.Join(option.Replace(repl, f), option.Check(f))
}

// Open implements [guest.Source].
func (f *Firewall) Open(guest.Env) (guest.Opened, error) {
	question, err := http.NewRequest(http.MethodGet, f.URL, nil)
	return &blocked{question: question, interval: time.Duration(f.Interval)}, err
}

// blocked keeps a table in sync with the firewall.
type blocked struct {
	question *http.Request
	interval time.Duration
	status   atomic.Pointer[lookup.Status]
}

func (*blocked) Name() string            { return "firewall" }
func (*blocked) Kind() string            { return "firewall" }
func (b *blocked) Status() lookup.Status { return *cmp.Or(b.status.Load(), new(lookup.Status)) }

// Run implements [engine.Source].
func (b *blocked) Run(ctx context.Context, t *lookup.Table) error {
	for ctx.Err() == nil {
		s := lookup.Status{Synced: time.Now()}
		if s.Err = b.read(ctx, t); s.Err != nil {
			s.Synced = b.Status().Synced
		}
		b.status.Store(&s)
		select {
		case <-ctx.Done():
		case <-time.After(b.interval):
		}
	}
	return ctx.Err()
}

// read asks once. If that fails, the old decisions stay.
func (b *blocked) read(ctx context.Context, t *lookup.Table) error {
	answer, err := client.Do(b.question.WithContext(ctx))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var all []netip.Prefix
	err = json.NewDecoder(io.LimitReader(answer.Body, 10<<20)).Decode(&all)
	if err != nil || answer.StatusCode != http.StatusOK {
		return errors.Join(errors.New("the firewall answered "+answer.Status), err)
	}
	decisions := make([]lookup.Decision, len(all))
	for i, p := range all {
		decisions[i] = lookup.Decision{Prefix: p, Action: lookup.Ban, Origin: "firewall", Reason: "blocked by the firewall"}
	}
	t.Replace(b.Name(), decisions)
	return nil
}
