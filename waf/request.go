package waf

import (
	"net/http"
	"net/url"
)

// A Request is what rules look at in the head of a request.
type Request struct {
	Method string
	Target string // as it stands in the request line
	Proto  string // such as HTTP/1.1
	Host   string
	Header http.Header
	// HasBody says that there may be a body, which [Inspection.Body] is going to see.
	HasBody bool
}

// RequestOf returns what rules look at in the head of r.
func RequestOf(r *http.Request) Request {
	return Request{Method: r.Method, Target: r.RequestURI, Proto: r.Proto, Host: r.Host, Header: r.Header, HasBody: r.Body != nil && r.Body != http.NoBody}
}

// A pair is a value of a zone, with its name as it is and in lower case. The latter is nil
// until somebody asks: see [Inspection.lowerOf].
type pair struct{ name, lower, value []byte }

// loadTarget fills the zones of the target. A # ends it for CrowdSec's engine, but not for
// sites: both forms are looked at.
func (in *Inspection) loadTarget() {
	whole := in.keep(in.req.Target)
	end := indexByte(whole, '#')
	in.addTarget(whole[:end:end])
	if end < len(whole) {
		in.addTarget(whole)
	}
	in.query = queryOf(whole)
	in.loaded[zoneURI], in.loaded[zoneURIFull] = true, true
}

// addTarget adds the path of a target, and the target as it is written anew.
func (in *Inspection) addTarget(target []byte) {
	path, full := splitTarget(&in.room, target)
	in.add(zoneURI, nil, path)
	in.add(zoneURIFull, nil, full)
}

// splitTarget returns the path of a target without its escapes, and the target with the
// escapes that package url would write. Of what is no target both are the whole.
func splitTarget(r *room, target []byte) (path, full []byte) {
	raw := target[:indexByte(target, '?')]
	if len(raw) == 0 || raw[0] != '/' {
		return parseTarget(r, target)
	}
	path, ok := unescapePath(r, raw)
	if !ok {
		return target, target
	}
	if len(raw) > 1 && raw[1] == '/' || !isEncoded(raw) {
		_, full = parseTarget(r, target)
		return path, full
	}
	return path, target
}

func parseTarget(r *room, target []byte) (path, full []byte) {
	u, err := url.ParseRequestURI(string(target))
	if err != nil {
		return target, target
	}
	return r.keep(u.Path), r.keep(u.String())
}

// unescapePath resolves the escapes of a path, and reports whether all are valid.
func unescapePath(r *room, raw []byte) ([]byte, bool) {
	if indexByte(raw, '%') == len(raw) {
		return raw, true
	}
	start := len(r.bytes)
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		if c == '%' {
			b, ok := hexByte(raw[i+1:])
			if !ok {
				return nil, false
			}
			c = b
			i += 2
		}
		r.bytes = append(r.bytes, c)
	}
	return r.since(start), true
}

// encoded are the bytes that package url leaves as they are in a path.
var encoded = func() (table [256]bool) {
	for c := range table {
		_, isDigit := unhex(byte(c))
		lower := lowered[c]
		table[c] = isDigit || 'a' <= lower && lower <= 'z'
	}
	for _, c := range []byte("-_.~!$&'()*+,;=:@[]%/") {
		table[c] = true
	}
	return table
}()

func isEncoded(raw []byte) bool {
	for _, c := range raw {
		if !encoded[c] {
			return false
		}
	}
	return true
}

// queryOf returns what is behind the first question mark.
func queryOf(target []byte) []byte {
	at := indexByte(target, '?')
	return target[min(at+1, len(target)):]
}

// indexByte returns where c is in s first, or else the length of s.
func indexByte(s []byte, c byte) int {
	for i := range s {
		if s[i] == c {
			return i
		}
	}
	return len(s)
}

// loadArgs fills the zones of the arguments in the query. The argument with the first # is
// there twice: as CrowdSec's engine has it, which stops there, and as sites do.
func (in *Inspection) loadArgs() {
	hash, from := indexByte(in.query, '#'), len(in.room.bytes)
	for start := 0; start < len(in.query); {
		end := start + indexByte(in.query[start:], '&')
		if start <= hash && hash < end {
			in.addPair(zoneArgs, in.query[start:hash])
		}
		in.addPair(zoneArgs, in.query[start:end])
		start = end + 1
	}
	in.loaded[zoneArgs] = true
	in.fromQuery.text, in.fromQuery.made = in.query, in.room.bytes[from:len(in.room.bytes):len(in.room.bytes)]
}

// addPair adds an argument as it is in a query or a form, unless it is empty.
func (in *Inspection) addPair(z zone, piece []byte) {
	if len(piece) == 0 {
		return
	}
	at := indexByte(piece, '=')
	name := urlDecode(&in.room, piece[:at])
	in.add(z, name, urlDecode(&in.room, piece[min(at+1, len(piece)):]))
}

// loadHeaders fills the zone of headers: those that rules ask for by name, or all.
func (in *Inspection) loadHeaders() {
	in.loaded[zoneHeaders] = true
	if !in.rules.wide {
		for _, name := range in.rules.headers {
			in.addHeader(name, in.req.Header[name])
		}
		return
	}
	for name, values := range in.req.Header {
		in.addHeader(name, values)
	}
	in.addHeader("Host", nil)
}

// addHeader adds the values of a header. An empty User-Agent is none.
func (in *Inspection) addHeader(name string, values []string) {
	if name == "Host" {
		if in.req.Host != "" {
			in.add(zoneHeaders, in.keep(name), in.keep(in.req.Host))
		}
		return
	}
	if name == "User-Agent" && (len(values) == 0 || values[0] == "") {
		return
	}
	for _, v := range values {
		in.add(zoneHeaders, in.keep(name), in.keep(v))
	}
}

// loadHeaderNames fills the zone of the names of headers, one for each value.
func (in *Inspection) loadHeaderNames() {
	in.loaded[zoneHeadersNames] = true
	for name, values := range in.req.Header {
		if name == "User-Agent" && in.req.Header.Get(name) == "" {
			continue
		}
		kept := in.keep(name)
		for range values {
			in.add(zoneHeadersNames, kept, kept)
		}
	}
	if in.req.Host != "" {
		kept := in.keep("Host")
		in.add(zoneHeadersNames, kept, kept)
	}
}

// loadCookies fills the zone of cookies. Nothing in one is decoded, and only blanks around
// its name go.
func (in *Inspection) loadCookies() {
	in.loaded[zoneCookies] = true
	for _, header := range in.req.Header["Cookie"] {
		rest := in.keep(header)
		for len(rest) > 0 {
			end := indexByte(rest, ';')
			piece := rest[:end]
			rest = rest[min(end+1, len(rest)):]
			at := indexByte(piece, '=')
			if name := trim(nil, piece[:at]); len(name) > 0 {
				in.add(zoneCookies, name, piece[min(at+1, len(piece)):])
			}
		}
	}
}

// protocol returns what CrowdSec's engine calls a version of HTTP.
func protocol(proto string) string {
	if proto == "HTTP/2.0" {
		return "HTTP/2"
	}
	return proto
}
