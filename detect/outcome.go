package detect

import (
	"encoding/binary"
	"net/http"
	"net/netip"
	"strings"
	"time"
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
	switch v.evt.Status {
	case http.StatusNotFound, http.StatusGone:
		if v.habits != nil && v.habits.isBroken(v, false) {
			return ""
		}
		return outcomeMissing
	case http.StatusForbidden:
		return outcomeRefused
	}
	if v.habits == nil {
		return ""
	}
	if l, ok := v.likeness(); ok && (v.isSameAgain(l) || v.habits.isAlike(v, l)) {
		return outcomeMissing
	}
	return ""
}

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
	v.clients.with(v.clientKey(), false, func(c *client) { same = c.alike >= sameAgain && c.like == l })
	return same
}

// Kinds of places that habits know.
const (
	placeAsks  = "asks"  // for credentials
	placeWorks = "works" // for pages of other origins
)

// asksCredentials reports whether the place that was asked for has refused who had
// none, or wrong ones.
func (v *view) asksCredentials() bool {
	return v.habits != nil && v.habits.isPlace(placeAsks, v.spot())
}

// note learns from a response: about the site, and about the client. It comes after
// the scenarios were asked, so that a client cannot be excused by what it is just
// being blamed for.
func (d *Detector) note(v *view) {
	e := v.evt
	good := e.Status == 0 || e.Status >= 200 && e.Status < 300
	moved := e.Status >= 300 && e.Status < 400
	if e.Status == http.StatusUnauthorized {
		d.habits.learnPlace(placeAsks, v.spot())
	}
	if good && e.Attribution == Foreign {
		d.habits.learnPlace(placeWorks, v.spot())
	}
	d.noteLogin(v)
	if s, _ := v.static(); s == "true" || e.Attribution != Own {
		return
	}
	outcome, _ := v.outcome()
	missing := outcome == outcomeMissing
	if !good && !missing && !moved {
		return
	}
	p, _ := v.cleanPath()
	page := d.habits.hash(p)
	l, _ := v.likeness()
	honest := false
	d.clients.with(v.clientKey(), true, func(c *client) {
		c.sees(page, !missing, l, v.now().UnixNano())
		honest = missing && c.found > 2*c.missing
	})
	if honest && scriptEnd(p) == 0 {
		d.habits.isBroken(v, true)
	}
}

// noteLogin remembers who has shown credentials that the site accepts.
func (d *Detector) noteLogin(v *view) {
	if result, _ := v.login(); result != loginSuccess {
		return
	}
	length := knownByLogin
	switch v.attempt().kind {
	case kindBasic, kindDigest, kindToken:
		length = knownByAuth
	}
	d.clients.knows(v.clientKey(), v.now().UnixNano()+length)
}

// Vouch tells the detector that somebody at ip has solved a challenge.
func (d *Detector) Vouch(ip netip.Addr, at time.Time) {
	d.clients.with(keyOf(prefixOf(ip, d.cfg.Bits6)), true, func(c *client) {
		c.age(at.UnixNano())
		c.found = min(c.found+passWorth, maxFound)
	})
}

// Known reports whether the client at ip has shown credentials that the site
// accepted, not long before at. Who has is spared by guards.
func (d *Detector) Known(ip netip.Addr, at time.Time) bool {
	return d.clients.merit(keyOf(prefixOf(ip, d.cfg.Bits6)), at.UnixNano()).known
}

// Works reports whether the place that e asks for has served pages of other origins
// before: a guard on what a client sends by way of other pages leaves it alone.
func (d *Detector) Works(e *Event) bool {
	return d.habits.isPlace(placeWorks, PlaceOf(e))
}

// Harmless reports whether e can be for nothing but a file that pages embed.
func (e *Event) Harmless() bool {
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
