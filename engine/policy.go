package engine

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// LocalSource is what the decisions are filed under that the engine makes on
// alerts. No other source may have this name.
const LocalSource = "local"

const (
	defaultLocal   = 4 * time.Hour      // what CrowdSec's profiles have
	defaultLongest = 7 * 24 * time.Hour // what a relapse leads to at most
	defaultWindow  = 24 * time.Hour     // in which one is remembered
)

// Local says what the engine decides by itself when it gets an [Engine.Alert].
//
// What an operator says wins over what a scenario asks for, in both directions: a
// [detect.Policy] for the one scenario over Action and Duration here, and these over
// the scenario. Where the scenario decides, an alert that asks for a captcha about a
// client that has solved one, and goes on, makes a ban of it.
type Local struct {
	Action   lookup.Action // default: as the scenario says, or else Ban
	Duration time.Duration // default: as the scenario says, or else 4h

	// Escalate is how long a client is remembered after a decision about it has
	// ended. One that gives cause for an alert in that time has the decision
	// made for twice as long as the last. Of 100,000 clients, the others are
	// forgotten first, and all are by a restart. Default: 24h; negative: each alert
	// counts for itself.
	Escalate time.Duration
	// Longest bounds what Escalate makes of a duration. Default: 7 days.
	Longest time.Duration

	// Spare reports whether nothing may be decided about a client, nor anybody
	// be told of it. The address is normalized. Clients on an allowlist of a
	// source are spared besides. Default: those of private networks, this very
	// machine included: a proxy that is not known as one is such a client, and
	// banning it would ban everybody.
	Spare func(ip netip.Addr) bool
}

func (c Local) withDefaults() (Local, error) {
	if c.Action > lookup.Ban {
		return c, fmt.Errorf("local decisions: %v: no such action", c.Action)
	}
	if c.Duration < 0 || c.Longest < 0 {
		return c, errors.New("local decisions: a duration is less than zero")
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
