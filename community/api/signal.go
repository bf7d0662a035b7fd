package api

import (
	"encoding/hex"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// Scenarios that a person typed are free text, so this name replaces them.
const manualScenario = "manual/ban"

const (
	maxScenario = 128 // bytes of a scenario's name
	hashLength  = 64  // of SHA-256 in hexadecimal
)

// isScenario reports whether s has the form of a scenario's name: author/name, of letters,
// digits, dots, dashes and underscores. So it cannot carry a path, a query or an address.
func isScenario(s string) bool {
	author, name, ok := strings.Cut(s, "/")
	return ok && len(s) <= maxScenario && isWord(author) && isWord(name)
}

func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return s != ""
}

// cleanHash returns the hash of a scenario, or "" if it is not a hash.
func cleanHash(s string) string {
	if _, err := hex.DecodeString(s); err != nil || len(s) != hashLength {
		return ""
	}
	return strings.ToLower(s)
}

// An engineSignal has the fields that are read of CrowdSec's signals and alerts.
type engineSignal struct {
	Scenario string `json:"scenario"`
	Hash     string `json:"scenario_hash"`
	Version  string `json:"scenario_version"`
	Trust    string `json:"scenario_trust"` // of signals
	Count    int    `json:"events_count"`   // of alerts
	Start    string `json:"start_at"`
	Stop     string `json:"stop_at"`
	// Simulated alerts come from scenarios in simulation mode.
	Simulated bool `json:"simulated"`
	Source    struct {
		Scope string `json:"scope"`
		Value string `json:"value"`
	} `json:"source"`
	Decisions []struct {
		Origin string `json:"origin"`
	} `json:"decisions"`
}

// cut reduces s to what the community accepts. It returns false if s is not about an address,
// is simulated, or has no valid name or time.
func (s *engineSignal) cut() (community.Signal, bool) {
	scope := strings.ToLower(s.Source.Scope)
	unit, err := consensus.ParseUnit(s.Source.Value)
	if err != nil || s.Simulated || scope != "ip" && scope != "range" {
		return community.Signal{}, false
	}
	first, err1 := time.Parse(time.RFC3339, s.Start)
	last, err2 := time.Parse(time.RFC3339, s.Stop)
	if err1 != nil || err2 != nil {
		return community.Signal{}, false
	}
	out := community.Signal{Unit: unit, Scenario: s.Scenario, Hash: cleanHash(s.Hash), First: first, Last: last, Count: max(1, s.Count)}
	switch {
	case s.isManual():
		out.Scenario, out.Hash, out.Flags = manualScenario, "", community.Manual
	case s.Trust == "tainted", s.Trust == "" && out.Hash != "" && strings.Trim(s.Version, "?") == "":
		out.Flags = community.Tainted
	}
	return out, isScenario(out.Scenario)
}

func (s *engineSignal) isManual() bool {
	return s.Trust == "manual" || len(s.Decisions) > 0 && s.Decisions[0].Origin == "cscli"
}
