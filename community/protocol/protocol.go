// Package protocol is what a tocsin and the centre of its community say to each other: JSON
// over HTTPS, below /api/v1 of the centre. A member sends its key as
// "Authorization: Bearer KEY". Every error is an [Error] with the status code. Bodies may be
// compressed with gzip, and are 1 MiB at most.
//
//	POST /api/v1/join       JoinRequest → JoinAnswer      an invitation becomes a key; no key needed
//	POST /api/v1/signals    SignalsRequest → SignalsAnswer
//	GET  /api/v1/list       → List                        ?after=SEQ: only what changed
//	GET  /api/v1/questions  → Questions
//	POST /api/v1/answers    AnswersRequest → Empty
//	GET  /api/v1/standing   → Standing
package protocol

import "time"

// MaxSignals is how many signals a batch has at most.
const MaxSignals = 250

// An Error is the body of every answer that is not a success.
type Error struct {
	Message string `json:"message"`
}

// Empty is the body of a success with nothing to say.
type Empty struct{}

// JoinRequest asks to become a member.
type JoinRequest struct {
	Invitation string `json:"invitation"`
	Name       string `json:"name"`  // of this server, for its operator: 1 to 64 characters
	Terms      string `json:"terms"` // the version of the terms that the operator accepts; empty: ask which
	Agent      string `json:"agent"` // such as tocsin/0.3.0
}

// JoinAnswer is the answer: the key, or the terms to accept first.
type JoinAnswer struct {
	Key      string `json:"key,omitempty"`
	Login    string `json:"login,omitempty"`
	Terms    string `json:"terms"`     // their current version
	TermsURL string `json:"terms_url"` // where to read them
	Name     string `json:"name"`      // of the community
}

// SignalsRequest reports what a member saw.
type SignalsRequest struct {
	Signals []Signal `json:"signals"`
}

// A Signal is all that leaves a member's server about an address.
type Signal struct {
	Address  string    `json:"address"` // IPv4 address, or /64 of IPv6
	Scenario string    `json:"scenario"`
	Hash     string    `json:"hash,omitempty"` // SHA-256 of the scenario's file in hexadecimal
	First    time.Time `json:"first"`          // to the minute
	Last     time.Time `json:"last"`
	Count    int       `json:"count"` // a power of two, rounded down
	// Reflected, EarlyData and Manual: see community.Flags. Signals with the first two weigh
	// nothing.
	Reflected bool `json:"reflected,omitempty"`
	EarlyData bool `json:"early_data,omitempty"`
	Manual    bool `json:"manual,omitempty"`
}

// SignalsAnswer says what became of the signals. Refused ones are never to be sent again.
type SignalsAnswer struct {
	Accepted int       `json:"accepted"`
	Known    int       `json:"known,omitempty"` // that were there before
	Refused  []Refusal `json:"refused,omitempty"`
	// Notice is for the operator of the member, such as "your own address 192.0.2.7 attacks
	// others".
	Notice string `json:"notice,omitempty"`
}

// A Refusal says why a signal is refused.
type Refusal struct {
	Index  int    `json:"index"`
	Reason string `json:"reason"`
}

// A List is the list, or what changed of it.
type List struct {
	Seq   uint64  `json:"seq"`            // ask for what is after it the next time
	Full  bool    `json:"full"`           // the entries are the whole list
	More  bool    `json:"more,omitempty"` // ask again at once
	Items []Entry `json:"items"`
	// Name of the community, and the address of the page that explains a listing, with
	// {address} in it.
	Name    string `json:"name"`
	Explain string `json:"explain,omitempty"`
}

// An Entry is a listed unit. Action "none" says that it is not listed any more.
type Entry struct {
	Prefix    string    `json:"prefix"`
	Action    string    `json:"action"` // ban, captcha or none
	Until     time.Time `json:"until"`
	Behaviour string    `json:"behaviour,omitempty"`
	List      string    `json:"list,omitempty"` // tor or scanners; empty: the main list
}

// Questions are the units about which members are asked whether they see ordinary use. A
// member answers about those only.
type Questions struct {
	ID    string    `json:"id"`    // to answer with
	Units []string  `json:"units"` // 1,000 at most
	Until time.Time `json:"until"`
}

// AnswersRequest says which of the units use the member's site in the ordinary way.
type AnswersRequest struct {
	ID      string   `json:"id"`
	Answers []Answer `json:"answers"`
}

// An Answer says that a unit uses the site: a signed session of a day or more, a solved
// challenge, or a login.
type Answer struct {
	Unit  string    `json:"unit"`
	Last  time.Time `json:"last"`  // to the hour
	Count int       `json:"count"` // a power of two
}

// Standing is how the centre sees a member.
type Standing struct {
	State       string   `json:"state"` // active, vouched, quarantined or suspended
	Established bool     `json:"established"`
	Trust       string   `json:"trust"`   // 0.00 to 1.00
	Why         []string `json:"why"`     // sentences for the operator
	Reports     int64    `json:"reports"` // of the last 14 days
	Confirmed   int64    `json:"confirmed"`
	Own         []string `json:"own,omitempty"` // the member's own addresses that others report
	Notice      string   `json:"notice,omitempty"`
}
