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

// What Meta.outcome can be.
const (
	outcomeMissing = "missing" // the site has not what was asked for
	outcomeRefused = "refused" // 403: it may not have it, or not tell
)

// outcome tells whether the site has what was asked for. A page that clients miss
// who have nothing to do with each other is a broken link, which is nobody's fault;
// a site that answers every path alike is known by how it answers those that no site
// has.
func (v *view) outcome() (string, bool) {
	if v.ended.gen != v.gen {
		v.ended = ending{v.gen, v.judgeOutcome()}
	}
	return nonEmpty(v.ended.outcome)
}

// An ending is the outcome of an event, found out once.
type ending struct {
	gen     uint32 // of the view that it was found for: see view.gen
	outcome string
}

func (v *view) judgeOutcome() string {
	if v.lacksPart() {
		return ""
	}
	switch v.evt.Status {
	case http.StatusNotFound, http.StatusGone:
		if v.habits != nil && v.habits.isBroken(v, false) {
			return ""
		}
		return outcomeMissing
	case http.StatusForbidden:
		return outcomeRefused
	}
	if v.habits == nil || v.asksElsewhere() {
		return ""
	}
	if l, ok := v.likeness(); ok && (v.isSameAgain(l) || v.habits.isAlike(v, l)) {
		return outcomeMissing
	}
	return ""
}

// lacksPart reports whether a page of the site embeds what is missing, where the site has
// others of its kind, as a map has tiles and an album pictures: numbers and hashes are one
// place. Who only claims that learns which pictures there are.
func (v *view) lacksPart() bool {
	return v.evt.Status >= 400 && v.evt.Status < 500 && v.evt.Attribution == event.Embedded && v.isPlace(placeEmbeds)
}

// isPart reports whether the answer is what pages embed, and not known by its extension.
func (v *view) isPart() bool {
	if v.evt.Attribution != event.Embedded || !v.isFine() {
		return false
	}
	media, _, _ := strings.Cut(strings.ToLower(v.evt.ContentType), "/")
	static, _ := v.static()
	return static != "true" && (media == "image" || media == "video" || media == "audio" || media == "font")
}

// asksElsewhere reports whether the site sends who is not logged in to another host to log
// in, whatever was asked for. As by 401, who is not let in finds nothing.
func (v *view) asksElsewhere() bool {
	if !v.isMoved() {
		return false
	}
	to := v.redirect()
	return to.host != "" && (isLoginPath(to.path) || hasWord(to.path, gateways, nothingSaid))
}

// gateways are words in the paths of those by which people log in for other sites.
var gateways = newStringSet("oauth", "oauth2", "authorize", "sso", "saml", "saml2", "cas", "openid")

// likeness is likenessOf, but that what pages embed has none: many are empty.
func (v *view) likeness() (likeness, bool) {
	if s, _ := v.static(); s == "true" {
		return likeness{}, false
	}
	return v.habits.likenessOf(v)
}

// isSameAgain reports whether the client got the very same answer for several other
// pages before: a server that answers so has none of them.
func (v *view) isSameAgain(l likeness) (same bool) {
	answer := answerOf(l, len(v.path()))
	v.clients.with(v.clientKey(), false, func(c *client) {
		i := c.find(answer)
		same = i >= 0 && c.answers[i].times >= sameAgain
	})
	return same
}

// ends returns numbers for the first and the last element of a path; 0 for none.
func (h *habits) ends(p string) (ends [2]uint64) {
	ends[0] = h.hash("first", template(p, 1))
	if last := tail(p); last != "" {
		ends[1] = h.hash("last", last)
	}
	return ends
}

// missedBefore reports whether the client has missed a path that begins or ends so
// just now.
func (v *view) missedBefore(p string) (before bool) {
	if v.clients == nil {
		return false
	}
	ends := v.habits.ends(p)
	v.clients.with(v.clientKey(), false, func(c *client) { before = c.missed(ends) })
	return before
}

// isPlace reports whether the place that was asked for is of a kind.
func (v *view) isPlace(kind placeKind) bool {
	return v.habits != nil && v.habits.asks.Load() && v.habits.isPlace(kind, v.here())
}

// note learns from a response: about the site, and about the client. It comes after
// the scenarios were asked, so that a client cannot be excused by what it is just
// being blamed for.
func (d *Detector) note(v *view) {
	if v.evt.Memo.Impossible {
		d.habits.learnAlike(v)
	}
	d.notePlace(v)
	d.noteLogin(v)
	d.noteIdle(v)
	d.noteArea(v)
	if s, _ := v.static(); s == "true" {
		return
	}
	if outcome, _ := v.outcome(); v.isFine() || outcome == outcomeMissing || v.isMoved() {
		d.notePage(v, outcome)
	}
}

// isFine reports whether the site has done what it was asked to.
func (v *view) isFine() bool { return v.evt.Status == 0 || v.evt.Status >= 200 && v.evt.Status < 300 }

func (v *view) isMoved() bool { return v.evt.Status >= 300 && v.evt.Status < 400 }

// notePage learns from the answer for a page.
func (d *Detector) notePage(v *view, outcome string) {
	p, _ := v.cleanPath()
	page := d.habits.page(p)
	switch {
	case outcome == outcomeMissing:
		page = ^page // what was missing and is there now has been written
	case v.isFine():
		d.habits.pages.add(page ^ v.siteNumber())
	}
	l, _ := v.likeness()
	answer, missing := answerOf(l, len(p)), outcome == outcomeMissing
	if v.evt.Attribution.IsReflected() { // no merit, and no fault, but the site answers as it does
		d.clients.with(v.clientKey(), true, func(c *client) { c.resembles(page, answer) })
		return
	}
	d.noteVisit(v, p, pageSeen{page, answer, missing})
}

// A pageSeen is what the client has asked for, and got.
type pageSeen struct {
	page    uint64
	answer  answer
	missing bool
}

// noteVisit learns about the client that asked for the path p.
func (d *Detector) noteVisit(v *view, p string, seen pageSeen) {
	var ends [2]uint64
	if seen.missing {
		ends = d.habits.ends(strings.ToLower(p))
	}
	honest, used := false, uint64(0)
	d.clients.with(v.clientKey(), true, func(c *client) {
		if seen.missing {
			c.misses(ends)
		} else {
			used = v.endIdle(&c.idle)
		}
		made := v.hasMade() || v.puts() && slices.Contains(c.recent[:], uint32(^seen.page))
		c.sees(seen.page, !seen.missing, seen.answer, v.now().UnixNano())
		if made {
			c.found = min(c.found+foundWorth, maxFound) // it is there now, by the client's own doing
		}
		honest = seen.missing && c.found > 2*c.missing
	})
	if honest && scriptEnd(p) == 0 {
		d.habits.isBroken(v, true)
	}
	if used != 0 {
		d.habits.idles(v, used, false)
	}
}

// hasMade reports whether the request has made what it asks for.
func (v *view) hasMade() bool {
	return v.evt.Status == http.StatusCreated && (v.evt.Method == http.MethodPut || v.evt.Method == "MKCOL")
}

// puts reports whether the request puts something where it asks for it, which it has made
// if it was not there: some stores answer 200 to that.
func (v *view) puts() bool { return v.evt.Method == http.MethodPut && v.isFine() }

// Vouch tells the detector that somebody at ip has solved a challenge.
func (d *Detector) Vouch(ip netip.Addr, at time.Time) {
	d.clients.with(keyOf(event.ClientOf(ip)), true, func(c *client) {
		c.age(at.UnixNano())
		c.found = min(c.found+passWorth, maxFound)
	})
}

// Known reports whether the client at ip has shown credentials that the site
// accepted, not long before at. Who has is spared by guards.
func (d *Detector) Known(ip netip.Addr, at time.Time) bool {
	return d.clients.isKnown(keyOf(event.ClientOf(ip)), at.UnixNano())
}

// Works reports whether the place that e asks for has served pages of other origins
// before: a guard on what a client sends by way of other pages leaves it alone.
func (d *Detector) Works(e *event.Event) bool {
	return d.habits.isPlace(placeWorks, d.habits.hash(PlaceOf(e)))
}

// Harmless reports whether e can be for nothing but a file that pages embed.
func Harmless(e *event.Event) bool {
	v := view{evt: e}
	v.split()
	if s, _ := v.static(); s != "true" {
		return false
	}
	p := strings.ToLower(v.path())
	return scriptEnd(p) == 0 && !strings.HasSuffix(p, ".gz") // nor is it an archive, as who looks for backups wants one
}

func (v *view) clientKey() clientKey { return keyOf(v.client) }

func keyOf(client netip.Prefix) clientKey {
	bits := client.Addr().As16()
	return clientKey{binary.BigEndian.Uint64(bits[:8]), binary.BigEndian.Uint64(bits[8:])}
}
