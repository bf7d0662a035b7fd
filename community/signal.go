package community

import (
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// A Signal is a report of a member about a unit.
type Signal struct {
	Unit     consensus.Unit
	Scenario string    // its name: a name of CrowdSec's Hub, such as crowdsecurity/http-probing
	Hash     string    // SHA-256 of the scenario's file in hexadecimal; empty: none
	First    time.Time // of the events; Accept rounds both down to the minute
	Last     time.Time
	Count    int // number of events; the centre keeps only its magnitude
	Flags    Flags
}

// Flags lower the weight of a report.
type Flags uint8

// Flags of a signal.
const (
	// Reflected: another site's page, or a known fetcher, sent the requests.
	Reflected Flags = 1 << iota
	// EarlyData: the requests came before the handshake proved the address.
	EarlyData
	// Manual: a person typed the decision.
	Manual
	// Tainted: the member changed a scenario of the catalogue but kept its name.
	Tainted
)

// A Report is a stored signal.
type Report struct {
	Seq    uint64 // its number in the log, from 1; Append sets it
	Unit   consensus.Unit
	Member consensus.MemberID

	Scenario   string
	Hash       string
	Behaviour  consensus.Behaviour
	Confidence uint8
	Spoofable  uint8
	Provenance consensus.Provenance

	First, Last, Arrived time.Time // to the minute, UTC; Arrived to the second
	Bucket               uint8     // the magnitude of Count
	Flags                Flags
	// Novel says that the community did not know the unit: see [consensus.Novel].
	Novel bool
	// Void: a moderator, or a purge of its member, withdrew the report. It has no
	// weight.
	Void bool
}

// An Ordinary says that a member sees ordinary use by a unit: see [consensus.Benign].
type Ordinary struct {
	Unit   consensus.Unit
	Member consensus.MemberID
	Last   time.Time
	Bucket uint8
}
