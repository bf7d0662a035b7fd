package lapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

const (
	allowInterval  = 10 * time.Minute // between two reads of the allowlists
	allowRetry     = time.Minute      // after one that failed
	maxAllowBytes  = 32 << 20         // of the answer
	maxAllowed     = 100_000          // entries
	allowlistsPath = "/v1/allowlists"
)

// Allowlisted reports whether an allowlist of the server has ip, so that no
// decision of the server is to be enforced against it. Decisions about clients
// that are all on the list are left out of the table. One about a wider range,
// a country or an autonomous system is in it, and has to be weighed with this.
// Without a machine in the Config nobody is on a list.
func (c *Client) Allowlisted(ip netip.Addr) bool {
	_, ok := c.allowed.Lookup(ip)
	return ok
}

// isAllowed reports whether an entry of an allowlist covers all of p.
func (c *Client) isAllowed(p netip.Prefix) bool {
	if !p.IsValid() || !c.Allowlisted(p.Addr()) {
		return false
	}
	for _, entry := range c.allowed.Covering(p.Addr()) {
		if entry.Prefix.Bits() <= p.Bits() {
			return true
		}
	}
	return false
}

// refreshAllowed reads the allowlists if it is time to. When they have changed
// the next answer is to be a full one, since decisions come and go with them.
func (f *follower) refreshAllowed(ctx context.Context) {
	if f.machine == nil || time.Now().Before(f.allowing.next) {
		return
	}
	changed := f.allowing.refresh(ctx, f.machine, &f.allowed, func(change func(*Allowlist)) {
		f.note(func(_ *lookup.Status, s *Stats) { change(&s.Allowlist) })
	})
	f.full = f.full || changed
}

// allowing is what a run knows of the allowlists beyond their entries.
type allowing struct {
	next    time.Time // when they are to be read
	failing string    // kind of the failures up to now; "": none
}

// refresh brings t into step with the allowlists, notes how they stand, and
// reports whether they have changed. If they can't be read, the entries stay as
// they are: to forget them would stop those who may pass.
func (a *allowing) refresh(ctx context.Context, m *machine, t *lookup.Table, note func(change func(*Allowlist))) bool {
	entries, err := m.allowlists(ctx)
	if ctx.Err() != nil {
		return false
	}
	now := time.Now()
	if isRefusal(err, http.StatusNotFound) {
		entries, err = nil, nil // CrowdSec before 1.6.6 has no allowlists
	}
	if err != nil {
		a.next = now.Add(allowRetry)
		note(func(stand *Allowlist) { stand.Err = err })
		if kind, _ := kindOf(err); kind != a.failing {
			a.failing = kind
			m.log.Error("the allowlists can't be read: they stay as they are", zap.Error(err))
		}
		return false
	}
	*a = allowing{next: now.Add(allowInterval)}
	ended := t.Expire(now)
	change := t.Replace(allowlistsPath, entries)
	changed := ended+change.Added+change.Removed > 0
	if changed {
		m.log.Info("the allowlists have changed", zap.Int("entries", t.Len()))
	}
	note(func(stand *Allowlist) { *stand = Allowlist{Entries: t.Len(), Fetched: now} })
	return changed
}

// allowlists returns the entries of all allowlists. Each is a decision, of which
// only the prefix and the end mean anything.
func (m *machine) allowlists(ctx context.Context) ([]lookup.Decision, error) {
	answer, err := m.ask(ctx, order{method: http.MethodGet, path: allowlistsPath + "?with_content=true", limit: maxAllowBytes})
	if err != nil {
		return nil, fmt.Errorf("reading the allowlists: %w", err)
	}
	var lists []struct {
		Name  string
		Items []struct{ Value, Expiration string }
	}
	if err := json.Unmarshal(answer.body, &lists); err != nil {
		return nil, fmt.Errorf("reading the allowlists: %w", err)
	}
	var entries []lookup.Decision
	for _, list := range lists {
		for _, item := range list.Items {
			entry, err := parseAllowed(item.Value, item.Expiration)
			if err != nil {
				m.log.Warn("an entry of an allowlist is left out", zap.String("list", list.Name), zap.Error(err))
				continue
			}
			entries = append(entries, entry)
		}
	}
	if len(entries) > maxAllowed {
		return nil, fmt.Errorf("reading the allowlists: %d entries: want at most %d", len(entries), maxAllowed)
	}
	return entries, nil
}

// parseAllowed reads an entry of an allowlist. The API has the beginning of the
// year 1 for no end, which is the zero time and so the table's word for it, too.
func parseAllowed(value, expiration string) (lookup.Decision, error) {
	prefix, err := lookup.ParsePrefix(value)
	if err != nil {
		return lookup.Decision{}, err
	}
	entry := lookup.Decision{Prefix: prefix, Action: lookup.Captcha}
	if expiration == "" {
		return entry, nil
	}
	if entry.Until, err = time.Parse(time.RFC3339, expiration); err != nil {
		return lookup.Decision{}, fmt.Errorf("%s: its end: %w", prefix, err)
	}
	return entry, nil
}
