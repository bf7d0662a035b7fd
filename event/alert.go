package event

import (
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// An Alert says that a client did what a scenario looks for.
type Alert struct {
	Kind     string // of what CrowdSec calls it, such as waf; empty: scenarios have found it
	Scenario string // name, such as crowdsecurity/http-probing
	Version  string // of the scenario in CrowdSec's hub; empty: not from there
	Hash     string // SHA-256 of the scenario's file in hexadecimal; empty: not from the hub
	Message  string // what happened, in a sentence without personal data but the client's address

	Client netip.Addr   // who did it last
	Prefix netip.Prefix // who is meant: the client's address, or its /64 of IPv6; with GuardNetwork the network

	// Reflected says that nothing of it was the client's own act: see [Attribution].
	Reflected bool
	// Mild says that it leads to a challenge at most, also if the client goes on after it:
	// the scenario says so by the label at_most, or a part of what is counted may not have
	// been the client's own act: see [Unmarked].
	Mild bool
	// Unproven says that the client claims to be a crawler, and that there was no answer
	// whether it is: then it is Mild, too. The engine sets it.
	Unproven bool
	// Guard says that many clients had a part in it: what is asked for is no
	// decision about one of them, but a guard.
	Guard Guard
	// Place is what GuardPlace is to guard: see PlaceOf of package detect, and Area of its
	// Detector for passwords of HTTP's.
	Place string
	// Places are those that the requests of a reflected alert asked for, nine at most.
	Places []string

	Start, Stop time.Time // of the first and the last event
	Count       int       // of events
	Capacity    int       // of the bucket
	Leak        time.Duration

	// Remediation says that the scenario asks for a decision. Action and Duration
	// say which: None leaves that to who gets the alert, and so does 0.
	Remediation bool
	Action      lookup.Action
	Duration    time.Duration
	// Simulated says that CrowdSec's simulation.yaml has the scenario only tried out, so
	// that it asks for nothing.
	Simulated bool
	// Ordered says that Action is the operator's word, by a [Policy], and not the
	// scenario's own wish.
	Ordered bool

	// Labels are those of the scenario, as far as they are text.
	Labels map[string]string

	// Context holds what of the events may be told to others, the last ones
	// only.
	Context []Context
}

// A Context is what of an event may leave this server.
type Context struct {
	Time      time.Time
	Method    string
	Target    string // without the query
	Query     string // empty unless [Event].KeepQuery
	Host      string
	Status    int // 0: not known yet
	UserAgent string

	// What an inspector has found; empty: it is about a request.
	Rule, Message string
	Zones         string // with commas between them
}

// A Guard says what wants proof that somebody is there, for the length of
// [Alert].Duration, from clients of which nothing good is known.
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
