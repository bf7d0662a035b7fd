package challenge

import (
	"net/http"
	"net/netip"
	"time"

	pages "github.com/tocsin-project/tocsin/internal/page"
)

// serve sends c as the answer to r, with the status 403: a page to who navigates
// a browser, and to all others application/problem+json (RFC 9457). The header
// X-Tocsin tells it from other answers with that status.
//
// A program cannot solve the challenge, but what it is told makes sense to it:
// gRPC clients take a 403 of another media type for PERMISSION_DENIED, an
// EventSource and a WebSocket for a connection that cannot be had.
func (p *page) serve(w http.ResponseWriter, r *http.Request, c challengeFor) {
	const status = http.StatusForbidden
	s := newSheet(r, c)
	a := pages.Answer{Status: status, Referrer: "same-origin"}
	if navigates(r) {
		html, styles := p.html(s)
		a.ContentType, a.Body, a.Policy = pages.TypeHTML, html, s.policy(styles, p.look.Frames)
		a.Lang = s.words.Lang
	} else {
		a.ContentType, a.Policy = pages.TypeProblem, "default-src 'none'; frame-ancestors 'none'"
		a.Body = pages.Problem{
			Status: status,
			Detail: "A browser has to pass a check before this is served. Open a page of this site in it.",
			Ref:    s.Ref, Time: s.Time, Contact: p.look.For(s.Ref).URL,
		}.JSON()
		if r.Header.Get("HX-Request") == "true" {
			w.Header().Set("HX-Refresh", "true") // htmx would show nothing; so it loads the page anew
		}
	}
	w.Header().Set("X-Tocsin", "challenge")
	a.Send(w, r)
}

// navigates reports whether a person is to see the answer to r.
func navigates(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return r.Header.Get("Upgrade") == "" && pages.Negotiate(r.Header) == pages.HTML
	}
	return false // no link and no form of a page makes others
}

// samples returns sheets that differ in what a template may trip over.
func samples() []*sheet {
	v := Visitor{Addr: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Ref: "0123456789", Time: time.Now()}
	puzzle := []byte(`{"parameters":{}}`)
	all := []*sheet{
		{challengeFor: challengeFor{Visitor: v, Puzzle: puzzle, Form: []field{{"a", "b"}}}, host: "example.com"},
		{challengeFor: challengeFor{Visitor: v, Widget: &Widget{Class: "widget"}, Wait: time.Second, WaitToken: "token"}, host: "example.com"},
		{challengeFor: challengeFor{Puzzle: puzzle, Lost: true}}, // almost empty
	}
	for _, s := range all {
		s.nonce, s.words = newNonce(), pages.English()
	}
	return all
}
