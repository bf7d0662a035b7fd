package member

import (
	"math/bits"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A reason says why an alert is not sent.
type reason int

const (
	sendIt      reason = iota
	uncertain          // it accuses no single client: see [Client.Report]
	privateUnit        // its client has no public address, or one that many strangers share
	ownScenario        // nobody else knows the scenario
	echo               // the community's own ban is in force
	keptKinds
)

const (
	maxCount    = 1 << 20
	maxScenario = 128 // bytes that a centre accepts
	// ourScenarios is how the names of tocsin's built-in scenarios begin. They have no hash.
	ourScenarios = "tocsin/"
)

// published are names of scenarios that can be known to others: an author and a name.
var published = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)

// hash is a SHA-256 in hexadecimal.
var hash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// signalOf returns what a community learns of an alert. Every field of a signal is made
// here, of six fields of the alert, so no other data can get into it.
func (c *Client) signalOf(a *event.Alert) (protocol.Signal, reason) {
	unit := unitOf(a.Client)
	if !a.Client.IsValid() {
		unit = unitOf(a.Prefix.Addr())
	}
	switch {
	case !isCharge(a):
		return protocol.Signal{}, uncertain
	case !unit.IsValid() || !isMeant(unit) || !isAbout(a, unit):
		return protocol.Signal{}, privateUnit
	case !isPublished(a):
		return protocol.Signal{}, ownScenario
	case c.isEcho(a, unit):
		return protocol.Signal{}, echo
	}
	first, last := minute(a.Start), minute(a.Stop)
	if a.Stop.IsZero() {
		last = minute(time.Now())
	}
	if a.Start.IsZero() || last.Before(first) {
		first = last
	}
	return protocol.Signal{
		Address: written(unit), Scenario: a.Scenario, Hash: a.Hash,
		First: first, Last: last, Count: power(a.Count),
	}, sendIt
}

// isCharge reports whether an alert says that one client did something that asks for a
// decision about it, with no doubt of whose act it was. Doubt that is worth a challenge at
// home is not worth a word to others.
func isCharge(a *event.Alert) bool {
	return a.Remediation && a.Guard == event.NoGuard && !a.Reflected && !a.Mild && !a.Unproven && !a.Simulated
}

// isAbout reports whether an alert is about its client alone, and not about a wider network.
func isAbout(a *event.Alert, unit netip.Prefix) bool {
	p, ok := lookup.NormalizePrefix(a.Prefix)
	return !ok || p.Bits() >= unit.Bits() && unit.Overlaps(p) || p == event.ClientOf(lookup.Normalize(a.Client))
}

// isPublished reports whether the scenario is tocsin's own or from CrowdSec's hub. Another
// one is the operator's, and so are the words of its name.
func isPublished(a *event.Alert) bool {
	if len(a.Scenario) > maxScenario || !published.MatchString(a.Scenario) {
		return false
	}
	if strings.HasPrefix(a.Scenario, ourScenarios) {
		return a.Hash == "" || hash.MatchString(a.Hash)
	}
	return hash.MatchString(a.Hash)
}

// isEcho reports whether the alert may be a consequence of the community's own ban: it began
// when that was in force here. This server then lets no request of the client through, but
// another one behind it may refuse them for the same reason, or the site is in a dry run.
func (c *Client) isEcho(a *event.Alert, unit netip.Prefix) bool {
	t := c.table.Load()
	if t == nil {
		return false
	}
	for _, d := range t.Covering(unit.Addr()) {
		if d.Source == c.cfg.Name && d.Action == lookup.Ban && !a.Start.Before(d.Since) {
			return true
		}
	}
	return false
}

// written returns a unit in the form of the protocol.
func written(unit netip.Prefix) string {
	if unit.Addr().Is4() {
		return unit.Addr().String()
	}
	return unit.String()
}

func minute(t time.Time) time.Time { return t.UTC().Truncate(time.Minute) }

// power returns the power of two at or below n.
func power(n int) int {
	if n < 1 {
		return 1
	}
	return min(1<<(bits.Len(uint(n))-1), maxCount)
}
