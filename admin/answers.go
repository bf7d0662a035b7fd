package admin

import (
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lookup"
)

// The answers of the admin API and of the commands with --json. Scripts read them: new
// fields may be added, but existing ones keep their names and meaning. Times are in
// UTC, in the format of RFC 3339. A field with omitempty or omitzero is left out if it
// is empty.

// Status is the state of the running config.
type Status struct {
	Version    string            `json:"version"`              // of this module
	Ready      bool              `json:"ready"`                // every source was in sync recently enough
	Reason     string            `json:"reason,omitempty"`     // why it is not ready
	Decisions  int               `json:"decisions"`            // in the table
	Warnings   []string          `json:"warnings,omitempty"`   // about probable mistakes in the config
	Sources    []Source          `json:"sources"`              // in the order of the config, live ones last
	Databases  []Source          `json:"databases,omitempty"`  // geo databases
	Allow      []Source          `json:"allow,omitempty"`      // lists of clients that are never stopped
	Servers    []Server          `json:"servers"`              // servers with the directive, by name
	Challenge  *Challenge        `json:"challenge,omitempty"`  // left out if it is off
	Detect     *Detect           `json:"detect,omitempty"`     // none if it is off
	Inspectors []Inspector       `json:"inspectors,omitempty"` // none: none is configured
	WAF        *WAF              `json:"waf,omitempty"`        // left out without a WAF
	Spared     Spared            `json:"spared"`               // lookups with a decision that does not apply
	Countries  map[string]uint64 `json:"countries,omitempty"`  // stopped requests by country of the client
	Snapshot   *Snapshot         `json:"snapshot,omitempty"`   // none if it is off
	Memory     Memory            `json:"memory"`
}

// Spared counts lookups with a decision of a remote source that does not apply, because
// it would cut off the server.
type Spared struct {
	Own     uint64 `json:"own"`     // of addresses of this server
	Proxies uint64 `json:"proxies"` // of trusted proxies
}

// Source is the state of one source of decisions.
type Source struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind"`                  // lapi, lapi live, community, file, url or mmdb
	Ready      bool      `json:"ready"`                 // it was in sync recently enough
	Synced     time.Time `json:"synced,omitzero"`       // its last sync; left out: never
	Carried    time.Time `json:"carried,omitzero"`      // its last sync before this engine, from the snapshot or an earlier config; left out: unknown
	AgeSeconds *int64    `json:"age_seconds,omitempty"` // since then
	Decisions  int       `json:"decisions"`             // of this source in the table
	Held       int       `json:"held,omitempty"`        // ranges that are not enforced, because they cover too many addresses
	Failures   int       `json:"failures"`              // failed tries since the last sync
	Error      string    `json:"error,omitempty"`       // why the last try failed
	Next       time.Time `json:"next,omitzero"`         // time of the next try

	Counts map[string]uint64 `json:"counts,omitempty"` // its own counts since its start

	Allowlist  *Allowlist  `json:"allowlist,omitempty"`  // of a Local API with a machine
	Membership *Membership `json:"membership,omitempty"` // of a community
}

// Membership is the standing of this server in a community.
type Membership struct {
	Community   string   `json:"community"`         // its name
	State       string   `json:"state,omitempty"`   // active, vouched, quarantined or suspended; left out: unknown yet
	Established bool     `json:"established"`       // its reports count in full
	Trust       string   `json:"trust,omitempty"`   // 0.00 to 1.00
	Why         []string `json:"why,omitempty"`     // sentences
	Reports     int64    `json:"reports"`           // of the last 14 days
	Confirmed   int64    `json:"confirmed"`         // of these
	Own         []string `json:"own,omitempty"`     // addresses of this server that other members report
	Notices     []string `json:"notices,omitempty"` // what the operator should know; warnings of the status too
}

// Allowlist is the state of the allowlists of a Local API.
type Allowlist struct {
	Entries    int       `json:"entries"`
	Read       time.Time `json:"read,omitzero"`         // when they were last read; left out: never
	AgeSeconds *int64    `json:"age_seconds,omitempty"` // since then
	Error      string    `json:"error,omitempty"`       // why the last try failed
}

// Server has the counts of one server since the start of the engine.
type Server struct {
	Server        string            `json:"server"`
	Processed     uint64            `json:"processed"`         // all checked requests
	Stopped       map[string]uint64 `json:"stopped"`           // by action
	Origins       map[string]uint64 `json:"origins,omitempty"` // stopped, by the decision's origin
	DryRun        uint64            `json:"dry_run"`           // passed only because of dry_run
	Ended         uint64            `json:"ended"`             // passed, and ended while they were served
	Passed        uint64            `json:"passed"`            // passed against a captcha decision, with a pass
	Allowed       uint64            `json:"allowed"`           // passed against a decision, because of allow
	UnknownClient uint64            `json:"unknown_client"`    // passed with an unknown address

	Connections       uint64 `json:"connections,omitempty"`         // those of stopped whose connection was closed before any request
	ConnectionsDryRun uint64 `json:"connections_dry_run,omitempty"` // connections that were not closed only because of dry_run
}

// Challenge has the counts of challenges since the start of the process.
type Challenge struct {
	Type     string `json:"type"`     // pow, altcha, turnstile and so on
	Secrets  string `json:"secrets"`  // config, storage, or own: then passes are valid on this server only, until its restart
	Issued   uint64 `json:"issued"`   // sent challenges
	Solved   uint64 `json:"solved"`   // proofs that earned a pass
	Failed   uint64 `json:"failed"`   // refused answers
	Replayed uint64 `json:"replayed"` // proofs that were used before
	Passed   uint64 `json:"passed"`   // requests that passed with a pass
	Barred   uint64 `json:"barred"`   // requests refused after too many solved challenges
	Fallback uint64 `json:"fallback"` // embedded challenges, because the provider failed
}

// Snapshot is the file that keeps the table over a restart.
type Snapshot struct {
	Path    string    `json:"path"`
	Written time.Time `json:"written,omitzero"` // left out: not yet
}

// Memory is the memory of the whole process, in bytes.
type Memory struct {
	Heap  uint64 `json:"heap_bytes"`  // all objects, including those that are not collected yet
	Total uint64 `json:"total_bytes"` // mapped by the Go runtime
}

// The results of a check besides the actions.
const (
	Passes      = "pass"
	Unavailable = "unavailable" // startup is closed, and the sources have not been in sync yet
)

// Check says how a request from an address would be treated.
type Check struct {
	Address     string      `json:"address"`               // normalized
	Result      string      `json:"result"`                // pass, throttle, captcha, ban or unavailable; with challenge off a captcha counts as throttle
	Allowed     bool        `json:"allowed"`               // by the global option allow, so on all sites
	Allowlisted []string    `json:"allowlisted,omitempty"` // sources whose allowlists have it, so that their decisions do not apply
	Own         bool        `json:"own,omitempty"`         // it is an address of this server, so remote decisions do not apply
	Exceptions  []Exception `json:"exceptions,omitempty"`  // directives that let it pass anyway
	Decision    *Decision   `json:"decision,omitempty"`    // the winning one
	Decisions   []Decision  `json:"decisions"`             // all in force for it; the winning one comes first
	Guards      []Guard     `json:"guards,omitempty"`      // in force on its network, or on its cross-site requests
	Country     string      `json:"country,omitempty"`     // if a geo database knows it
	AS          uint32      `json:"as,omitempty"`
}

// Exception is a directive that lets a client pass.
type Exception struct {
	Server string `json:"server"`
	Why    string `json:"why"` // allow, dry_run, or trusted_proxies: for requests of the proxy itself
}

// Decision is a decision in force.
type Decision struct {
	Scope  string    `json:"scope"`  // ip, range, country or as
	Target string    `json:"target"` // as the argument of unban: 192.0.2.1, 192.0.2.0/24, FR, AS64496
	Action string    `json:"action"` // ban, captcha or throttle
	Source string    `json:"source"` // the source's name
	Origin string    `json:"origin"` // such as CAPI
	Reason string    `json:"reason"` // usually the name of a scenario
	Since  time.Time `json:"since,omitzero"`
	Until  time.Time `json:"until,omitzero"` // left out: no end

	By      string `json:"by,omitempty"`      // the community that decides; only in a check
	Explain string `json:"explain,omitempty"` // the address of its page about the client; only in a check
}

// List lists decisions, in no fixed order.
type List struct {
	Decisions []Decision `json:"decisions"`
	Guards    []Guard    `json:"guards,omitempty"`
	More      bool       `json:"more"` // there are more decisions than limit
}

// Guard is a guard in force: the requests of its target need a solved challenge, unless
// the client is known to have logged in.
type Guard struct {
	Scope  string    `json:"scope"`  // place, network, or client (its cross-site requests)
	Target string    `json:"target"` // as the argument of unban: "POST example.com/login", 192.0.2.0/24, 192.0.2.1
	Reason string    `json:"reason"` // the scenario
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
}

// NewGuards returns guards in the form of the answers.
func NewGuards(all []engine.Guard) []Guard {
	answers := make([]Guard, len(all))
	for i, g := range all {
		answers[i] = Guard{string(g.Scope), g.Target, g.Reason, InSeconds(g.Since), InSeconds(g.Until)}
	}
	return answers
}

// Unban is the result of an unban.
type Unban struct {
	Target    string     `json:"target"`
	Removed   int        `json:"removed"`             // local number of decisions about exactly this target, and guards on it
	Upstream  []Upstream `json:"upstream,omitempty"`  // results of the Local APIs
	Remaining []Decision `json:"remaining,omitempty"` // decisions that are still in force for an address
}

// Upstream is the result of an unban in one Local API. After an error, its decisions
// may come back.
type Upstream struct {
	Source  string `json:"source"`
	Removed int    `json:"removed"`
	Error   string `json:"error,omitempty"`
}

// Sync is the progress of the sources after a request to read everything again.
type Sync struct {
	Sources []string  `json:"sources"`           // names of the sources that can do so
	Since   time.Time `json:"since"`             // time of the request, in nanoseconds
	Pending []Pending `json:"pending,omitempty"` // those that have not been in sync since
}

// Pending says why a source has not been in sync yet.
type Pending struct {
	Source string    `json:"source"`
	Error  string    `json:"error,omitempty"` // why the last try failed
	Next   time.Time `json:"next,omitzero"`   // when the next try is due
}

// NewDecision returns a decision in the form of the answers.
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

// NewDecisions returns decisions in the form of the answers.
func NewDecisions(all []lookup.Decision) []Decision {
	answers := make([]Decision, len(all))
	for i := range all {
		answers[i] = NewDecision(&all[i])
	}
	return answers
}

// InSeconds returns t in the form of the answers. The zero time stays zero.
func InSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Round(time.Second)
}
