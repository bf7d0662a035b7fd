package event

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// An Alert says that a client did what a scenario detects.
type Alert struct {
	Kind     string // of what CrowdSec calls it, such as waf; empty: scenarios have found it
	Scenario string // name, such as crowdsecurity/http-probing
	Version  string // of the scenario in CrowdSec's hub; empty: not from there
	Hash     string // SHA-256 of the scenario's file in hexadecimal; empty: not from the hub
	Message  string // what happened, in one sentence, with no personal data except the client's address

	Client netip.Addr   // the client of the latest event
	Prefix netip.Prefix // the target: the client's address, or its /64 of IPv6; with GuardNetwork the network

	// Reflected says that none of the requests was the client's own act: see
	// [Attribution].
	Reflected bool
	// Mild says that the alert leads to a challenge at most, even if the client
	// continues after it. Either the scenario has the label at_most, or some of the
	// requests may not be the client's own act: see [Unmarked].
	Mild bool
	// Unproven says that the client claims to be a crawler, and DNS did not answer
	// whether it is. The alert is then Mild too. The engine sets it.
	Unproven bool
	// Guard says that many clients took part: the alert asks for a guard, and not for a
	// decision about one of them.
	Guard Guard
	// Place is the place for GuardPlace: see PlaceOf of package detect, and Area of its
	// Detector for HTTP credentials.
	Place string
	// Places are the places of the requests of a reflected alert, at most nine.
	Places []string

	Start, Stop time.Time // of the first and the last event
	Count       int       // of events
	Capacity    int       // of the bucket
	Leak        time.Duration

	// Remediation says that the scenario asks for a decision, with Action and Duration.
	// With None or 0, the receiver of the alert chooses them.
	Remediation bool
	Action      lookup.Action
	Duration    time.Duration
	// Simulated says that CrowdSec's simulation.yaml only simulates the scenario, so
	// that it asks for no decision.
	Simulated bool
	// Ordered says that Action is from the operator's policy, and not from the
	// scenario.
	Ordered bool

	// Labels are the text labels of the scenario.
	Labels map[string]string

	// Context has the data of the latest events that reports may contain.
	Context []Context
}

// A Context has the data of an event that may leave this server.
type Context struct {
	Time      time.Time
	Method    string
	Target    string // without the query
	Query     string // empty unless [Event].KeepQuery
	Host      string
	Status    int // 0: unknown yet
	UserAgent string

	// What an inspector has found; empty: it is about a request.
	Rule, Message string
	Zones         string // with commas between them
}

// A Guard says which requests need a solved challenge, for [Alert].Duration, from all
// clients without a good reputation.
type Guard uint8

// The guards.
const (
	NoGuard      Guard = iota
	GuardPlace         // requests for [Alert].Place
	GuardNetwork       // requests from [Alert].Prefix
)

var guardNames = [...]string{NoGuard: "", GuardPlace: "place", GuardNetwork: "network"}

// String returns place, network or nothing, as in the label guard of a scenario.
func (g Guard) String() string { return guardNames[min(int(g), len(guardNames)-1)] }
