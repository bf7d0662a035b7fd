package admin

import (
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// The answers of the admin API and of the commands' --json. Scripts read them,
// so fields may be added but keep their names and meaning. Times are in UTC as
// in RFC 3339. A field whose tag says omitempty or omitzero is left out when
// there is nothing to say.

// Status says how the engine of the running config stands.
type Status struct {
	Version    string            `json:"version"`              // of this module
	Ready      bool              `json:"ready"`                // the table is fit to judge by
	Reason     string            `json:"reason,omitempty"`     // why it is not
	Decisions  int               `json:"decisions"`            // held in the table
	Warnings   []string          `json:"warnings,omitempty"`   // of what the config is not likely to mean
	Sources    []Source          `json:"sources"`              // in the order of the config, live ones last
	Databases  []Source          `json:"databases,omitempty"`  // that say where an address is
	Allow      []Source          `json:"allow,omitempty"`      // lists of clients that are never stopped
	Servers    []Server          `json:"servers"`              // with the directive in them, by name
	Challenge  *Challenge        `json:"challenge,omitempty"`  // left out if it is off
	Detect     *Detect           `json:"detect,omitempty"`     // none if it is off
	Inspectors []Inspector       `json:"inspectors,omitempty"` // none if none is configured
	WAF        *WAF              `json:"waf,omitempty"`        // left out if there is none
	Spared     Spared            `json:"spared"`               // lookups that found a decision which is not enforced
	Countries  map[string]uint64 `json:"countries,omitempty"`  // requests stopped, by the country of their clients
	Snapshot   *Snapshot         `json:"snapshot,omitempty"`   // none if it is off
	Memory     Memory            `json:"memory"`
}

// Spared counts lookups that found a decision of a remote source which is not
// enforced: it would cut the server off.
type Spared struct {
	Own     uint64 `json:"own"`     // of addresses of this server
	Proxies uint64 `json:"proxies"` // of trusted proxies
}

// Source says how one source of decisions stands.
type Source struct {
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

	Allowlist *Allowlist `json:"allowlist,omitempty"` // of a Local API with a machine
}

// Allowlist says how the allowlists of a Local API stand.
type Allowlist struct {
	Entries    int       `json:"entries"`
	Read       time.Time `json:"read,omitzero"`         // when they last were; left out: never
	AgeSeconds *int64    `json:"age_seconds,omitempty"` // since then
	Error      string    `json:"error,omitempty"`       // why the last try failed
}

// Server counts the requests of one server, since the engine was made.
type Server struct {
	Server        string            `json:"server"`
	Processed     uint64            `json:"processed"`         // checked, whatever came of it
	Stopped       map[string]uint64 `json:"stopped"`           // by action
	Origins       map[string]uint64 `json:"origins,omitempty"` // stopped, by the decision's origin
	DryRun        uint64            `json:"dry_run"`           // let pass only because of dry_run
	Ended         uint64            `json:"ended"`             // let pass, and ended while they were served
	Passed        uint64            `json:"passed"`            // let pass by a pass, against a captcha decision
	Allowed       uint64            `json:"allowed"`           // let pass by allow, against a decision
	UnknownClient uint64            `json:"unknown_client"`    // let pass without an address to judge

	Connections       uint64 `json:"connections,omitempty"`         // those of stopped that were connections, closed before a request
	ConnectionsDryRun uint64 `json:"connections_dry_run,omitempty"` // connections left open only because of dry_run
}

// Challenge says what became of challenges, since the process began.
type Challenge struct {
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

// Snapshot says where the table is kept over a restart.
type Snapshot struct {
	Path    string    `json:"path"`
	Written time.Time `json:"written,omitzero"` // left out: not yet
}

// Memory says what the whole process holds, in bytes.
type Memory struct {
	Heap  uint64 `json:"heap_bytes"`  // objects, the dead ones that are not collected yet included
	Total uint64 `json:"total_bytes"` // mapped by the Go runtime
}

// Results of a check, beside the actions.
const (
	Passes      = "pass"
	Unavailable = "unavailable" // startup is closed, and nothing was in sync yet
)

// Check says what would become of a request from an address.
type Check struct {
	Address     string      `json:"address"`               // normalized
	Result      string      `json:"result"`                // pass, throttle, captcha, ban or unavailable; with challenge off a captcha turns away as throttle does
	Allowed     bool        `json:"allowed"`               // everywhere, by the global option allow
	Allowlisted []string    `json:"allowlisted,omitempty"` // by the allowlists of these sources, for their own decisions
	Own         bool        `json:"own,omitempty"`         // it is an address of this server: no remote source's decisions hold
	Exceptions  []Exception `json:"exceptions,omitempty"`  // directives that let it pass all the same
	Decision    *Decision   `json:"decision,omitempty"`    // the one that wins
	Decisions   []Decision  `json:"decisions"`             // all in force for it, the one that wins first
	Guards      []Guard     `json:"guards,omitempty"`      // in force on its network, or on what other sites' pages make it send
	Country     string      `json:"country,omitempty"`     // where it is, if a database knows
	AS          uint32      `json:"as,omitempty"`
}

// Exception names a directive that lets a client pass by itself.
type Exception struct {
	Server string `json:"server"`
	Why    string `json:"why"` // allow, dry_run, or trusted_proxies: requests that name no client
}

// Decision is a decision in force.
type Decision struct {
	Scope  string    `json:"scope"`  // ip, range, country or as
	Target string    `json:"target"` // what unban takes: 192.0.2.1, 192.0.2.0/24, FR, AS64496
	Action string    `json:"action"` // ban, captcha or throttle
	Source string    `json:"source"` // the source's name
	Origin string    `json:"origin"` // who decided, such as CAPI
	Reason string    `json:"reason"` // why, mostly a scenario's name
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // left out: it has no end
}

// List lists decisions, in no fixed order.
type List struct {
	Decisions []Decision `json:"decisions"`
	Guards    []Guard    `json:"guards,omitempty"`
	More      bool       `json:"more"` // there are more than limit
}

// Guard is a guard in force: requests that it is about need a solved
// challenge, unless the client is known to have logged in.
type Guard struct {
	Scope  string    `json:"scope"`  // place, network, or client: what other sites' pages make it send
	Target string    `json:"target"` // what unban takes: "POST example.com/login", 192.0.2.0/24, 192.0.2.1
	Reason string    `json:"reason"` // the scenario
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// NewGuards returns guards as answers have them.
func NewGuards(all []engine.Guard) []Guard {
	answers := make([]Guard, len(all))
	for i, g := range all {
		answers[i] = Guard{string(g.Scope), g.Target, g.Reason, InSeconds(g.Since), InSeconds(g.Until)}
	}
	return answers
}

// Unban says what became of an unban.
type Unban struct {
	Target    string     `json:"target"`
	Removed   int        `json:"removed"`             // decisions about the very target, here, and guards on it
	Upstream  []Upstream `json:"upstream,omitempty"`  // what the Local APIs did
	Remaining []Decision `json:"remaining,omitempty"` // still in force for an address
}

// Upstream says what one Local API did about an unban. Where there is an
// error, the decisions may come back from there.
type Upstream struct {
	Source  string `json:"source"`
	Removed int    `json:"removed"`
	Error   string `json:"error,omitempty"`
}

// Sync says how far the sources are that were asked to read everything anew.
type Sync struct {
	Sources []string  `json:"sources"`           // that can be asked, by name
	Since   time.Time `json:"since"`             // when they were, to the nanosecond
	Pending []Pending `json:"pending,omitempty"` // those of them that were not in sync since
}

// Pending says why a source was not in sync yet.
type Pending struct {
	Source string    `json:"source"`
	Error  string    `json:"error,omitempty"` // why the last try failed
	Next   time.Time `json:"next,omitzero"`   // when the next try is due
}

// NewDecision returns a decision as answers have it.
func NewDecision(d *lookup.Decision) Decision {
	a := Decision{
		Scope: scopeOf(d), Target: d.Target(), Action: d.Action.String(),
		Source: d.Source, Origin: d.Origin, Reason: d.Reason,
		Since: InSeconds(d.Since), Until: InSeconds(d.Until),
	}
	if a.Scope == "as" {
		a.Target = "AS" + a.Target
	}
	return a
}

func scopeOf(d *lookup.Decision) string {
	switch {
	case d.Country != "":
		return "country"
	case d.AS != 0:
		return "as"
	case d.Prefix.IsSingleIP():
		return "ip"
	}
	return "range"
}

// NewDecisions returns decisions as answers have them.
func NewDecisions(all []lookup.Decision) []Decision {
	answers := make([]Decision, len(all))
	for i := range all {
		answers[i] = NewDecision(&all[i])
	}
	return answers
}

// InSeconds returns t as answers have it. The zero time stays zero.
func InSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Round(time.Second)
}
