package replay

import (
	"fmt"
	"time"

	"github.com/tocsin-project/tocsin/lookup"
)

// A Report says what would have happened on a server.
type Report struct {
	Requests int       `json:"requests"`
	Stopped  int       `json:"stopped"` // of them, that would have been
	Clients  int       `json:"clients"`
	Crowded  bool      `json:"crowded,omitempty"` // there were too many clients to count
	From     time.Time `json:"from,omitzero"`     // when the first request came
	To       time.Time `json:"to,omitzero"`       // and the last

	Banned     int `json:"banned"`     // clients
	Challenged int `json:"challenged"` // clients that would have been challenged, and not banned

	Allowed   int `json:"allowed"`   // requests from allowed clients, which are not judged
	Spared    int `json:"spared"`    // requests from clients about which no decision is made, such as those of private networks
	Backwards int `json:"backwards"` // requests that ended more than a minute before an earlier line's request

	Redacted map[string]int `json:"redacted,omitempty"` // header values that Caddy has redacted
	Bodies   int            `json:"bodies"`             // requests whose body is in the log
	Skipped  Skipped        `json:"skipped"`

	// The scenarios that ran, and the ones that cannot run here.
	Looked  int      `json:"looked_for"`
	LeftOut []string `json:"left_out,omitempty"`
	// RulesRun is how many rules of the WAF ran.
	RulesRun int `json:"rules_run,omitempty"`

	Offenders []*Offender `json:"offenders"`            // in the order in which they would have been stopped
	Unlisted  int         `json:"unlisted,omitempty"`   // of those that are counted, for want of room
	Scenarios []*Scenario `json:"scenarios"`            // those that have alerted, the one that stops most first
	Rules     []*Rule     `json:"rules,omitempty"`      // of the WAF, those that match, likewise
	Seconds   float64     `json:"seconds,omitempty"`    // that it took
	Speed     float64     `json:"per_second,omitempty"` // requests
}

// An Offender is a client that would have been stopped.
type Offender struct {
	Client    string    `json:"client"`     // its address, or its network of IPv6
	Action    string    `json:"action"`     // the action of the strongest decision about it
	Scenario  string    `json:"scenario"`   // that came first
	Time      time.Time `json:"time"`       // the time of the request that caused it
	At        string    `json:"at"`         // the position of that request, such as access.log:12
	Request   string    `json:"request"`    // method and path
	Before    int       `json:"before"`     // its requests up to that one
	After     int       `json:"after"`      // its requests that would have been stopped
	UserAgent string    `json:"user_agent"` // of that request
	Verdicts  []Verdict `json:"verdicts"`   // the first few decisions

	action lookup.Action
}

// A Verdict is a decision about a client.
type Verdict struct {
	Time     time.Time `json:"time"`
	At       string    `json:"at"`
	Action   string    `json:"action"`
	Scenario string    `json:"scenario"`
	Target   string    `json:"target"` // the address or network that it is about
	Until    time.Time `json:"until,omitzero"`
}

// A Scenario has the results of one scenario.
type Scenario struct {
	Name       string `json:"name"`
	Clients    int    `json:"clients"`    // that it alerted about
	Alerts     int    `json:"alerts"`     // all of them
	Bans       int    `json:"bans"`       // decisions
	Challenges int    `json:"challenges"` // decisions for less than a ban
	Spared     int    `json:"spared"`     // alerts about clients about which no decision is made
	Stopped    int    `json:"stopped"`    // requests that its decisions would have stopped
}

// A Rule has the results of one rule of the WAF.
type Rule struct {
	Name     string `json:"name"`
	Clients  int    `json:"clients"`  // whose requests it matched
	Stopped  int    `json:"stopped"`  // requests that it would have stopped, or asked for a challenge
	Observed int    `json:"observed"` // requests that it would only have reported
}

// Stops reports whether any client would have been stopped.
func (r *Report) Stops() bool { return r.Banned+r.Challenged+r.Stopped > 0 }

// Err returns an error if the logs are not empty but contain no request. Without this, the
// result that no client was stopped would be misleading.
func (r *Report) Err() error {
	if r.Requests > 0 || r.Skipped.Lines == 0 && len(r.Skipped.Broken) == 0 {
		return nil
	}
	why := "want Caddy's access log in JSON, or the common or combined log of Apache and nginx"
	if len(r.Skipped.Broken) > 0 {
		why = r.Skipped.Broken[0]
	} else if len(r.Skipped.Examples) > 0 {
		why = r.Skipped.Examples[0].At + ": " + r.Skipped.Examples[0].Reason + "; " + why
	}
	return fmt.Errorf("reading the logs: no request in them: %s", why)
}
