package event

import (
	"net/http"
	"strings"
)

// An Attribution says who caused a request: the client, or a page. A page can make the
// browsers of its visitors send any request to any site. Such a request says nothing
// about the visitor, so alerts about it are [Alert.Reflected].
//
// A client can claim that its requests are not its own. So a reflected alert still has
// a mild consequence: the cross-site requests of the client need a challenge for a
// while.
type Attribution uint8

// The attributions.
const (
	Own      Attribution = iota // the client's own act, or nothing says otherwise
	Embedded                    // a page of the site embeds it, perhaps from a user's post
	Foreign                     // a page of another origin caused it
	Unmarked                    // unknown: over plain HTTP a browser does not show whether a page of another origin caused it, and before the end of the handshake nobody knows who sent it
)

var attributionNames = [...]string{Own: "own", Embedded: "embedded", Foreign: "foreign", Unmarked: "unmarked"}

// String returns own, embedded, foreign or unmarked, as in evt.Meta.attribution.
func (a Attribution) String() string { return attributionNames[min(int(a), len(attributionNames)-1)] }

// IsReflected reports whether the request, by its headers, is not the client's own act.
func (a Attribution) IsReflected() bool { return a == Embedded || a == Foreign }

// Attribute sets Attribution. Method, Host and UserAgent must be set. h is the whole
// header of the request, and secure says whether it used TLS.
//
// Without TLS, a browser does not show the origin of a GET if a page suppresses the
// Referer: the request looks as if a person typed the address. It counts as the
// client's own act, but leads to a challenge at most: see [Alert].Mild. A program that
// does not claim to be a browser acts for itself. Behind a proxy that ends TLS,
// browsers send the same headers as with TLS.
func (e *Event) Attribute(h http.Header, secure bool) {
	e.Attribution = AttributionOf(h, e.Host)
	if e.Attribution != Own || secure || strings.EqualFold(first(h["X-Forwarded-Proto"]), "https") {
		return
	}
	if (e.Method == http.MethodGet || e.Method == http.MethodHead) && e.isUnmarked(h) {
		e.Attribution = Unmarked
	}
}

// isUnmarked reports whether h is from a browser and does not show the origin of the
// request.
func (e *Event) isUnmarked(h http.Header) bool {
	return len(h["Sec-Fetch-Site"])+len(h["Origin"])+len(h["Referer"]) == 0 &&
		strings.HasPrefix(e.UserAgent, "Mozilla/5.0 (") && first(h["Accept-Language"]) != "" && first(h["Accept"]) != ""
}

// AttributionOf returns the attribution of a request to host by its header.
//
// Browsers send Sec-Fetch-Site and Sec-Fetch-Dest (W3C Fetch Metadata), but only to
// HTTPS and localhost. Without them, an Origin or a Referer of another host decides,
// and Accept shows a picture or a style sheet. A prefetch counts like a picture,
// because a page of the site may contain a link that a user has posted.
func AttributionOf(h http.Header, host string) Attribution {
	a := sentBy(h, host)
	if a == Own && isAhead(h) {
		return Embedded
	}
	return a
}

// isAhead reports whether a browser prefetches or prerenders a page.
func isAhead(h http.Header) bool {
	return strings.HasPrefix(first(h["Sec-Purpose"]), "prefetch") || first(h["Purpose"]) == "prefetch" ||
		first(h["X-Moz"]) == "prefetch" || first(h["X-Purpose"]) == "preview"
}

// sentBy is AttributionOf without prefetches.
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
	// If there is an Origin, it decides. A client without a Host header is not a
	// browser.
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

// FromOwnPage reports whether a page of the site itself sent a request to host, by a form or a
// script, and not by a picture or another part of the page. The browser says so, and a page
// of another origin cannot make it say so. Some requests of the site's pages have no such
// sign: for these it returns false.
func FromOwnPage(method string, h http.Header, host string) bool {
	if host == "" {
		return false
	}
	said := first(h["Sec-Fetch-Site"])
	switch isRead := method == http.MethodGet || method == http.MethodHead; {
	case said != "" && !isRead:
		return said == "same-origin" // no part of a page is loaded like this, but a form may lead into a frame
	case AttributionOf(h, host) != Own:
		return false
	case said != "":
		return said == "same-origin"
	}
	return first(h["Origin"]) != "" || originHost(first(h["Referer"])) == withoutDefaultPort(host)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// embeds reports whether dest is a part that a page loads by itself. A document, a
// worker and requests of scripts are not.
func embeds(dest string) bool {
	switch dest {
	case "audio", "embed", "font", "frame", "iframe", "image", "object", "script", "style", "track", "video", "xslt":
		return true
	}
	return false
}

// originHost returns the host of an Origin or a Referer, with a port if it is not the
// default. For "null" it returns null, which no site has.
func originHost(from string) string {
	scheme, rest, ok := strings.Cut(from, "://")
	if !ok {
		if from == "null" {
			return from
		}
		return "" // a relative Referer has no host
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	if !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "null" // a browser extension, or the page of an app
	}
	return withoutDefaultPort(rest)
}

// withoutDefaultPort returns host in lower case and without :80 and :443. Both belong
// to the operator, so the difference does not matter.
func withoutDefaultPort(host string) string {
	for _, port := range []string{":443", ":80"} {
		if bare, ok := strings.CutSuffix(host, port); ok && !strings.HasSuffix(bare, ":") {
			host = bare
			break
		}
	}
	return strings.ToLower(host)
}
