package challenge

import (
	"cmp"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// An Exemption is the ResponseWriter of the application for a request whose verdict
// is [Exempt]. It lets through what such a request is exempt for, and nothing else:
//
//   - of /robots.txt text, of /favicon.ico an image, of /.well-known/ text, JSON,
//     XRD and files of no known type;
//   - of whatever is not 200 or 206, such as a redirection or an error, the status and
//     the headers;
//   - of a preflight the headers that answer it, if it is granted.
//
// Everything else is withheld: an application that answers every address with a page
// would show that page. It cannot be taken over (see [http.Hijacker]), and shows no
// ResponseWriter inside.
type Exemption struct {
	inner   http.ResponseWriter
	request *http.Request
	before  http.Header // what stood in the header before the application

	status   int // that was said; 0: none yet
	decided  bool
	passes   bool // the body goes through
	withheld bool // nothing does
}

// Exempt returns what stands between the application and r, whose verdict is Exempt,
// and r as the application is to see it: without body, query, cookies and
// credentials. [Exemption.Close] has to be called when r has been served.
func (g *Gate) Exempt(w http.ResponseWriter, r *http.Request) (*Exemption, *http.Request) {
	return &Exemption{inner: w, request: r, before: w.Header().Clone()}, reduced(r)
}

// Header implements [http.ResponseWriter].
func (e *Exemption) Header() http.Header { return e.inner.Header() }

// WriteHeader implements [http.ResponseWriter].
func (e *Exemption) WriteHeader(status int) {
	if e.status != 0 || status < 200 && status != http.StatusSwitchingProtocols {
		return // what comes before the answer is left out
	}
	// Where the type is not said, a browser goes by what is written.
	if e.status = status; e.Header().Get("Content-Type") != "" {
		e.decide(nil)
	}
}

// Write implements [http.ResponseWriter]. What is withheld counts as written: it is
// no fault of the application's.
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
		_ = http.NewResponseController(e.inner).Flush() // not all can, and nothing is lost
	}
}

// Fail answers with the status of an error, unless something was written before.
func (e *Exemption) Fail(status int) {
	e.WriteHeader(status)
	e.decide(nil)
}

// Close ends the answer, and reports whether all of it was withheld. Then nothing was
// written, and r is to be answered like one that is not exempt.
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

// decide decides what is let through of an answer, of which first are the first
// bytes. Only the first decision counts.
func (e *Exemption) decide(first []byte) {
	if e.decided {
		return
	}
	e.decided = true
	e.Header().Del("Trailer") // what comes behind the answer is left out
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

// grant lets the answer to a preflight through.
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

// grants are what the answer to a preflight may have beside Access-Control-….
var grants = []string{"Allow", "Cache-Control", "Vary"}

func (e *Exemption) dropBody() {
	h := e.inner.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Range", "Content-Type", "Link"} {
		h.Del(name)
	}
}

// contentType returns the media type of an answer: where it is not said, the one that
// a browser would find, or none if nobody can tell.
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

// fits reports whether an answer of a media type is what p is exempt for.
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
