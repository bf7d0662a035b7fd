package caddymodule

import (
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// The answers of the admin API and of the commands' --json. Scripts read them,
// so fields may be added but keep their names and meaning. Times are in UTC as
// in RFC 3339. A field whose tag says omitempty or omitzero is left out when
// there is nothing to say.

// statusAnswer says how the engine of the running config stands.
type statusAnswer struct {
	Version    string            `json:"version"`              // of this module
	Ready      bool              `json:"ready"`                // the table is fit to judge by
	Reason     string            `json:"reason,omitempty"`     // why it is not
	Decisions  int               `json:"decisions"`            // held in the table
	Warnings   []string          `json:"warnings,omitempty"`   // of what the config is not likely to mean
	Sources    []sourceAnswer    `json:"sources"`              // in the order of the config, live ones last
	Databases  []sourceAnswer    `json:"databases,omitempty"`  // that say where an address is
	Allow      []sourceAnswer    `json:"allow,omitempty"`      // lists of clients that are never stopped
	Servers    []serverAnswer    `json:"servers"`              // with the directive in them, by name
	Challenge  *challengeAnswer  `json:"challenge,omitempty"`  // left out if it is off
	Detect     *detectAnswer     `json:"detect,omitempty"`     // none if it is off
	Inspectors []inspectorAnswer `json:"inspectors,omitempty"` // none if none is configured
	Spared     sparedAnswer      `json:"spared"`               // lookups that found a decision which is not enforced
	Countries  map[string]uint64 `json:"countries,omitempty"`  // requests stopped, by the country of their clients
	Snapshot   *snapshotAnswer   `json:"snapshot,omitempty"`   // none if it is off
	Memory     memoryAnswer      `json:"memory"`
}

// sparedAnswer counts lookups that found a decision of a remote source which is not
// enforced: it would cut the server off.
type sparedAnswer struct {
	Own     uint64 `json:"own"`     // of addresses of this server
	Proxies uint64 `json:"proxies"` // of trusted proxies
}

// sourceAnswer says how one source of decisions stands.
type sourceAnswer struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`                  // lapi, lapi live, file, url or mmdb
	Ready      bool      `json:"ready"`                 // was in step lately enough
	Synced     time.Time `json:"synced,omitzero"`       // when it last was in step; left out: never
	Carried    time.Time `json:"carried,omitzero"`      // when it was before, by the snapshot or an earlier config; left out: neither says so
	AgeSeconds *int64    `json:"age_seconds,omitempty"` // since then
	Decisions  int       `json:"decisions"`             // of it in the table
	Held       int       `json:"held,omitempty"`        // ranges that are not enforced, since they cover too many addresses
	Failures   int       `json:"failures"`              // failed tries since then
	Error      string    `json:"error,omitempty"`       // why the last try failed
	Next       time.Time `json:"next,omitzero"`         // when the next try is due

	Counts map[string]uint64 `json:"counts,omitempty"` // that it has of its own, since it was made

	Allowlist *allowlistAnswer `json:"allowlist,omitempty"` // of a Local API with a machine
}

// allowlistAnswer says how the allowlists of a Local API stand.
type allowlistAnswer struct {
	Entries    int       `json:"entries"`
	Read       time.Time `json:"read,omitzero"`         // when they last were; left out: never
	AgeSeconds *int64    `json:"age_seconds,omitempty"` // since then
	Error      string    `json:"error,omitempty"`       // why the last try failed
}

// serverAnswer counts the requests of one server, since the engine was made.
type serverAnswer struct {
	Server        string            `json:"server"`
	Processed     uint64            `json:"processed"`         // checked, whatever came of it
	Stopped       map[string]uint64 `json:"stopped"`           // by action
	Origins       map[string]uint64 `json:"origins,omitempty"` // stopped, by the decision's origin
	DryRun        uint64            `json:"dry_run"`           // let pass only because of dry_run
	Ended         uint64            `json:"ended"`             // let pass, and ended while they were served
	Passed        uint64            `json:"passed"`            // let pass by a pass, against a captcha decision
	Allowed       uint64            `json:"allowed"`           // let pass by allow, against a decision
	UnknownClient uint64            `json:"unknown_client"`    // let pass without an address to judge
}

// challengeAnswer says what became of challenges, since the process began.
type challengeAnswer struct {
	Type     string `json:"type"`     // pow, altcha, turnstile and so on
	Secrets  string `json:"secrets"`  // config, storage, or own: then passes hold on this server only, until it is restarted
	Issued   uint64 `json:"issued"`   // challenges sent
	Solved   uint64 `json:"solved"`   // proofs that earned a pass
	Failed   uint64 `json:"failed"`   // answers that were none
	Replayed uint64 `json:"replayed"` // proofs that had been used before
	Passed   uint64 `json:"passed"`   // requests let through by a pass
	Barred   uint64 `json:"barred"`   // requests refused after too many solved challenges
	Fallback uint64 `json:"fallback"` // embedded challenges because the provider failed
}

// snapshotAnswer says where the table is kept over a restart.
type snapshotAnswer struct {
	Path    string    `json:"path"`
	Written time.Time `json:"written,omitzero"` // left out: not yet
}

// memoryAnswer says what the whole process holds, in bytes.
type memoryAnswer struct {
	Heap  uint64 `json:"heap_bytes"`  // objects, the dead ones that are not collected yet included
	Total uint64 `json:"total_bytes"` // mapped by the Go runtime
}

// checkAnswer says what would become of a request from an address.
type checkAnswer struct {
	Address     string            `json:"address"`               // normalized
	Result      string            `json:"result"`                // pass, throttle, captcha, ban or unavailable; with challenge off a captcha turns away as throttle does
	Allowed     bool              `json:"allowed"`               // everywhere, by the global option allow
	Allowlisted []string          `json:"allowlisted,omitempty"` // by the allowlists of these sources, for their own decisions
	Own         bool              `json:"own,omitempty"`         // it is an address of this server: no remote source's decisions hold
	Exceptions  []exceptionAnswer `json:"exceptions,omitempty"`  // directives that let it pass all the same
	Decision    *decisionAnswer   `json:"decision,omitempty"`    // the one that wins
	Decisions   []decisionAnswer  `json:"decisions"`             // all in force for it, the one that wins first
	Guards      []guardAnswer     `json:"guards,omitempty"`      // in force on its network, or on what other sites' pages make it send
	Country     string            `json:"country,omitempty"`     // where it is, if a database knows
	AS          uint32            `json:"as,omitempty"`
}

// exceptionAnswer names a directive that lets a client pass by itself.
type exceptionAnswer struct {
	Server string `json:"server"`
	Why    string `json:"why"` // allow, dry_run, or trusted_proxies: requests that name no client
}

// decisionAnswer is a decision in force.
type decisionAnswer struct {
	Scope  string    `json:"scope"`  // ip, range, country or as
	Target string    `json:"target"` // what unban takes: 192.0.2.1, 192.0.2.0/24, FR, AS64496
	Action string    `json:"action"` // ban, captcha or throttle
	Source string    `json:"source"` // the source's name
	Origin string    `json:"origin"` // who decided, such as CAPI
	Reason string    `json:"reason"` // why, mostly a scenario's name
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // left out: it has no end
}

// listAnswer lists decisions, in no fixed order.
type listAnswer struct {
	Decisions []decisionAnswer `json:"decisions"`
	Guards    []guardAnswer    `json:"guards,omitempty"`
	More      bool             `json:"more"` // there are more than limit
}

// guardAnswer is a guard in force: requests that it is about need a solved
// challenge, unless the client is known to have logged in.
type guardAnswer struct {
	Scope  string    `json:"scope"`  // place, network, or client: what other sites' pages make it send
	Target string    `json:"target"` // what unban takes: "POST example.com/login", 192.0.2.0/24, 192.0.2.1
	Reason string    `json:"reason"` // the scenario
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

func newGuardAnswers(all []engine.Guard) []guardAnswer {
	answers := make([]guardAnswer, len(all))
	for i, g := range all {
		answers[i] = guardAnswer{string(g.Scope), g.Target, g.Reason, inSeconds(g.Since), inSeconds(g.Until)}
	}
	return answers
}

// unbanAnswer says what became of an unban.
type unbanAnswer struct {
	Target    string           `json:"target"`
	Removed   int              `json:"removed"`             // decisions about the very target, here, and guards on it
	Upstream  []upstreamAnswer `json:"upstream,omitempty"`  // what the Local APIs did
	Remaining []decisionAnswer `json:"remaining,omitempty"` // still in force for an address
}

// upstreamAnswer says what one Local API did about an unban. Where there is an
// error, the decisions may come back from there.
type upstreamAnswer struct {
	Source  string `json:"source"`
	Removed int    `json:"removed"`
	Error   string `json:"error,omitempty"`
}

// syncAnswer says how far the sources are that were asked to read everything anew.
type syncAnswer struct {
	Sources []string        `json:"sources"`           // that can be asked, by name
	Since   time.Time       `json:"since"`             // when they were, to the nanosecond
	Pending []pendingAnswer `json:"pending,omitempty"` // those of them that were not in sync since
}

// pendingAnswer says why a source was not in sync yet.
type pendingAnswer struct {
	Source string    `json:"source"`
	Error  string    `json:"error,omitempty"` // why the last try failed
	Next   time.Time `json:"next,omitzero"`   // when the next try is due
}

// readyAnswer is what the directive tocsin_ready says.
type readyAnswer struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

func newDecisionAnswer(d *lookup.Decision) decisionAnswer {
	a := decisionAnswer{
		Scope: "range", Target: d.Target(), Action: d.Action.String(),
		Source: d.Source, Origin: d.Origin, Reason: d.Reason,
		Since: inSeconds(d.Since), Until: inSeconds(d.Until),
	}
	switch {
	case d.Country != "":
		a.Scope = "country"
	case d.AS != 0:
		a.Scope, a.Target = "as", "AS"+strconv.FormatUint(uint64(d.AS), 10)
	case d.Prefix.IsSingleIP():
		a.Scope = "ip"
	}
	return a
}

func newDecisionAnswers(all []lookup.Decision) []decisionAnswer {
	answers := make([]decisionAnswer, len(all))
	for i := range all {
		answers[i] = newDecisionAnswer(&all[i])
	}
	return answers
}

// inSeconds returns t as answers have it. The zero time stays zero.
func inSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Round(time.Second)
}
