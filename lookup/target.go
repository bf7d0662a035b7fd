package lookup

import (
	"fmt"
	"strconv"
	"strings"
)

// WantTarget says what [ParseTarget] reads, for the end of an error.
const WantTarget = "want an IP address, a CIDR range, a country's code such as FR, or AS and a number"

// ParseTarget returns a decision about what an operator names, in the form that
// tocsin's commands print: an address, a range, a country's two letters, or AS
// and the number of an autonomous system (AS64496). Only that part of the
// decision is set.
func ParseTarget(s string) (Decision, error) {
	if p, err := ParsePrefix(s); err == nil {
		return Decision{Prefix: p}, nil
	}
	upper := strings.ToUpper(s)
	if number, ok := strings.CutPrefix(upper, "AS"); ok {
		if n, err := strconv.ParseUint(number, 10, 32); err == nil && n != 0 {
			return Decision{AS: uint32(n)}, nil
		}
	}
	d := Decision{Country: upper}
	if d.Target() == "" {
		return Decision{}, fmt.Errorf("%.64q: %s", s, WantTarget)
	}
	return d, nil
}
