package waf

import (
	"slices"
	"strconv"
)

// add adds a value to a zone.
func (in *Inspection) add(z zone, name, value []byte) {
	in.spend(costOfAdding)
	v := &in.zones[z]
	v.values = append(v.values, pair{name: name, value: value})
}

// lowerOf returns the name of a value in lower case.
func (in *Inspection) lowerOf(p *pair) []byte {
	if p.lower == nil {
		in.spend(countHigh(p.name) * costOfHigh)
		p.lower = orEmpty(toLower(&in.room, p.name))
	}
	return p.lower
}

// values returns what a zone holds.
func (in *Inspection) values(z zone) []pair {
	if !in.loaded[z] {
		in.load(z)
	}
	return in.zones[z].values
}

// load fills a zone.
func (in *Inspection) load(z zone) {
	in.loaded[z] = true
	switch z {
	case zoneArgs:
		in.loadArgs()
	case zoneHeaders:
		in.loadHeaders()
	case zoneHeadersNames:
		in.loadHeaderNames()
	case zoneCookies:
		in.loadCookies()
	case zoneMethod:
		in.add(z, nil, in.keep(in.req.Method))
	case zoneProtocol:
		in.add(z, nil, in.room.keep(protocol(in.req.Proto)))
	case zoneArgsNames, zoneCookiesNames, zoneBodyArgsNames:
		for _, p := range in.values(namesOf[z]) {
			in.zones[z].values = append(in.zones[z].values, pair{name: p.name, lower: p.lower, value: p.name})
		}
	}
}

// transformed returns what a chain makes of a value.
func (in *Inspection) transformed(z zone, i, chain int) []byte {
	v := &in.zones[z]
	if chain == 0 {
		return v.values[i].value
	}
	made := v.made[chain]
	for len(made) < len(v.values) {
		made = append(made, nil)
	}
	v.made[chain] = made
	if made[i] == nil {
		s := v.values[i].value
		in.spend(costOfAsking + (len(s)*costOfTransform+countHigh(s)*costOfHigh)*len(in.rules.chains[chain]))
		made[i] = in.through(chain, v.values[i].value)
	}
	return made[i]
}

// through returns what a chain makes of a text, which is not nil.
func (in *Inspection) through(chain int, s []byte) []byte {
	for _, t := range in.rules.chains[chain] {
		s = t(&in.room, s)
	}
	if s == nil {
		s = []byte{}
	}
	return s
}

// count returns how many values a test asks, in digits. Query arguments count twice, as
// CrowdSec's engine has it. Of names that differ in case only, a form and JSON have one
// there: here the one with the most values counts.
func (in *Inspection) count(t *test) []byte {
	values := in.values(t.zone)
	n := 0
	if in.unique && (t.zone == zoneBodyArgs || t.zone == zoneBodyArgsNames) {
		n = in.mostOfAName(values, t)
	} else {
		for i := range values {
			if in.selects(t, &values[i]) {
				n++
			}
		}
	}
	if t.zone == zoneArgs || t.zone == zoneArgsNames {
		n *= 2
	}
	start := len(in.room.bytes)
	in.room.bytes = strconv.AppendInt(in.room.bytes, int64(n), 10)
	return in.room.since(start)
}

// mostOfAName returns how many values a test asks, if of all spellings of a name only the
// most frequent counts.
func (in *Inspection) mostOfAName(values []pair, t *test) int {
	in.spend(len(values) * costOfCounting)
	bySpelling, byName := map[string]int{}, map[string]int{}
	for i := range values {
		if p := &values[i]; in.selects(t, p) {
			bySpelling[string(p.name)]++
			byName[string(in.lowerOf(p))] = max(byName[string(p.lower)], bySpelling[string(p.name)])
		}
	}
	n := 0
	for _, most := range byName {
		n += most
	}
	return n
}

// find says where the conditions of a group are met, and by what.
func (in *Inspection) find(g int, m *Match) {
	for _, n := range in.rules.groups[g].conds {
		if in.isSpent() {
			return
		}
		for i := range in.rules.conds[n].tests {
			t := &in.rules.conds[n].tests[i]
			if t.count {
				if in.test(t) {
					m.add(t.zone, t.counted)
				}
				continue
			}
			in.findValues(t, m)
		}
	}
}

// findValues says which values of a zone are what a test looks for.
func (in *Inspection) findValues(t *test, m *Match) {
	values := in.values(t.zone)
	in.spend(len(values) * costOfValue)
	for i := range values {
		if !in.selects(t, &values[i]) || !in.asks(t, in.transformed(t.zone, i, t.chain)) {
			continue
		}
		m.add(t.zone, string(values[i].name))
		if t.zone != zoneMethod && len(m.payload) == 0 {
			m.payload = values[i].value[:min(len(values[i].value), mostPayload)]
		}
	}
}

// add adds a zone, as CrowdSec calls it.
func (m *Match) add(z zone, name string) {
	at := zoneInfos[z].alert
	if zoneInfos[z].named && z != zoneFiles && z != zoneFilesNames {
		at += "." + name[:min(len(name), mostName)]
	}
	if !slices.Contains(m.Zones, at) && len(m.Zones) < mostZones {
		m.Zones = append(m.Zones, at)
	}
}

// Bounds of what is said about one match.
const (
	mostZones   = 32
	mostName    = 128 // bytes of the name of a value, which the client writes
	mostPayload = 256 // bytes
)
