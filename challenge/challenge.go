// Package challenge makes a client prove that a real browser sends its requests, and
// keeps the proof in a signed cookie, the pass.
//
//	keys, err := challenge.NewKeyring(secret) // 32 random bytes, the same on all servers of a site
//	...
//	g, err := challenge.New(challenge.Config{Keys: keys})
//
// The middleware asks a [Gate] about a client with a captcha decision, or about a
// request that needs a pass from any client. By default the proof is work: the browser
// searches for a number for about half a second, without a third party. A [Provider]
// can replace that.
//
// # What a proof is worth
//
// A pass holds for one host, or for a set of them ([Config].Hosts), one network
// address (an IPv4 address, a /64 of IPv6) and one user agent, at the level at which
// it was earned, until it ends, but not for a decision that is newer than the pass. None
// of this is in the cookie: the client's address is signed, but not sent. A solution
// counts once.
//
// # What a visitor goes through
//
//	free ── decision ──▶ asked ── right solution ──▶ in
//
//	free    no decision: the gate is not asked. A late answer is accepted, but earns
//	        no pass.
//	asked   Due: the challenge is sent. A wrong, late or repeated answer changes
//	        only the level of the next one.
//	        → in       by a right solution
//	        → away     when requests from there look like farming
//	        → free     when the decision ends
//	in      Passed, whatever others behind the address do.
//	        → in       with each use: the pass is renewed, until a day after it was
//	                   earned; and when the same decision is announced again
//	        → asked    when the pass has not been used for its time to live, or a day
//	                   is over: the challenge is only as hard as the first
//	        → asked    by a new offence: a decision that is newer than the pass
//	        → asked    from another address, with another browser, at a host that
//	                   does not share passes
//	        → free     when the decision ends
//	away    Barred: no challenge for some minutes.
//	        → asked    when the counts have expired
//	        → in       with a pass that is still valid
//
// This package does not handle bans: a ban stops a client with and without a pass.
//
// # What looks like farming
//
// A farm collects passes. The number of people behind an address says nothing, so the
// gate counts unused passes: see [Config].Raise and Bar. Work first slows a program that
// collects passes, and then the program gets a few in an hour. So do browsers of the same
// kind at the same address that come to the same host for the first time meanwhile.
//
// A farm may claim to be many browsers, so the whole address has a bar too, five times as
// high: with the defaults 100 passes, and 100 more an hour. Above it, a kind of browser
// whose latest pass was never used gets no challenge. That stops a farm with a list of
// browsers, until the address has calmed. Any other kind gets the hardest challenge in
// its turn, 15 seconds in every three minutes: a visitor is told when to come.
//
// A farm may also invent a browser each time. So above that bar, all kinds of browsers
// that have earned no pass in the last hour count together as one kind, with its bar,
// until what they have earned is forgotten. That stops this farm, too. While it goes on,
// it competes with new visitors for the few passes that are left to both. Visitors who
// hold a pass, or come back after one, and kinds of browsers that use their passes get in
// meanwhile. Three minutes after the farm has stopped, all kinds get in, and in the hour
// after it new ones within minutes, up to 80.
//
// One kind of farm is slowed, but not stopped, because nothing distinguishes it from
// people: one that uses each of its passes, and claims to be the same dozen browsers. In
// doubt, the gate sends a challenge instead of refusing: the farm only wins passes for its
// own address, where one pass is enough.
//
// A visitor who waits instead of working ([Config].Wait) pays nothing for a pass. Waits
// are counted apart, and a full count bars only from waiting.
//
// Nobody loses a pass. A client with an earlier pass gets the challenge of an address
// without other clients: once for each pass, after the pass has ended. Otherwise one
// pass, sent with every answer, would cover a whole farm.
//
// # Failure
//
// The embedded challenge replaces a provider that fails; a failure never gives a pass. A
// network that has sent 20 wrong answers in some minutes also gets it, at the hardest
// level: the provider gets no more of its answers, and its other people still get in. A
// full memory refuses solutions, so that none counts twice. A proof that cannot be read,
// is not signed, or has ended is invalid.
package challenge

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// Config describes a gate. Only Keys is required.
type Config struct {
	// Keys sign passes and challenges.
	Keys *Keyring

	// Memory keeps the solved challenges. Gates may share one, and it may outlive
	// them. Default: the gate's own.
	Memory *Memory

	// Provider tells people from programs. Default: none, the embedded proof of
	// work.
	Provider Provider

	// Level is that of a client's first challenge; a pass of a lower level does not
	// count. Default: Medium.
	Level Level

	// TTL is how long a pass holds without use, one minute to 24 hours. A pass in use
	// is renewed, until a day after it was earned. Default: 30m.
	TTL time.Duration

	// Raise is how many points raise the level of the next challenge by one. A client
	// without a pass gets a point for a solution while the pass earned before it is
	// unused (a program collects passes), and a quarter if that pass is in use (another
	// visitor came). One point expires every three minutes. Points count for browsers of
	// one kind (user agent and languages) at one address and host; for the whole address
	// at that host the limit is five times as high. Wrong answers of clients that have
	// solved challenges add a quarter each. Default: 5; negative: never.
	Raise int

	// Bar is how many points make the verdict [Barred] until enough have expired: clients
	// without a pass get no challenge. With the default that is after about 20 unused
	// passes, or 80 browsers of one kind within minutes; and after five times as many of
	// all kinds: then each kind that uses its passes has a turn every three minutes, and
	// all new kinds count as one.
	// Wrong answers do not bar. Default: 20; negative: never.
	Bar int

	// Hosts share passes: each listed host, and all below it. A pass that is earned at
	// one of them holds at all. Its cookie is for their common domain and reaches every
	// host of that domain. All must be in one domain that browsers accept cookies for,
	// such as example.com, not co.uk. Default: a pass holds for one host.
	Hosts []string

	// HTTPS reports whether a request without TLS used HTTPS to a proxy. Then the cookie
	// of its pass is for HTTPS only, and is sent with requests from other sites. Default:
	// whether X-Forwarded-Proto says https.
	HTTPS func(*http.Request) bool

	// Wait is how long visitors without JavaScript wait on the page, 5s to 60s, before a
	// button lets them in; each raise of their level doubles it. It stops only simple
	// bots. Default: 0, the page explains why they cannot enter.
	Wait time.Duration

	// Page describes the page. Its zero value is the built-in one.
	Page PageConfig

	// Counters receives the counts. Gates may share it, and it may outlive them.
	// Default: the gate's own.
	Counters *Counters

	// Failed is called when the provider fails and the embedded challenge replaces it,
	// at most once a minute. Default: none.
	Failed func(error)
}

// A Visitor is the client of a request, with the reason and the start of a challenge.
type Visitor struct {
	// Addr is the client's address, normalized: IPv4 rather than IPv4 mapped into
	// IPv6, and without a zone.
	Addr netip.Addr

	// Since is when the decision came into force. An earlier pass does not count. With
	// the zero time every pass counts.
	Since time.Time

	// Request says that the challenge is due because of this request, and not because of
	// a decision about the client: then the request is never exempt.
	Request bool

	// Ref is the reference on the page and in the log, Time the time of the request.
	Ref  string
	Time time.Time
}

// A Verdict says what happens to a request of a client with a captcha decision.
type Verdict uint8

// The verdicts.
const (
	Due    Verdict = iota // Challenge answers it; the zero value, the strict side
	Passed                // it carries a pass that counts: let it through
	Exempt                // no challenge applies to it: let it through as [Gate.Exempt] says
	Barred                // its address collects passes: refuse it for now
)

// A Provider is a service that tells people from programs.
type Provider interface {
	// Name is its name in metrics and logs, such as "turnstile".
	Name() string

	// Widget returns the widget that the page shows.
	Widget() Widget

	// Verify checks the response that the widget gave the browser. The error
	// [ErrRefused] says that the response is no proof, any other error that the
	// provider failed. It limits its wait.
	Verify(ctx context.Context, c Claim) error
}

// ErrRefused is the error of a [Provider] for a response that is no proof.
var ErrRefused = errors.New("the proof is invalid")

// A Claim is a visitor's response from a provider.
type Claim struct {
	Response string     // the widget's response, at most 16 KiB
	Host     string     // that the visitor requested, without a port
	Addr     netip.Addr // of the visitor
}

// A Widget is what the page shows in place of the embedded challenge.
type Widget struct {
	Script string            // URL of the script that creates it
	Inline string            // the script itself, if Script is empty
	Class  string            // class of the element that it fills
	Data   map[string]string // data attributes of that element, such as sitekey
	Field  string            // name of the form field that it writes its response to

	// What the Content-Security-Policy must allow beside the nonce: sources for
	// script-src, frame-src, style-src, connect-src, worker-src and img-src.
	Policy map[string][]string

	// Puzzle says that the response is a solution of the gate's own puzzle, in
	// ALTCHA's form. The element gets the puzzle as JSON in data-challenge, the language
	// of the page in data-language, and the texts of ALTCHA's widget as a JSON object in
	// data-strings. The gate checks the solution itself and asks no provider. Such a
	// widget may need a secure context: over plain HTTP the page shows the embedded
	// challenge.
	Puzzle bool
}
