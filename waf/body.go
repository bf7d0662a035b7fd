package waf

import "strings"

// A reader is a way to read a body.
type reader uint8

const (
	readNothing reader = iota
	readRaw
	readForm
	readMultipart
	readXML // its text is in no zone
	readJSON
)

const (
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
)

// byType are the types of crowdsecurity/base-config. The last that a header begins with
// counts.
var byType = []struct {
	prefix string
	reader reader
}{
	{formType, readForm},
	{multipartType, readMultipart},
	{"application/xml", readXML},
	{"application/json", readJSON},
	{"text/xml", readXML},
}

// readerOf returns how a body is read, by the Content-Types of the request. Without a
// base-config only two are known, in any case of letters.
func readerOf(types []string, base bool) reader {
	how := readNothing
	for _, t := range types {
		switch lower := strings.ToLower(t); {
		case lower == formType:
			how = readForm
		case strings.HasPrefix(lower, multipartType):
			how = readMultipart
		}
	}
	if !base {
		return how
	}
	for _, by := range byType {
		for _, t := range types {
			if strings.HasPrefix(t, by.prefix) {
				how = by.reader
			}
		}
	}
	if how == readNothing {
		how = readRaw
	}
	return how
}

// setBody fills the zones of the body.
func (in *Inspection) setBody(body []byte) {
	for z := firstOfBody; z < zoneCount; z++ {
		in.loaded[z] = z != zoneBodyArgsNames
	}
	in.length = len(body)
	start := len(in.room.bytes)
	how := readerOf(in.req.Header["Content-Type"], in.rules.base)
	in.spend(len(body) * costOfReading)
	in.readBody(how, body)
	in.spend((len(in.room.bytes) - start) * costOfReading)
	in.readInflated(how, body)
	in.fromBody.text, in.fromBody.made = body, in.room.bytes[start:len(in.room.bytes):len(in.room.bytes)]
	if len(in.zones[zoneFilesSize].values) == 0 {
		in.add(zoneFilesSize, nil, []byte{})
	}
}

// readBody adds the values of a body, and the body itself.
func (in *Inspection) readBody(how reader, body []byte) {
	raw := body
	switch how {
	case readNothing:
		raw = nil
	case readForm:
		in.unique = true
		in.readForm(body)
	case readMultipart:
		in.readMultipart(in.req.Header["Content-Type"][0], body)
	case readJSON:
		in.unique, in.isJSON = true, true
		if !in.json.read(in, body) {
			raw = nil
		}
	}
	in.add(zoneRawBody, nil, orEmpty(raw))
}

func orEmpty(s []byte) []byte {
	if s == nil {
		return []byte{}
	}
	return s
}

func (in *Inspection) readForm(body []byte) {
	for start := 0; start < len(body); {
		end := start + indexByte(body[start:], '&')
		if in.isFull(zoneBodyArgs) {
			in.padded = true
			return
		}
		in.addPair(zoneBodyArgs, body[start:end])
		start = end + 1
	}
}
