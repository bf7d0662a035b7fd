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
	allowRetry     = time.Minute      // after a failed read
	maxAllowBytes  = 32 << 20         // of the answer
	maxAllowed     = 100_000          // entries
	allowlistsPath = "/v1/allowlists"
)

// Allowlisted reports whether ip is on an allowlist of the server. Then no decision of
// the server applies to it. The table has no decisions about prefixes that are on the
// list as a whole. It has those about wider ranges, countries and autonomous systems,
// so a caller must check ip with this method. Without a machine in the Config it
// returns false.
func (c *Client) Allowlisted(ip netip.Addr) bool {
	_, ok := c.allowed.Lookup(ip)
	return ok
}

// isAllowed reports whether one entry of an allowlist covers all of p.
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

// refreshAllowed reads the allowlists if that is due. If they have changed, the next
// answer must be a full one, because decisions may have to be added or removed.
func (f *follower) refreshAllowed(ctx context.Context) {
	if f.machine == nil || time.Now().Before(f.allowing.next) {
		return
	}
	changed := f.allowing.refresh(ctx, f.machine, &f.allowed, func(change func(*Allowlist)) {
		f.note(func(_ *lookup.Status, s *Stats) { change(&s.Allowlist) })
	})
	f.full = f.full || changed
}

// allowing is the state of a run for the allowlists.
type allowing struct {
	next    time.Time // when they are read next
	failing string    // kind of the current failures; "": none
}

// refresh updates t with the allowlists, calls note with their state, and reports
// whether they have changed. If it cannot read them, it keeps the entries: otherwise it
// would stop clients that are on them.
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
			m.log.Error("the allowlists cannot be read: the old entries stay", zap.Error(err))
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

// allowlists returns the entries of all allowlists as decisions. Only their prefixes
// and ends have a meaning.
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

// parseAllowed reads an entry of an allowlist. For no end the API sends the beginning
// of the year 1. That is Go's zero time, which also means no end in the table.
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
