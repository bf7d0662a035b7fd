package waf

// A Detector finds attacks that no pattern describes. It has rules of its own, and is shown
// the values of a request beside those of the language: see [Set].
type Detector interface {
	// Rules are those that it may report.
	Rules() []Rule
	// Watch returns what looks at requests, one after the other.
	Watch() Watch
}

// A Watch looks at one request at a time, for one goroutine.
type Watch interface {
	// Look is shown a value and its name, both without the escapes of the part they are in,
	// and keeps neither.
	Look(p Part, name, value []byte)
	// Findings returns what was found so far, each rule once. It is valid until Reset.
	Findings() []Finding
	// Over reports whether there was too much to look at all of it.
	Over() bool
	// Reset ends the request.
	Reset()
}

// A Finding is a rule of a detector, by its number in Rules, and where it found something.
type Finding struct {
	Rule int
	Part Part
	Name string
}

// A Part is a part of a request that detectors are shown.
type Part uint8

// The parts of a request. A path has its escapes. A raw body is one of which nothing else
// is shown, or the beginning of a file in a multipart body, with its name.
const (
	PartPath Part = iota
	PartArg
	PartCookie
	PartHeader
	PartBodyArg
	PartFile
	PartRawBody
)

// alertZones say what alerts call the parts.
var alertZones = [...]zone{
	PartPath: zoneURI, PartArg: zoneArgs, PartCookie: zoneCookies, PartHeader: zoneHeaders,
	PartBodyArg: zoneBodyArgs, PartFile: zoneFiles, PartRawBody: zoneRawBody,
}

// A placedDetector is one of those that run, with the number of its first rule.
type placedDetector struct {
	Detector
	first int
}

// addDetector adds a detector and its rules, behind those of files.
func (r *Rules) addDetector(d Detector) {
	r.detectors = append(r.detectors, placedDetector{d, len(r.rules)})
	for _, rule := range d.Rules() {
		rule.number, rule.told = len(r.rules), rule.Confidence == Observe
		rule.OutOfBand = rule.told
		r.rules = append(r.rules, rule)
	}
}

// maxShown bounds a part of the head that detectors are shown.
const maxShown = 8 << 10

// watchHead shows detectors the head.
func (in *Inspection) watchHead() {
	for _, w := range in.watches {
		w.Look(PartPath, nil, in.queryless())
		for _, p := range in.values(zoneArgs) {
			w.Look(PartArg, p.name, p.value)
		}
		for _, p := range in.values(zoneCookies) {
			w.Look(PartCookie, p.name, p.value)
		}
	}
	if len(in.watches) > 0 {
		in.watchHeaders()
	}
}

// queryless returns the target without its query.
func (in *Inspection) queryless() []byte {
	s := in.req.Target[:min(len(in.req.Target), maxShown)]
	target := in.room.keep(s)
	return target[:indexByte(target, '?')]
}

// costOfShown is what it costs to show a header, in bytes.
const costOfShown = 32

// watchHeaders shows detectors the headers, as far as that costs no more than the rest of
// the head may.
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
	for _, w := range in.watches {
		w.Look(PartHeader, in.room.keep(name), kept)
	}
}

// watchBody shows detectors what is in a body. What its Content-Type does not tell, they
// see as applications may read it all the same.
func (in *Inspection) watchBody(body []byte) {
	if len(in.watches) == 0 {
		return
	}
	isRaw := len(in.zones[zoneBodyArgs].values)+len(in.zones[zoneFiles].values) == 0
	in.readAnyway(body)
	for _, w := range in.watches {
		for _, p := range in.zones[zoneBodyArgs].values {
			w.Look(PartBodyArg, p.name, p.value)
		}
		for _, p := range in.fileHeads {
			w.Look(PartFile, nil, p.name)
			w.Look(PartRawBody, p.name, p.value)
		}
		if isRaw {
			w.Look(PartRawBody, nil, body)
		}
	}
}

// readAnyway reads a body that gave no values as the form or the JSON that it looks like.
func (in *Inspection) readAnyway(body []byte) {
	if len(in.zones[zoneBodyArgs].values)+len(in.zones[zoneFiles].values) > 0 || len(body) == 0 {
		return
	}
	start := trim(nil, body[:min(len(body), 64)])
	switch {
	case len(start) == 0:
	case start[0] == '{' || start[0] == '[':
		if !in.json.read(in, body) {
			in.readQuoted(body)
		}
	case isForm(body):
		in.readForm(body)
	}
}

// isForm reports whether a body begins as a form does: with a name and an equals sign.
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

// readQuoted adds the strings of what is nearly JSON.
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

// tell adds what detectors found to the matches.
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

// valueOf returns the beginning of a value in which a detector found something, as far as
// it is known.
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
