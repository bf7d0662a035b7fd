package consensus

import "strconv"

// A Reason is a part of the explanation of a verdict. Its code is stable: it is stored
// and translated.
type Reason uint8

// Reasons. The first group says which tier it is and each verdict has one of it; the
// second says what kept it from a higher one; the third, what else there is to say.
const (
	ReasonHarmless   Reason = 1 // less weight than it takes to be watched
	ReasonWatched    Reason = 2
	ReasonSuspect    Reason = 3
	ReasonListed     Reason = 4
	ReasonExcluded   Reason = 5 // a class of addresses that are never listed
	ReasonSuppressed Reason = 6 // after an appeal

	ReasonLight      Reason = 20 // too little net weight for a higher tier
	ReasonFew        Reason = 21 // too few established members
	ReasonOneNetwork Reason = 22
	ReasonCollusion  Reason = 23 // its reporters are not independent of one another
	ReasonExpired    Reason = 24 // nothing new since the last listing ended
	ReasonOld        Reason = 25 // no new report, so the tier cannot rise
	ReasonShared     Reason = 26
	ReasonOwn        Reason = 27 // a member's own address
	ReasonAppealed   Reason = 28 // the first listing after an appeal is a challenge

	ReasonHeld      Reason = 40 // it would not rise to this tier now, but has not left it
	ReasonBenign    Reason = 41 // members see ordinary use
	ReasonNewcomers Reason = 42 // newcomers report it, too
	ReasonCapped    Reason = 43 // a network, or newcomers, said more than counts
	ReasonColdStart Reason = 44 // a new small group: a challenge in place of a ban
	ReasonTor       Reason = 45
	ReasonScanner   Reason = 46
)

var reasonCodes = map[Reason]string{
	ReasonHarmless: "harmless", ReasonWatched: "watched", ReasonSuspect: "suspect", ReasonListed: "listed",
	ReasonExcluded: "excluded", ReasonSuppressed: "suppressed",
	ReasonLight: "light", ReasonFew: "few", ReasonOneNetwork: "one_network", ReasonCollusion: "collusion",
	ReasonExpired: "expired", ReasonOld: "old", ReasonShared: "shared", ReasonOwn: "own", ReasonAppealed: "appealed",
	ReasonHeld: "held", ReasonBenign: "benign", ReasonNewcomers: "newcomers", ReasonCapped: "capped",
	ReasonColdStart: "cold_start", ReasonTor: "tor", ReasonScanner: "scanner",
}

// Code returns the stable name of r.
func (r Reason) Code() string { return reasonCodes[r] }

func (r Reason) String() string {
	if code := r.Code(); code != "" {
		return code
	}
	return "reason " + strconv.Itoa(int(r))
}

// Implies returns the tier that reasons stand for. Every verdict's reasons imply its tier.
func Implies(reasons []Reason) Tier {
	for _, r := range reasons {
		switch r {
		case ReasonWatched:
			return Watched
		case ReasonSuspect:
			return Suspect
		case ReasonListed:
			return Listed
		}
	}
	return None
}

var tierNames = [...]string{None: "none", Watched: "watch", Suspect: "suspect", Listed: "listed"}

func (t Tier) String() string {
	if int(t) < len(tierNames) {
		return tierNames[t]
	}
	return "tier " + strconv.Itoa(int(t))
}

var remediationNames = [...]string{Allow: "none", Captcha: "captcha", Ban: "ban"}

func (r Remediation) String() string {
	if int(r) < len(remediationNames) {
		return remediationNames[r]
	}
	return "remediation " + strconv.Itoa(int(r))
}
