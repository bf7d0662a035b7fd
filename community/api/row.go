package api

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/consensus"
)

// ourOrigin is the origin of all decisions of a community.
const ourOrigin = "community"

// appendValue appends [consensus.UnitText], for long lists.
func appendValue(b []byte, u consensus.Unit) []byte {
	if u.IsSingleIP() {
		return u.Addr().AppendTo(b)
	}
	return u.AppendTo(b)
}

// scopeOf returns CrowdSec's scope for a unit.
func scopeOf(u consensus.Unit) string {
	if u.IsSingleIP() {
		return "Ip"
	}
	return "Range"
}

// scenarioOf returns the scenario of a decision: the behaviour, if it is known.
func scenarioOf(b consensus.Behaviour) string {
	if b == "" {
		return ourOrigin
	}
	return string(b)
}

// idOf returns a number for a decision that is the same on all servers, because a unit has at
// most one decision of a type. JavaScript and Lua can represent it exactly.
func idOf(u consensus.Unit, as consensus.Remediation) int64 {
	hash := fnv.New64a()
	ip := u.Addr().As16()
	_, _ = hash.Write(append(ip[:], byte(u.Bits()), byte(as)))
	var sum [8]byte
	return int64(binary.BigEndian.Uint64(hash.Sum(sum[:0]))>>12) + 1
}

// left returns the remaining time of an entry in whole seconds, as a Go duration.
func left(until, now time.Time) time.Duration {
	return min(until.Sub(now), longest).Truncate(time.Second)
}

// appendDuration appends a duration of a second or more as [time.Duration.String] writes it.
func appendDuration(b []byte, d time.Duration) []byte {
	if d < time.Hour {
		return append(b, d.String()...)
	}
	b = append(strconv.AppendInt(b, int64(d/time.Hour), 10), 'h')
	b = append(strconv.AppendInt(b, int64(d%time.Hour/time.Minute), 10), 'm')
	return append(strconv.AppendInt(b, int64(d%time.Minute/time.Second), 10), 's')
}

// appendString appends a string as JSON.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string never fails
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// A decision is one of CrowdSec's.
type decision struct {
	unit     consensus.Unit
	as       consensus.Remediation
	origin   string
	scenario string
	left     time.Duration // zero or less: it has ended
}

// appendTo appends d with the keys of CrowdSec's servers, in their order.
func (d *decision) appendTo(b []byte) []byte {
	b = appendDuration(append(b, `{"duration":"`...), d.left)
	b = strconv.AppendInt(append(b, `","id":`...), idOf(d.unit, d.as), 10)
	b = appendString(append(b, `,"origin":`...), d.origin)
	b = appendString(append(b, `,"scenario":`...), d.scenario)
	b = append(append(b, `,"scope":"`...), scopeOf(d.unit)...)
	b = append(append(b, `","type":"`...), d.as.String()...)
	b = appendValue(append(b, `","value":"`...), d.unit)
	return append(b, `"}`...)
}
