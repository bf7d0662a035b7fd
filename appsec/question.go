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

// What AppSec is told about a request in headers of its own. It takes them out
// before rules run.
const (
	ownPrefix   = "X-Crowdsec-"
	keyHeader   = "X-Crowdsec-Appsec-Api-Key"
	ipHeader    = "X-Crowdsec-Appsec-Ip"
	uriHeader   = "X-Crowdsec-Appsec-Uri"
	verbHeader  = "X-Crowdsec-Appsec-Verb"
	hostHeader  = "X-Crowdsec-Appsec-Host"
	agentHeader = "X-Crowdsec-Appsec-User-Agent"     // 1.6.1; without it rules see no user agent
	protoHeader = "X-Crowdsec-Appsec-Http-Version"   // 1.6.6
	refHeader   = "X-Crowdsec-Appsec-Transaction-Id" // 1.7.5
	maxHead     = 512 << 10                          // AppSec reads 1 MiB, and answers a longer head with an error
	maxKept     = 64 << 10                           // of a head's memory that is kept for the next one
)

// A question is a request as AppSec is to see it. It is valid until free.
type question struct {
	fields   []byte      // the header fields, each with its line end, without Host and Content-Length
	body     [][]byte    // the body, or the part of it that is inspected, in pieces; nil: none
	size     int         // of it
	length   bool        // the length is to be told even if there is no body
	secure   bool        // the client came by TLS
	internal bool        // it asks for what is below InternalPrefix
	mostHTTP HTTPVersion // the highest version that is told

	network netip.Prefix // of the client
	turn    turn

	address []byte // scratch
	reply   []byte // scratch, for what an answer says
	out     []byte // scratch, for what is sent
}

// free gives q to the next one, unless it has grown too big for that, or its turn is
// not over.
func (q *question) free(to *sync.Pool) {
	if q.turn.stays {
		return
	}
	q.body, q.size = nil, 0
	if cap(q.fields) <= maxKept && cap(q.reply) <= maxKept && cap(q.out) <= maxKept {
		to.Put(q)
	}
}

// setHead sets the head of the request. It reports whether the head is one that
// AppSec reads.
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
	// Rules get one user agent, this; a second one must not stay out of sight.
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
	if method == "" { // which net/http takes for GET in requests that are sent
		return http.MethodGet
	}
	return method
}

// addVersion tells the version of HTTP that the client spoke, or mostHTTP if that is
// lower.
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

// endField ends the field whose value begins at start. Servers let no line end
// into a value, nor anything else that would have AppSec refuse the whole head;
// handlers before us may.
func (q *question) endField(start int) {
	for i, b := range q.fields[start:] {
		if b < ' ' && b != '\t' || b == 0x7f {
			q.fields[start+i] = ' '
		}
	}
	q.fields = append(q.fields, "\r\n"...)
}

// isForwarded reports whether a header of the client's is one for rules to see.
// What a client lists in Connection is not left out beside: the site sees it
// all the same, so that this would only be a way to hide from rules.
func isForwarded(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", // of one hop
		"Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", // of the proxy
		"Content-Length", "Expect", "Host": // of our own
		return false
	}
	if len(name) >= len(ownPrefix) && strings.EqualFold(name[:len(ownPrefix)], ownPrefix) {
		return false
	}
	return isToken(name)
}

// isToken reports whether name can be the name of a header.
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

// hasLength reports whether the length is told. Up to 1.7.7 AppSec reads no body
// without; and a POST that told it has none would look like one that does not.
func (q *question) hasLength() bool { return q.length || q.size > 0 }

// appendTo appends the question as HTTP/1.1 has it, without the body.
func (q *question) appendTo(b []byte, end *endpoint) []byte {
	b = append(append(append(append(b, q.method()...), ' '), end.path...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, end.host...), "\r\n"...)
	if q.hasLength() {
		b = strconv.AppendInt(append(b, "Content-Length: "...), int64(q.size), 10)
		b = append(b, "\r\n"...)
	}
	return append(append(b, q.fields...), "\r\n"...)
}

// originForm returns a target in the form that AppSec reads as a server does,
// and the path in it. AppSec takes a target for any URL; without this, what
// stands after a # would be hidden from rules, and of two slashes at the
// beginning the second would begin a host.
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
