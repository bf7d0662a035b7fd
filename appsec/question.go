package appsec

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/tocsin-project/tocsin/inspect"
)

// The headers that describe the request to AppSec. It removes them before its rules
// run.
const (
	ownPrefix   = "X-Crowdsec-"
	keyHeader   = "X-Crowdsec-Appsec-Api-Key"
	ipHeader    = "X-Crowdsec-Appsec-Ip"
	uriHeader   = "X-Crowdsec-Appsec-Uri"
	verbHeader  = "X-Crowdsec-Appsec-Verb"
	hostHeader  = "X-Crowdsec-Appsec-Host"
	agentHeader = "X-Crowdsec-Appsec-User-Agent"     // since 1.6.1; without it rules see no user agent
	protoHeader = "X-Crowdsec-Appsec-Http-Version"   // since 1.6.6
	refHeader   = "X-Crowdsec-Appsec-Transaction-Id" // since 1.7.5
	maxHead     = 512 << 10                          // AppSec reads 1 MiB, and answers a longer head with an error
	maxKept     = 64 << 10                           // the largest buffer that is kept for the next question
)

// A question is a request in the form that AppSec gets. It is valid until free.
type question struct {
	fields   []byte      // header fields with line ends, without Host and Content-Length
	body     [][]byte    // the inspected part of the body, in pieces; nil: none
	size     int         // of body, in bytes
	length   bool        // send Content-Length even without a body
	secure   bool        // the client came by TLS
	internal bool        // its path is below InternalPrefix
	mostHTTP HTTPVersion // the highest version that AppSec gets

	network netip.Prefix // of the client
	turn    turn

	address []byte // scratch
	reply   []byte // scratch, for the answer
	out     []byte // scratch, for the bytes to send
}

// free returns q to the pool, unless its buffers are too large or its turn still runs.
func (q *question) free(to *sync.Pool) {
	if q.turn.stays {
		return
	}
	q.body, q.size = nil, 0
	if cap(q.fields) <= maxKept && cap(q.reply) <= maxKept && cap(q.out) <= maxKept {
		to.Put(q)
	}
}

// setHead sets the head of the question. It reports whether the head is small enough
// for AppSec.
func (q *question) setHead(r *http.Request, in *inspect.Details, target, key string) bool {
	q.fields = q.fields[:0]
	q.length = in.Method != http.MethodGet && in.Method != http.MethodHead
	q.add(keyHeader, key)
	q.address = in.Client.AppendTo(q.address[:0])
	q.addBytes(ipHeader, q.address)
	q.add(uriHeader, target)
	q.add(verbHeader, orGet(in.Method))
	q.add(hostHeader, in.Host)
	q.addVersion(r)
	if in.Ref != "" {
		q.add(refHeader, in.Ref)
	}
	// Rules get only the user agent of this header. A second one stays in the other
	// fields, where rules see it.
	switch agents := r.Header["User-Agent"]; len(agents) {
	case 0:
	case 1:
		q.add(agentHeader, agents[0])
	default:
		q.add(agentHeader, strings.Join(agents, ", "))
	}
	for name, values := range r.Header {
		if !isForwarded(name) {
			continue
		}
		for _, value := range values {
			q.add(name, value)
		}
		if len(q.fields) > maxHead {
			return false
		}
	}
	return len(q.fields) <= maxHead
}

func orGet(method string) string {
	if method == "" { // net/http sends GET for an empty method
		return http.MethodGet
	}
	return method
}

// addVersion adds the client's HTTP version, or mostHTTP if that is lower.
func (q *question) addVersion(r *http.Request) {
	major, minor := min(max(r.ProtoMajor, 0), 9), min(max(r.ProtoMinor, 0), 9)
	if major*10+minor > int(q.mostHTTP) {
		major, minor = int(q.mostHTTP)/10, int(q.mostHTTP)%10
	}
	q.addBytes(protoHeader, []byte{'0' + byte(major), '0' + byte(minor)})
}

func (q *question) add(name, value string) {
	q.fields = append(append(q.fields, name...), ": "...)
	start := len(q.fields)
	q.fields = append(q.fields, value...)
	q.endField(start)
}

func (q *question) addBytes(name string, value []byte) {
	q.fields = append(append(q.fields, name...), ": "...)
	start := len(q.fields)
	q.fields = append(q.fields, value...)
	q.endField(start)
}

// endField ends the field whose value begins at start. It replaces line breaks and
// other characters for which AppSec would refuse the whole head. Servers allow none of
// them, but handlers before this one may.
func (q *question) endField(start int) {
	for i, b := range q.fields[start:] {
		if b < ' ' && b != '\t' || b == 0x7f {
			q.fields[start+i] = ' '
		}
	}
	q.fields = append(q.fields, "\r\n"...)
}

// isForwarded reports whether AppSec gets a header of the client. Headers that the
// client lists in Connection are included: the site sees them too, so otherwise an
// attacker could hide them from the rules.
func isForwarded(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", // hop-by-hop headers
		"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", // headers for a proxy
		"Content-Length", "Expect", "Host": // set by this package
		return false
	}
	if len(name) >= len(ownPrefix) && strings.EqualFold(name[:len(ownPrefix)], ownPrefix) {
		return false
	}
	return isToken(name)
}

// isToken reports whether name is a valid header name.
func isToken(name string) bool {
	for i := range len(name) {
		switch b := name[i]; {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", b) < 0:
			return false
		}
	}
	return name != ""
}

// method is GET without a body and POST with one.
func (q *question) method() string {
	if q.size > 0 {
		return http.MethodPost
	}
	return http.MethodGet
}

// hasLength reports whether the question has a Content-Length. AppSec up to 1.7.7 reads
// no body without one. A POST with "Content-Length: 0" must keep it too, because rules
// can see the difference.
func (q *question) hasLength() bool { return q.length || q.size > 0 }

// appendTo appends the head of the question in HTTP/1.1.
func (q *question) appendTo(b []byte, end *endpoint) []byte {
	b = append(append(append(append(b, q.method()...), ' '), end.path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, end.host...), "\r\n"...)
	if q.hasLength() {
		b = strconv.AppendInt(append(b, "Content-Length: "...), int64(q.size), 10)
		b = append(b, "\r\n"...)
	}
	return append(append(b, q.fields...), "\r\n"...)
}

// originForm returns a target in a form that AppSec reads like a server, and its path.
// AppSec parses the target as a general URL: it would hide everything after a # from
// rules, and read // at the beginning as the start of a host.
func originForm(target string) (clean, path string, err error) {
	clean = target
	if !strings.HasPrefix(clean, "/") && clean != "*" {
		if u, err := url.ParseRequestURI(clean); err == nil && u.Opaque == "" {
			clean = u.RequestURI()
		}
		if !strings.HasPrefix(clean, "/") {
			clean = "/" + clean
		}
	}
	if strings.HasPrefix(clean, "//") {
		clean = "/%2F" + clean[2:]
	}
	if strings.Contains(clean, "#") {
		clean = strings.ReplaceAll(clean, "#", "%23")
	}
	u, err := url.Parse(clean)
	if err != nil {
		return "", "", err
	}
	return clean, u.Path, nil
}
