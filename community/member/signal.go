package member

import (
	"math/bits"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
)

// A reason says why an alert is not sent.
type reason int

const (
	sendIt      reason = iota
	uncertain          // not certain that one client acted: see [Client.Report]
	privateUnit        // its client has no public address, or one that many strangers share
	ownScenario        // no other member knows the scenario
	echo               // the community's own ban is in force
	keptKinds
)

const (
	maxCount    = 1 << 20
	maxScenario = 128 // bytes that a centre accepts
	// ourScenarios is the prefix of the names of tocsin's built-in scenarios. They have no hash.
	ourScenarios = "tocsin/"
)

// published matches names of published scenarios: an author and a name.
var published = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$`)

// hash is a SHA-256 in hexadecimal.
var hash = regexp.MustCompile(`^[0-9a-f]{64}$`)

// signalOf converts an alert to a signal. Only this function fills signals, from six fields of
// the alert, so no other data can get into them.
func (c *Client) signalOf(a *event.Alert) (protocol.Signal, reason) {
	unit := unitOf(a.Client)
	if !a.Client.IsValid() {
		unit = unitOf(a.Prefix.Addr())
	}
	switch {
	case !isCharge(a):
		return protocol.Signal{}, uncertain
	case !unit.IsValid() || !consensus.Listable(unit) || !isAbout(a, unit):
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

// isCharge reports whether it is certain that one client caused an alert, and that this needs a
// decision about the client. An uncertain alert may lead to a challenge here, but must not
// reach others.
func isCharge(a *event.Alert) bool {
	return a.Remediation && a.Guard == event.NoGuard && !a.Reflected && !a.Mild && !a.Unproven && !a.Simulated
}

// isAbout reports whether an alert is about its client alone, and not about a wider network.
func isAbout(a *event.Alert, unit netip.Prefix) bool {
	p, ok := lookup.NormalizePrefix(a.Prefix)
	return !ok || p.Bits() >= unit.Bits() && unit.Overlaps(p) || p == event.ClientOf(lookup.Normalize(a.Client))
}

// isPublished reports whether the scenario is tocsin's own or from CrowdSec's hub. Otherwise
// the operator wrote it and chose its name, which may be private.
func isPublished(a *event.Alert) bool {
	if len(a.Scenario) > maxScenario || !published.MatchString(a.Scenario) {
		return false
	}
	if strings.HasPrefix(a.Scenario, ourScenarios) {
		return a.Hash == "" || hash.MatchString(a.Hash)
	}
	return hash.MatchString(a.Hash)
}

// isEcho reports whether the community's own ban may have caused the alert, because it began
// while that ban was in force here. In a dry run requests of the client still pass, and a
// server behind this one may refuse them because of the same list.
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
