package detect

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// The values of Meta.outcome.
const (
	outcomeMissing = "missing" // the site does not have the page
	outcomeRefused = "refused" // 403: the site does not have the page, or does not say
)

// outcome returns whether the site has the requested page. A missing page that unrelated
// clients request is a broken link, and no client is to blame. A site that answers every
// path with the same page is recognized by its answers for paths that no site has.
func (v *view) outcome() (string, bool) {
	if v.ended.gen != v.gen {
		v.ended = ending{v.gen, v.judgeOutcome()}
	}
	return nonEmpty(v.ended.outcome)
}

// An ending is the outcome of an event, computed once.
type ending struct {
	gen     uint32 // the generation of the view it belongs to: see view.gen
	outcome string
}

func (v *view) judgeOutcome() string {
	if v.lacksPart() {
		return ""
	}
	switch v.evt.Status {
	case http.StatusNotFound, http.StatusGone:
		if v.sites != nil && v.sites.isBroken(v, false) {
			return ""
		}
		return outcomeMissing
	case http.StatusForbidden:
		return outcomeRefused
	}
	if v.sites == nil || v.asksElsewhere() {
		return ""
	}
	if l, ok := v.answerShape(); ok && (v.isSameAgain(l) || v.sites.isMissing(v, l)) {
		return outcomeMissing
	}
	return ""
}

// lacksPart reports whether the missing file is embedded in a page of the site that has
// other files of its kind, such as map tiles or photos in an album: paths that differ only
// in numbers and hashes are one place. A client that lies about this learns only which
// images exist.
func (v *view) lacksPart() bool {
	return v.evt.Status >= 400 && v.evt.Status < 500 && v.evt.Attribution == event.Embedded && v.isPlace(placeEmbeds)
}

// isPart reports whether the answer is of a kind that pages embed, but is not recognized by
// its extension.
func (v *view) isPart() bool {
	if v.evt.Attribution != event.Embedded || !v.isFine() {
		return false
	}
	media, _, _ := strings.Cut(strings.ToLower(v.evt.ContentType), "/")
	static, _ := v.static()
	return static != "true" && (media == "image" || media == "video" || media == "audio" || media == "font")
}

// asksElsewhere reports whether the site redirects every request of a client that is not
// logged in to a login at another host. As with 401, such a client finds out nothing.
func (v *view) asksElsewhere() bool {
	if !v.isMoved() {
		return false
	}
	to := v.redirect()
	return to.host != "" && (isLoginPath(to.path) || hasWord(to.path, gateways, nothingSaid))
}

// gateways are words in the paths of servers that handle the login for other sites.
var gateways = newStringSet("oauth", "oauth2", "authorize", "sso", "saml", "saml2", "cas", "openid")

// answerShape is likenessOf, but files that pages embed have none, because many are empty.
func (v *view) answerShape() (answerShape, bool) {
	if s, _ := v.static(); s == "true" {
		return answerShape{}, false
	}
	return v.sites.shapeOf(v)
}

// isSameAgain reports whether the client received exactly the same answer for several other
// pages before: a server that does so has none of these pages.
func (v *view) isSameAgain(l answerShape) (same bool) {
	answer := answerOf(l, len(v.path()))
	v.clients.with(v.clientKey(), false, func(c *client) {
		i := c.find(answer)
		same = i >= 0 && c.answers[i].times >= sameAgain
	})
	return same
}

// ends returns hashes of the first and the last element of a path, or 0 for none.
func (h *siteMemory) ends(p string) (ends [2]uint64) {
	ends[0] = h.hash("first", template(p, 1))
	if last := tail(p); last != "" {
		ends[1] = h.hash("last", last)
	}
	return ends
}

// missedBefore reports whether the client has recently requested a missing path with the
// same first or last element.
func (v *view) missedBefore(p string) (before bool) {
	if v.clients == nil {
		return false
	}
	ends := v.sites.ends(p)
	v.clients.with(v.clientKey(), false, func(c *client) { before = c.missed(ends) })
	return before
}

// isPlace reports whether the requested place has this property.
func (v *view) isPlace(kind placeKind) bool {
	return v.sites != nil && v.sites.hasPlaces.Load() && v.sites.isPlace(kind, v.here())
}

// note learns from a response about the site and the client. It runs after the scenarios, so
// that a request cannot excuse itself.
func (d *Detector) note(v *view) {
	if v.evt.Memo.Impossible {
		d.sites.learnMissing(v)
	}
	d.notePlace(v)
	d.noteCookies(v)
	d.noteLogin(v)
	d.noteUnused(v)
	d.noteArea(v)
	if s, _ := v.static(); s == "true" {
		return
	}
	if outcome, _ := v.outcome(); v.isFine() || outcome == outcomeMissing || v.isMoved() {
		d.notePage(v, outcome)
	}
}

// isFine reports whether the request succeeded.
func (v *view) isFine() bool { return v.evt.Status == 0 || v.evt.Status >= 200 && v.evt.Status < 300 }

func (v *view) isMoved() bool { return v.evt.Status >= 300 && v.evt.Status < 400 }

// notePage learns from the answer for a page.
func (d *Detector) notePage(v *view, outcome string) {
	p, _ := v.cleanPath()
	page := d.sites.page(p)
	switch {
	case outcome == outcomeMissing:
		page = ^page // a page that was missing and exists now was created
	case v.isFine():
		d.sites.pages.add(page ^ v.siteNumber())
	}
	l, _ := v.answerShape()
	answer, missing := answerOf(l, len(p)), outcome == outcomeMissing
	if v.evt.Attribution.IsReflected() { // the client gets no credit and no blame, but the site's answer is still learned
		d.clients.with(v.clientKey(), true, func(c *client) { c.noteAnswer(page, answer) })
		return
	}
	d.noteVisit(v, p, pageSeen{page, answer, missing})
}

// A pageSeen is a page that the client requested, and the result.
type pageSeen struct {
	page    uint64
	answer  answer
	missing bool
}

// noteVisit records that the client requested the path p.
func (d *Detector) noteVisit(v *view, p string, seen pageSeen) {
	var ends [2]uint64
	if seen.missing {
		ends = d.sites.ends(strings.ToLower(p))
	}
	honest, used := false, uint64(0)
	d.clients.with(v.clientKey(), true, func(c *client) {
		if seen.missing {
			c.noteMissing(ends)
		} else {
			used = v.endUnused(&c.unused)
		}
		made := v.hasMade() || v.puts() && slices.Contains(c.recent[:], uint32(^seen.page))
		c.countPage(seen.page, !seen.missing, seen.answer, v.now().UnixNano())
		if made {
			c.found = min(c.found+foundPerMissing, maxFound) // the client itself created the page
		}
		honest = seen.missing && c.found > 2*c.missing
	})
	if honest && scriptEnd(p) == 0 {
		d.sites.isBroken(v, true)
	}
	if used != 0 {
		d.sites.countUnused(v, used, false)
	}
}

// hasMade reports whether the request created the page that it names.
func (v *view) hasMade() bool {
	return v.evt.Status == http.StatusCreated && (v.evt.Method == http.MethodPut || v.evt.Method == "MKCOL")
}

// puts reports whether the request writes to its own path, and so creates the page if it did
// not exist: some stores answer 200 for that.
func (v *view) puts() bool { return v.evt.Method == http.MethodPut && v.isFine() }

// Vouch tells the detector that the client at ip has solved a challenge.
func (d *Detector) Vouch(ip netip.Addr, at time.Time) {
	d.cfg.Good(ip, at)
	d.clients.with(keyOf(event.ClientOf(ip)), true, func(c *client) {
		c.age(at.UnixNano())
		c.found = min(c.found+passWorth, maxFound)
	})
}

// Known reports whether the client at ip has recently, before at, shown credentials that the
// site accepted. Guards spare such clients.
func (d *Detector) Known(ip netip.Addr, at time.Time) bool {
	return d.clients.isKnown(keyOf(event.ClientOf(ip)), at.UnixNano())
}

// Works reports whether the place of e has served pages of other origins before. Then a
// guard on requests from other pages ignores it.
func (d *Detector) Works(e *event.Event) bool {
	return d.sites.isPlace(placeWorks, d.sites.hash(PlaceOf(e)))
}

// Harmless reports whether e can only be for a file that pages embed.
func Harmless(e *event.Event) bool {
	v := view{evt: e}
	v.split()
	if s, _ := v.static(); s != "true" {
		return false
	}
	p := strings.ToLower(v.path())
	return scriptEnd(p) == 0 && !strings.HasSuffix(p, ".gz") // archives do not count either: clients that search for backups request them
}

func (v *view) clientKey() clientKey { return keyOf(v.client) }

func keyOf(client netip.Prefix) clientKey {
	bits := client.Addr().As16()
	return clientKey{binary.BigEndian.Uint64(bits[:8]), binary.BigEndian.Uint64(bits[8:])}
}
