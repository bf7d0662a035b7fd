// Package consensus answers one question about what many sites report: which addresses
// does the community list, and why?
//
// [Evaluate] judges one address, from the reports about it, from what members say of
// ordinary use, and from the standing of those members. [Standings] says how much each
// member is trusted, and [Components] which members report the same addresses too often
// to be independent.
//
// # What it promises
//
// The functions are pure: no clock, no input or output, no randomness. The result does
// not depend on the order of the input, nor on that of a map, and all weights are
// integers. So a replay of the log of reports gives the same list, bit for bit.
//
// # What lists an address
//
// Enough established members must agree, from at least two networks, who are not one
// another's echo. All others together add a quarter of what it takes, however many they
// are. A tier rises only because of a new report; time, trust and ordinary use only lower
// it. Addresses of known services, and those whose owners have appealed, are not listed
// whatever is reported, and an address that many people share is at most challenged.
//
// # What the caller does
//
// Who a member is, whether a report is well formed, and which class an address belongs
// to is the caller's to say. He numbers the reports as they arrive, keeps
// [Verdict.Next] for the next call, and evaluates a unit when a report about it arrives,
// when what he knows of it changes, and at [Verdict.Expires]. The questions of
// [Questions] go to established members only: others could repeat them as their own
// findings, to earn trust.
package consensus

import (
	"net/netip"
	"strconv"
	"time"
)

// A MemberID identifies a member: a part of a keyed hash, so that it tells nobody who the
// member is.
type MemberID uint64

// A ClusterID identifies members that count as one: the smallest id of those that have ties in
// common with the oldest of them. A cluster has one vote.
type ClusterID uint64

// An ASN is the number of a network, an autonomous system.
type ASN uint32

// A Provenance says where the scenario of a report comes from.
type Provenance uint8

// Where a scenario comes from. A member claims it; it is no proof.
const (
	Certified  Provenance = iota // its hash is in the signed catalogue
	Custom                       // the member's own
	Widespread                   // the member's own, and the same at ten operators
	Tainted                      // changed under a name of the catalogue
	Manual                       // a person typed a ban
)

// A Report is what one member saw of a unit. Of equal reports one counts.
type Report struct {
	Member     MemberID
	Seq        uint64 // its number in the log; later ones have higher numbers
	Behaviour  Behaviour
	Confidence uint8 // 0 to 3, as the Hub labels scenarios
	Spoofable  uint8 // 0 to 3
	Provenance Provenance
	Last       time.Time // of the deed, as the member says
	Arrived    time.Time
	Reflected  bool // somebody else's page, or a known fetcher, sent the request
	EarlyData  bool // nobody knows whether the address sent it
}

// A Benign is ordinary use of a site by a unit: a signed session of a day or more, a
// solved challenge, or a login. Mere requests are none.
type Benign struct {
	Member MemberID
	Last   time.Time
}

// A State says whether a member's word counts.
type State uint8

// States of a member. Reports of members in the last two weigh nothing.
const (
	Active      State = iota
	Vouched           // the operator invited and identified it
	Quarantined       // for a fault that it can mend
	Suspended         // by a moderator
)

var stateNames = [...]string{Active: "active", Vouched: "vouched", Quarantined: "quarantined", Suspended: "suspended"}

func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "state " + strconv.Itoa(int(s))
}

// A Standing is how much a member is trusted. Cluster and Net are the same for all members of
// a cluster. Trust, Age and Dilution are the same for all that have a tie in common.
type Standing struct {
	Cluster  ClusterID
	Net      ASN
	Trust    Micro
	Age      time.Duration
	State    State
	Dilution Micro // who reports everybody weighs nothing
}

// An Exclusion is a class of addresses that are never listed.
type Exclusion uint8

// Classes of addresses that are never listed. Nobody needs to say that an address is a
// bogon: [Evaluate] knows those.
const (
	NotExcluded Exclusion = iota
	Bogon
	Crawler
	CDN
	Resolver
	Authority // validators of certificate authorities
	Payment   // also senders of webhooks
	Monitor
	CERT
	Allowlisted // by the operator
)

// A List is where a listing is published.
type List uint8

// Lists. Only the first is what members enforce.
const (
	MainList    List = iota
	TorList          // exits of Tor
	ScannerList      // scanners that say who they are
)

// Name returns the name of an optional list, and nothing for the main one.
func (l List) Name() string {
	switch l {
	case TorList:
		return "tor"
	case ScannerList:
		return "scanners"
	}
	return ""
}

// A Context is what the server knows of a unit and of the community.
type Context struct {
	Exclusion   Exclusion
	Shared      bool      // many people have this address
	Tor         bool      // also shared
	Scanner     bool      // a scanner that means no harm
	Own         bool      // the verified address of a member
	Noticed     time.Time // when that member was told that its host attacks others
	Established int       // clusters in the community that are established
	Founded     time.Time // when the community began; zero: long ago
	Overlaps    *Overlaps // co-reports, this unit's among them; nil: nobody is related
}

// Evidence is all there is to judge a unit by.
type Evidence struct {
	Unit      netip.Prefix
	Prev      Prev // the last verdict's Next
	Reports   []Report
	Benign    []Benign
	Standings map[MemberID]Standing // a member without one does not count
	Context   Context
}

// An Episode is a time for which a unit was listed or suspect.
type Episode struct{ From, To time.Time }

// Prev is what must be kept of a verdict for the next one. The zero Prev is that of a
// unit that was never judged.
type Prev struct {
	Judged   bool
	Seq      uint64 // of the latest report that was there
	Tier     Tier
	Score    Micro
	Needed   int // how many had to agree when the tier rose
	Since    time.Time
	Expires  time.Time
	Ended    time.Time // the expiry of the latest episode that ended by it
	Episodes []Episode // the latest ones
	Appealed time.Time // when an appeal was accepted
}

// Appeal returns p with an accepted appeal: what was seen up to then never counts again.
func (p Prev) Appeal(at time.Time) Prev {
	p.Appealed = at
	return p
}

// A Tier is what the community thinks of a unit.
type Tier uint8

// Tiers, from harmless to hostile.
const (
	None    Tier = iota
	Watched      // not distributed; counter-witnesses are asked
	Suspect
	Listed
)

// A Remediation is what members do with a unit.
type Remediation uint8

// Remediations.
const (
	Allow Remediation = iota
	Captcha
	Ban
)

// A Contribution is what one cluster adds to a score.
type Contribution struct {
	Cluster     ClusterID
	Net         ASN
	Established bool
	Behaviour   Behaviour
	Confidence  uint8
	At          time.Time
	Weight      Micro // of its heaviest report
	Counted     Micro // what is left of it by the caps
}

// A Verdict is what is decided about a unit, and why.
type Verdict struct {
	Unit             netip.Prefix
	Tier             Tier
	Remediation      Remediation
	List             List
	Score, Threshold Micro // the score is the sum of what contributions count
	Benign, Net      Micro // net is the score less what ordinary use takes off
	Established      int   // clusters that report it
	Networks         int   // of those
	Witnesses        int   // established clusters that see ordinary use, and report nothing
	Needed           int   // how many established clusters must agree
	Earlier          int   // episodes
	Expires          time.Time
	Reasons          []Reason // in ascending order
	Contributions    []Contribution
	Config           string // the hash of the constants
	Next             Prev
}
