package event

import (
	"net/http"
	"strings"
)

// An Attribution says whose act a request is. A page can have the browsers of all
// its visitors send what it likes to any site. What such a request asks for says
// nothing about the visitor, so alerts about it are [Alert.Reflected].
//
// A client can claim that its requests are not its own. That is why a reflected
// alert still has a consequence, a mild one: what the client sends by way of other
// pages has to meet a challenge for a while.
type Attribution uint8

// The attributions.
const (
	Own      Attribution = iota // the client's own act, as far as anything says
	Embedded                    // a page of the site embeds it, perhaps because of what a user posted
	Foreign                     // a page of another origin had the browser send it
	Unmarked                    // either the client's own act or that of a page of another origin, which a browser does not tell over plain HTTP
)

var attributionNames = [...]string{Own: "own", Embedded: "embedded", Foreign: "foreign", Unmarked: "unmarked"}

// String returns own, embedded, foreign or unmarked, as in evt.Meta.attribution.
func (a Attribution) String() string { return attributionNames[min(int(a), len(attributionNames)-1)] }

// IsReflected reports whether the request is certainly not the client's own act, as far
// as the client is to be believed.
func (a Attribution) IsReflected() bool { return a == Embedded || a == Foreign }

// Attribute sets Attribution. Method, Host and UserAgent are known already; h is the
// whole header of the request, and secure says whether it came by TLS.
//
// Without TLS, browsers say nothing of whose act a GET is if a page asks them not to name
// it as the Referer. What they send then looks as if somebody had typed the address. It is
// counted as the client's own act, but what follows from it is a challenge at most: see
// [Alert].Mild. A program that does not claim to be a browser acts for itself. Behind a
// proxy that ends TLS browsers say whose act it is as well; who only claims to come by way
// of one says more about himself.
func (e *Event) Attribute(h http.Header, secure bool) {
	e.Attribution = AttributionOf(h, e.Host)
	if e.Attribution != Own || secure || strings.EqualFold(first(h["X-Forwarded-Proto"]), "https") {
		return
	}
	if (e.Method == http.MethodGet || e.Method == http.MethodHead) && e.isUnmarked(h) {
		e.Attribution = Unmarked
	}
}

// isUnmarked reports whether a browser has sent a header that does not say whose act the
// request is.
func (e *Event) isUnmarked(h http.Header) bool {
	return len(h["Sec-Fetch-Site"])+len(h["Origin"])+len(h["Referer"]) == 0 &&
		strings.HasPrefix(e.UserAgent, "Mozilla/5.0 (") && first(h["Accept-Language"]) != "" && first(h["Accept"]) != ""
}

// AttributionOf tells from the header of a request to host whose act it is.
//
// Browsers say it in Sec-Fetch-Site and Sec-Fetch-Dest (W3C Fetch Metadata), but
// to HTTPS and localhost only. Without them, an Origin or a Referer of another
// host says it, and what is accepted tells a picture or a style sheet. What a browser
// fetches before anybody has asked for it is as a picture: a page of the site may hold a
// link that a user has posted.
func AttributionOf(h http.Header, host string) Attribution {
	a := sentBy(h, host)
	if a == Own && isAhead(h) {
		return Embedded
	}
	return a
}

// isAhead reports whether a browser prefetches a page, or renders it, in case that
// somebody asks for it.
func isAhead(h http.Header) bool {
	return strings.HasPrefix(first(h["Sec-Purpose"]), "prefetch") || first(h["Purpose"]) == "prefetch" ||
		first(h["X-Moz"]) == "prefetch" || first(h["X-Purpose"]) == "preview"
}

// sentBy is AttributionOf for what somebody waits for.
func sentBy(h http.Header, host string) Attribution {
	switch first(h["Sec-Fetch-Site"]) {
	case "cross-site", "same-site":
		return Foreign
	case "same-origin", "none":
		if embeds(first(h["Sec-Fetch-Dest"])) {
			return Embedded
		}
		return Own
	}
	// An Origin decides, where there is one: it is there for the asking. Who sends no
	// Host is no browser.
	if from := first(h["Origin"]); host == "" {
		return Own
	} else if from != "" {
		if originHost(from) != withoutDefaultPort(host) {
			return Foreign
		}
	} else if from := first(h["Referer"]); from != "" {
		if named := originHost(from); named != "" && named != withoutDefaultPort(host) {
			return Foreign
		}
	}
	if accept := first(h["Accept"]); strings.HasPrefix(accept, "image/") || strings.HasPrefix(accept, "text/css") {
		return Embedded
	}
	return Own
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// embeds reports whether dest is that of a part of a page, which the page fetches
// without anybody's doing. A document, a worker and what a script fetches are not.
func embeds(dest string) bool {
	switch dest {
	case "audio", "embed", "font", "frame", "iframe", "image", "object", "script", "style", "track", "video", "xslt":
		return true
	}
	return false
}

// originHost returns the host of an Origin or a Referer, with a port other than the
// usual. That of "null" is null, which is no site's.
func originHost(from string) string {
	scheme, rest, ok := strings.Cut(from, "://")
	if !ok {
		if from == "null" {
			return from
		}
		return "" // a relative Referer names nobody
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "null" // an extension, an app's own page
	}
	return withoutDefaultPort(rest)
}

// withoutDefaultPort returns host in lower case and without :80 and :443. To mix
// those up does no harm: both are the operator's.
func withoutDefaultPort(host string) string {
	for _, port := range []string{":443", ":80"} {
		if bare, ok := strings.CutSuffix(host, port); ok && !strings.HasSuffix(bare, ":") {
			host = bare
			break
		}
	}
	return strings.ToLower(host)
}
