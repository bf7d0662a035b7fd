package waf

// A Detector finds attacks in Go code, where no pattern of the rule language can. It has its
// own rules and sees the values of each request (see [Set]).
type Detector interface {
	// Rules returns the rules that the detector may report.
	Rules() []Rule
	// Watch returns a Watch that inspects requests, one after the other.
	Watch() Watch
}

// A Watch inspects one request at a time. Only one goroutine uses it.
type Watch interface {
	// Look inspects a value and its name. Both are already unescaped as their part requires.
	// Look must not keep them.
	Look(p Part, name, value []byte)
	// Findings returns the findings so far, at most one for each rule. The result is valid
	// until Reset.
	Findings() []Finding
	// Over reports whether the request had too much data to inspect all of it.
	Over() bool
	// Allow says how many units of work the request may take in all. What does not fit is not
	// inspected, and Over reports it. About two units take one nanosecond.
	Allow(units int)
	// Work returns how many units the request took so far.
	Work() int
	// Reset prepares for the next request.
	Reset()
}

// A Finding says which rule of a detector matched, by its index in Rules, and where.
type Finding struct {
	Rule int
	Part Part
	Name string
}

// A Part is a part of a request that detectors see.
type Part uint8

// The parts of a request. A path still has its escapes. PartRawBody is a body that could not
// be split into values, or the beginning of a file in a multipart body, together with the
// file's name.
const (
	PartPath Part = iota
	PartArg
	PartCookie
	PartHeader
	PartBodyArg
	PartFile
	PartRawBody
)

// alertZones are the names of the parts in alerts.
var alertZones = [...]zone{
	PartPath: zoneURI, PartArg: zoneArgs, PartCookie: zoneCookies, PartHeader: zoneHeaders,
	PartBodyArg: zoneBodyArgs, PartFile: zoneFiles, PartRawBody: zoneRawBody,
}

// A placedDetector is a detector in use, with the number of its first rule.
type placedDetector struct {
	Detector
	first int
}

// addDetector adds a detector and its rules, after the rules from files.
func (r *Rules) addDetector(d Detector) {
	r.detectors = append(r.detectors, placedDetector{d, len(r.rules)})
	for _, rule := range d.Rules() {
		rule.number, rule.told = len(r.rules), rule.Confidence == Observe
		rule.OutOfBand = rule.told
		r.rules = append(r.rules, rule)
	}
}

// maxShown is how many bytes of one part of the head detectors see.
const maxShown = 8 << 10

// watchHead passes the head to the detectors.
func (in *Inspection) watchHead() {
	if len(in.watches) == 0 || in.isSpent() {
		return
	}
	in.allow()
	in.show(PartPath, nil, in.queryless())
	for _, p := range in.values(zoneArgs) {
		in.show(PartArg, p.name, p.value)
	}
	for _, p := range in.values(zoneCookies) {
		in.show(PartCookie, p.name, p.value)
	}
	in.watchHeaders()
	for _, w := range in.watches {
		in.padded = in.padded || w.Over() // no honest client's head is so large
		in.shown += w.Work()
	}
}

// show passes a value to the detectors.
func (in *Inspection) show(p Part, name, value []byte) {
	for _, w := range in.watches {
		w.Look(p, name, value)
	}
}

// queryless returns the target without its query.
func (in *Inspection) queryless() []byte {
	s := in.req.Target[:min(len(in.req.Target), maxShown)]
	target := in.room.keep(s)
	return target[:indexByte(target, '?')]
}

// costOfShown is the cost of passing one header, in bytes, in addition to its length.
const costOfShown = 32

// watchHeaders passes the headers to the detectors, up to the same limit as for the rest of
// the head.
func (in *Inspection) watchHeaders() {
	left := maxHead
	for name, values := range in.req.Header {
		if name == "Cookie" {
			continue
		}
		for _, v := range values {
			if left -= len(name) + min(len(v), maxShown) + costOfShown; left < 0 {
				in.over = true
				return
			}
			in.watchHeader(name, v)
		}
	}
	in.watchHeader("Host", in.req.Host)
}

func (in *Inspection) watchHeader(name, value string) {
	kept := in.room.keep(value[:min(len(value), maxShown)])
	in.show(PartHeader, in.room.keep(name), kept)
}

// watchBody passes the values of a body to the detectors. If the Content-Type does not say
// how to read the body, they get the values that an application may still read from it.
func (in *Inspection) watchBody(body []byte) {
	if len(in.watches) == 0 || in.isSpent() {
		return
	}
	isRaw := len(in.zones[zoneBodyArgs].values)+len(in.zones[zoneFiles].values) == 0
	if isRaw {
		in.readAnyway(body)
		in.readAnyway(in.inflated)
	}
	in.allow()
	for _, p := range in.zones[zoneBodyArgs].values {
		in.show(PartBodyArg, p.name, p.value)
	}
	for _, p := range in.hidden {
		in.show(PartBodyArg, p.name, p.value)
	}
	for _, p := range in.zones[zoneFilesNames].values {
		in.show(PartBodyArg, p.value, nil)
	}
	for _, p := range in.fileHeads {
		in.show(PartFile, nil, p.name)
		in.show(PartRawBody, p.name, p.value)
	}
	if isRaw {
		in.show(PartRawBody, nil, body)
	}
	if isRaw && len(in.inflated) > 0 {
		in.show(PartRawBody, nil, in.inflated)
	}
}

// hide keeps a value for detectors that rules do not see, because CrowdSec's engine does not read
// it either: the first of two with one name in JSON, or a part of a part. Some applications do.
func (in *Inspection) hide(name, value []byte) {
	switch {
	case len(in.watches) == 0:
	case len(in.hidden) == maxValues:
		in.over = true
	default:
		in.spend(costOfAdding)
		in.hidden = append(in.hidden, pair{name: name, value: value})
	}
}

// readAnyway reads a body that gave no values, as a form, multipart or JSON, whichever it
// looks like.
func (in *Inspection) readAnyway(body []byte) {
	if len(body) == 0 {
		return
	}
	in.spend(len(body) * costOfReading)
	body = in.plain(body)
	start := trim(nil, body[:min(len(body), 64)])
	switch {
	case len(start) == 0:
	case hasPrefix(start, "--"):
		in.readUntypedParts(firstBoundary(start), body)
	case start[0] == '{' || start[0] == '[' || hasPrefix(start, "/*") || hasPrefix(start, "//"):
		if !in.json.read(in, body) {
			in.readQuoted(body)
		}
	case isForm(body):
		in.readForm(body)
	}
}

// isForm reports whether a body begins like a form: with a name and an equals sign.
func isForm(body []byte) bool {
	for i, c := range body[:min(len(body), 256)] {
		switch {
		case c == '=':
			return i > 0
		case c <= ' ' || c == '<' || c == '"' || c >= 0x80:
			return false
		}
	}
	return false
}

// readQuoted adds the quoted strings of a body that is almost JSON.
func (in *Inspection) readQuoted(body []byte) {
	from := -1
	for i := 0; i < len(body) && !in.isFull(zoneBodyArgs); i++ {
		switch {
		case body[i] == '\\':
			i++
		case body[i] == '"' && from < 0:
			from = i + 1
		case body[i] == '"':
			in.add(zoneBodyArgs, nil, body[from:i:i])
			from = -1
		}
	}
}

// tell adds the findings of the detectors to the matches.
func (in *Inspection) tell() {
	for i, w := range in.watches {
		in.over = in.over || w.Over()
		for _, f := range w.Findings() {
			in.tellOf(&in.rules.rules[in.rules.detectors[i].first+f.Rule], f)
		}
	}
}

func (in *Inspection) tellOf(rule *Rule, f Finding) {
	for _, m := range in.matches {
		if m.Rule == rule {
			return
		}
	}
	m := Match{Rule: rule, payload: in.valueOf(f)}
	m.add(alertZones[f.Part], f.Name)
	in.matches = append(in.matches, m)
}

// valueOf returns the beginning of the value in which a detector found something, or nil if
// the value is not known.
func (in *Inspection) valueOf(f Finding) []byte {
	clip := func(s []byte) []byte { return s[:min(len(s), mostPayload)] }
	switch f.Part {
	case PartPath:
		return clip(in.queryless())
	case PartHeader:
		return clip([]byte(in.req.Header.Get(f.Name)))
	}
	for _, p := range in.zones[alertZones[f.Part]].values {
		if string(p.name) == f.Name {
			return clip(p.value)
		}
	}
	return nil
}
