package challenge

import (
	"cmp"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// An Exemption is the application's ResponseWriter for a request whose verdict is
// [Exempt]. It passes on only these responses:
//
//   - for /robots.txt text, for /favicon.ico an image, for /.well-known/ text, JSON,
//     XRD and files of unknown type;
//   - for any status except 200 and 206, such as a redirect or an error, the status and
//     the headers;
//   - for a preflight that the application grants, the headers that answer it.
//
// It withholds everything else, because some applications answer every path with a
// page. The application can neither take over the connection (see [http.Hijacker]) nor
// reach the ResponseWriter inside.
type Exemption struct {
	inner   http.ResponseWriter
	request *http.Request
	before  http.Header // the header before the application was called

	status   int // from the application; 0: none yet
	decided  bool
	passes   bool // the body is passed on
	withheld bool // nothing is passed on
}

// Exempt returns the writer and the request for the application. The verdict of r must
// be Exempt. The new request has no body, query, cookies or credentials. The caller
// must call [Exemption.Close] when the request has been served.
func (g *Gate) Exempt(w http.ResponseWriter, r *http.Request) (*Exemption, *http.Request) {
	return &Exemption{inner: w, request: r, before: w.Header().Clone()}, reduced(r)
}

// Header implements [http.ResponseWriter].
func (e *Exemption) Header() http.Header { return e.inner.Header() }

// WriteHeader implements [http.ResponseWriter].
func (e *Exemption) WriteHeader(status int) {
	if e.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return // informational responses are left out
	}
	// Without a Content-Type a browser guesses from the body, so the first Write
	// decides.
	if e.status = status; e.Header().Get("Content-Type") != "" {
		e.decide(nil)
	}
}

// Write implements [http.ResponseWriter]. Withheld bytes count as written, so that the
// application sees no error.
func (e *Exemption) Write(p []byte) (int, error) {
	e.decide(p)
	if !e.passes {
		return len(p), nil
	}
	return e.inner.Write(p)
}

// Flush implements [http.Flusher].
func (e *Exemption) Flush() {
	if e.passes {
		_ = http.NewResponseController(e.inner).Flush() // not all writers can flush
	}
}

// Fail answers with the status of an error, unless something was written before.
func (e *Exemption) Fail(status int) {
	e.WriteHeader(status)
	e.decide(nil)
}

// Close ends the response and reports whether all of it was withheld. Then nothing was
// written, and the caller must answer r like a request that is not exempt.
func (e *Exemption) Close() (withheld bool) {
	e.decide(nil)
	h := e.inner.Header()
	maps.DeleteFunc(h, func(name string, _ []string) bool { return strings.HasPrefix(name, http.TrailerPrefix) })
	if e.withheld {
		clear(h)
		maps.Copy(h, e.before)
	}
	return e.withheld
}

// decide decides which parts of a response are passed on. First are its first bytes.
// Only the first call counts.
func (e *Exemption) decide(first []byte) {
	if e.decided {
		return
	}
	e.decided = true
	e.Header().Del("Trailer") // trailers are left out
	status := cmp.Or(e.status, http.StatusOK)
	switch {
	case e.request.Method == http.MethodOptions:
		e.grant(status)
	case status == http.StatusOK || status == http.StatusPartialContent:
		media := contentType(e.Header(), first)
		if e.withheld = !fits(e.request.URL.Path, media); e.withheld {
			return
		}
		if e.passes = true; e.Header().Get("Content-Type") == "" {
			e.Header().Set("Content-Type", media)
		}
		e.inner.WriteHeader(status)
	case status >= 200 && status < 600:
		e.dropBody()
		e.inner.WriteHeader(status)
	default:
		e.withheld = true
	}
}

// grant passes on the response to a preflight.
func (e *Exemption) grant(status int) {
	h := e.inner.Header()
	if e.withheld = status/100 != 2 || h.Get("Access-Control-Allow-Origin") == ""; e.withheld {
		return
	}
	maps.DeleteFunc(h, func(name string, _ []string) bool {
		_, before := e.before[name]
		return !before && !strings.HasPrefix(name, "Access-Control-") && !slices.Contains(grants, name)
	})
	e.inner.WriteHeader(http.StatusNoContent)
}

// grants are the headers that the response to a preflight may have besides
// Access-Control-….
var grants = []string{"Allow", "Cache-Control", "Vary"}

func (e *Exemption) dropBody() {
	h := e.inner.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Link"} {
		h.Del(name)
	}
}

// contentType returns the media type of a response. Without a Content-Type it is the
// type that a browser would guess. It is empty if the body is encoded.
func contentType(h http.Header, first []byte) string {
	said := h.Get("Content-Type")
	if said == "" && h.Get("Content-Encoding") == "" {
		said = http.DetectContentType(first)
	}
	media, _, err := mime.ParseMediaType(said)
	if err != nil {
		return ""
	}
	return media
}

// fits reports whether the path p is exempt for responses of this media type.
func fits(p, media string) bool {
	switch p {
	case robots:
		return media == "text/plain"
	case favicon:
		return strings.HasPrefix(media, "image/") && media != "image/svg+xml" || media == "application/octet-stream"
	}
	return media == "text/plain" || media == "application/octet-stream" || media == "application/xrd+xml" ||
		media == "application/json" || strings.HasSuffix(media, "+json")
}
