package waf

import (
	"slices"
	"strconv"
)

// add adds a value to a zone.
func (in *Inspection) add(z zone, name, value []byte) {
	v := &in.zones[z]
	v.values = append(v.values, pair{name, toLower(&in.room, name), value})
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
			in.zones[z].values = append(in.zones[z].values, pair{p.name, p.lower, p.name})
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

// follow marks the groups to which what a zone holds leads.
func (in *Inspection) follow(z zone) {
	idx := &in.rules.index[z]
	if idx.names == nil && len(idx.literals) == 0 {
		return
	}
	values := in.values(z)
	for i := range values {
		if idx.names != nil {
			idx.markName(values[i].lower, in.bits)
		}
		in.followText(z, i, idx)
	}
}

// followText marks the groups to which a value leads, as each chain has it. What several
// chains leave alike is looked at once.
func (in *Inspection) followText(z zone, i int, idx *zoneIndex) {
	for n, chain := range idx.chains {
		text := in.transformed(z, i, chain)
		if len(text) == 0 || slices.ContainsFunc(idx.chains[:n], func(other int) bool {
			return isSame(text, in.transformed(z, i, other))
		}) {
			continue
		}
		idx.mark(text, in.bits)
	}
}

// isSame reports whether two texts are the same memory.
func isSame(a, b []byte) bool { return len(a) == len(b) && &a[0] == &b[0] }

// count returns how many values a test asks, in digits. Query arguments count twice, as
// CrowdSec's engine has it. Of names that differ in case only, a form and JSON have one
// there: here the one with the most values counts.
func (in *Inspection) count(t *test) []byte {
	values := in.values(t.zone)
	n := 0
	if in.unique && (t.zone == zoneBodyArgs || t.zone == zoneBodyArgsNames) {
		n = mostOfAName(values, t)
	} else {
		for i := range values {
			if t.selects(&values[i]) {
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
func mostOfAName(values []pair, t *test) int {
	bySpelling, byName := map[string]int{}, map[string]int{}
	for i := range values {
		if p := &values[i]; t.selects(p) {
			bySpelling[string(p.name)]++
			byName[string(p.lower)] = max(byName[string(p.lower)], bySpelling[string(p.name)])
		}
	}
	n := 0
	for _, most := range byName {
		n += most
	}
	return n
}

// zonesOf returns where the conditions of a group are met, as CrowdSec calls it.
func (in *Inspection) zonesOf(g int) []string {
	var all []string
	add := func(z zone, name string) {
		at := zoneInfos[z].alert
		if zoneInfos[z].named && z != zoneFiles && z != zoneFilesNames {
			at += "." + name
		}
		if !slices.Contains(all, at) && len(all) < mostZones {
			all = append(all, at)
		}
	}
	for _, n := range in.rules.groups[g].conds {
		for i := range in.rules.conds[n].tests {
			t := &in.rules.conds[n].tests[i]
			if t.count {
				if in.test(t) {
					add(t.zone, t.counted)
				}
				continue
			}
			values := in.values(t.zone)
			for i := range values {
				if t.selects(&values[i]) && in.asks(t, in.transformed(t.zone, i, t.chain)) {
					add(t.zone, string(values[i].name))
				}
			}
		}
	}
	return all
}

// mostZones bounds what is said about one match.
const mostZones = 32
