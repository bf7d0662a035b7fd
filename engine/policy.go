package engine

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// LocalSource is the source of local decisions. No other source may have this name.
const LocalSource = "local"

const (
	defaultLocal   = 4 * time.Hour      // as in CrowdSec's default profiles
	defaultLongest = 7 * 24 * time.Hour // the longest decision after relapses
	defaultWindow  = 24 * time.Hour     // how long an offender is stored
)

// Local describes the local decisions after an [Engine.Alert].
//
// The operator's settings win over those of a scenario: first a [detect.Policy] for the
// scenario, then Action and Duration here, then the scenario's own. If the scenario
// decides, an alert with a captcha about a client that has solved one and continues
// becomes a ban.
type Local struct {
	Action   lookup.Action // default: as the scenario says, or else Ban
	Duration time.Duration // default: as the scenario says, or else 4h

	// Escalate is how long a client is remembered after its decision has ended. An
	// alert in that time leads to a decision twice as long as the last. At most 100,000
	// clients are remembered, and none after a restart. Default: 24h; negative: never.
	Escalate time.Duration
	// Longest is the longest decision that Escalate can lead to. Default: 7 days.
	Longest time.Duration

	// Spare reports whether a client is exempt from decisions and reports. The address
	// is normalized. Clients on an allowlist of a source are exempt too. Default:
	// private networks and this machine, because a proxy that is not configured has
	// such an address, and a ban on it would ban all clients.
	Spare func(ip netip.Addr) bool
}

func (c Local) withDefaults() (Local, error) {
	if c.Action > lookup.Ban {
		return c, fmt.Errorf("local decisions: unknown action %v: want ban, captcha or throttle", c.Action)
	}
	if c.Duration < 0 || c.Longest < 0 {
		return c, errors.New("local decisions: a duration is negative: want at least 0")
	}
	c.Escalate = cmp.Or(c.Escalate, defaultWindow)
	c.Longest = cmp.Or(c.Longest, defaultLongest)
	if c.Spare == nil {
		c.Spare = isPrivate
	}
	return c, nil
}

// isPrivate is the default of Local.Spare.
func isPrivate(ip netip.Addr) bool { return !lookup.IsPublic(ip) }
