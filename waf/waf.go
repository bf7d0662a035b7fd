// Package waf answers whether a request exploits a known hole. It runs the rule files of
// CrowdSec's AppSec in this process, unmodified: [Load] reads them, and the [Inspector]
// that [New] makes is one of those that a middleware asks. [Rules.Head] and
// [Inspection.Body] hold a request against rules in two phases.
//
// A rule asks for values in zones of a request (its path, its arguments, its headers, what
// a body is made of), makes another text of each by a chain of transforms, and compares
// that. The rules here do what CrowdSec's engine makes of the same files, to the byte, with
// two exceptions: where that engine answers by chance, this one always finds the match, and
// a # in a target is looked at both as the end of it, as there, and as a part of it, as
// sites see it.
//
// All values of a request are looked at, whatever their number. What that costs is bounded
// by how long the head and the body are: see [Inspection.Over].
package waf

import "slices"

// Rules are compiled rules. They do not change, and may be used by many at once.
type Rules struct {
	rules   []Rule
	groups  []group
	conds   []*condition
	chains  [][]transform // the first is empty
	toFind  [][]transform // by chain, to find literals in a body; nil: in its values only
	skipped []Skipped
	base    bool // bodies are read by their Content-Type, as crowdsec/base-config wants it
	policy  Policy
	print   string

	index   [zoneCount]zoneIndex
	free    []uint64 // groups that nothing in particular leads to
	late    []int    // groups to which something in a body leads
	headers []string // names of headers that rules ask for
	wide    bool     // rules ask for all headers
	inBody  nameSet  // names of values in the body that rules ask for

	detectors []placedDetector

	inspections pool
}

// A Rule is one of the files that were loaded.
type Rule struct {
	Name, Description string
	File              string
	// Hash and Version are those of the file in CrowdSec's hub, as its own alerts have them:
	// the SHA-256, and ? for a file that was changed. Empty: the file is not from there.
	Hash, Version string
	// OutOfBand says that the rule stops nothing: it is there to tell.
	OutOfBand bool
	// Confidence says how sure a match is: its label confidence. Default: Certain, or
	// Observe out of band.
	Confidence Confidence
	// Remediation is what an appsec-config says about this rule alone; empty: nothing.
	Remediation string

	number int
	told   bool // its label says that it is to be told of
}

// A Confidence says how sure it is that a request that a rule matches is an attack, and so
// what becomes of it.
type Confidence uint8

// Certain stops a request. Likely asks for a challenge where a person may be, and stops
// programs. Observe only tells: such a rule is out of band, wherever it was loaded.
const (
	Certain Confidence = iota
	Likely
	Observe
)

// String returns the word that the label has.
func (c Confidence) String() string { return confidences[c] }

var confidences = [...]string{"certain", "likely", "observe"}

// confidence returns what a file says about all of its rules. CrowdSec's own rules have
// numbers there, which its engine does not look at. 0 is that of rules to try something
// with, which its appsec-configs have run out of band.
func (f *ruleFile) confidence() Confidence {
	if f.outOfBand || f.unnamed && f.doc.Labels["confidence"] == 0 {
		return Observe
	}
	said, _ := f.doc.Labels["confidence"].(string)
	return Confidence(max(slices.Index(confidences[:], said), 0))
}

// A group is conditions that have to be met together for a rule to match.
type group struct {
	rule  int
	conds []int
}

// A Match says that a rule has found what it looks for.
type Match struct {
	Rule *Rule
	// Zones are those where it was found, as CrowdSec calls them in alerts, such as
	// ARGS_GET.id.
	Zones []string

	payload []byte // what was found there first
}

// A Policy is what appsec-configs say about matches. The zero value is that of CrowdSec's.
type Policy struct {
	Remediation string // of in-band rules: ban, captcha or another word; empty: not said
	Status      int    // of the answer to a client that is stopped; 0: not said
	NoAlert     bool   // in-band rules make no alerts
	NoEvent     bool   // and no events for scenarios
	AlsoAlert   bool   // out-of-band rules make alerts, too
	NoBody      bool   // bodies are not looked at
}

// A Skipped is a file, or a rule, that cannot run here.
type Skipped struct {
	File   string // and the line, such as a.yaml:12, if there is one
	Name   string // empty: it is not known
	Reason string
	// Broken says that CrowdSec's engine would not run it either.
	Broken bool
}

// String returns all of it in a line.
func (s Skipped) String() string {
	if s.Name == "" {
		return s.File + ": " + s.Reason
	}
	return s.File + ": " + s.Name + ": " + s.Reason
}

// Skipped returns what was found, but cannot run here, and why.
func (r *Rules) Skipped() []Skipped { return append([]Skipped(nil), r.skipped...) }

// Rules returns what runs, in the order in which it is asked.
func (r *Rules) Rules() []Rule { return append([]Rule(nil), r.rules...) }

// Print returns a hash of all that was read: other files make other rules.
func (r *Rules) Print() string { return r.print }

// Policy returns what appsec-configs say about matches.
func (r *Rules) Policy() Policy { return r.policy }
