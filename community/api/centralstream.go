package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// CrowdSec's words for where decisions come from. Its engines know no others.
const (
	centralOrigin = "CAPI"
	listsOrigin   = "lists"
)

// captchaTime is how long an engine keeps an entry of the captcha list. An engine reads that
// list every two hours, and it has no deletions.
const captchaTime = "3h"

// A bulletin is the answer for an engine, before encoding.
type bulletin struct {
	now     time.Time
	entries []community.Listing // bans, and captchas
	ends    []kept
}

// A writer writes a bulletin in one version of the protocol.
type writer func(b []byte, in *bulletin) []byte

// centralStream serves GET …/decisions/stream of the Central API. Version 2 is flat.
func (h *Handler) centralStream(flat bool) served {
	write, name := h.appendGroups, "central groups"
	if flat {
		write, name = h.appendFlat, "central flat"
	}
	return func(w http.ResponseWriter, r *http.Request, by community.Caller) {
		reader := "central " + by.Login
		t := h.turn(w, r, by)
		defer t.done()
		d := delta{whole: true}
		if r.URL.Query().Get("startup") != "true" {
			var err error
			if d, err = h.missed(r.Context(), reader, t); err != nil {
				h.fail(w, r, err)
				return
			}
		}
		if d.whole {
			s, err := h.forms.get(h.centralForm(r.Context(), name, write), h.centre.List(), h.cfg.Now())
			if err != nil {
				h.fail(w, r, err)
			} else if h.deliver(w, r, t, s, true) {
				h.noteRead(r, reader, s.seq)
			}
			return
		}
		w.Header().Set("Content-Type", jsonType)
		if _, err := w.Write(write(nil, newBulletin(&d, h.cfg.Now()))); err == nil {
			h.noteRead(r, reader, d.seq)
		}
	}
}

func (h *Handler) centralForm(ctx context.Context, name string, write writer) form {
	return form{name: name, write: func(b []byte, list *community.List, now time.Time) ([]byte, error) {
		gone, err := h.departed(ctx, list, now)
		if err != nil {
			return nil, err
		}
		in := bulletin{now: now.Add(drift), ends: gone, entries: entriesOf(list)}
		return write(b, &in), nil
	}}
}

func newBulletin(d *delta, now time.Time) *bulletin {
	in := &bulletin{now: now}
	for i := range d.moves {
		m := &d.moves[i]
		as := enforced(&m.Listing, now)
		if m.was != consensus.Allow && m.was != as {
			in.ends = append(in.ends, kept{m.Unit, m.was})
		}
		if as != consensus.Allow {
			in.entries = append(in.entries, m.Listing)
		}
	}
	return in
}

// each calls see with the entries that have one action.
func (in *bulletin) each(as consensus.Remediation, see func(l *community.Listing, left time.Duration)) {
	for i := range in.entries {
		l := &in.entries[i]
		if left := left(l.Until, in.now); left > 0 && enforced(l, in.now) == as {
			see(l, left)
		}
	}
}

// appendGroups writes the form of version 3: bans in groups by scenario and scope. A group
// without a ban would crash an engine. Captchas are in a separate list, behind a link.
func (h *Handler) appendGroups(b []byte, in *bulletin) []byte {
	groups := make(map[[2]string][]byte) // by scope and scenario
	in.each(consensus.Ban, func(l *community.Listing, left time.Duration) {
		key := [2]string{strings.ToLower(scopeOf(l.Unit)), scenarioOf(l.Behaviour)}
		g := appendValue(append(separated(groups[key]), `{"value":"`...), l.Unit)
		groups[key] = append(appendDuration(append(g, `","duration":"`...), left), `"}`...)
	})
	keys := make([][2]string, 0, len(groups))
	for key := range groups {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	b = append(b, `{"new":[`...)
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"scenario":`...), key[1])
		b = appendString(append(b, `,"scope":`...), key[0])
		b = append(append(append(b, `,"decisions":[`...), groups[key]...), `]}`...)
	}
	b = in.appendEnds(append(b, `],"deleted":[`...))
	return append(h.appendLinks(append(b, `],"links":{"blocklists":[`...), in.now), `],"allowlists":[]}}`...)
}

// separated appends a comma unless the list is empty.
func separated(b []byte) []byte {
	if len(b) > 0 {
		b = append(b, ',')
	}
	return b
}

// appendEnds writes the ends of bans, by scope.
func (in *bulletin) appendEnds(b []byte) []byte {
	first := true
	for _, scope := range []string{"Ip", "Range"} {
		var values []byte
		for _, k := range in.ends {
			if k.as == consensus.Ban && scopeOf(k.unit) == scope {
				values = append(appendValue(append(separated(values), '"'), k.unit), '"')
			}
		}
		if len(values) == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, `{"scope":"`...), strings.ToLower(scope)...), `","decisions":[`...)
		b = append(append(b, values...), `]}`...)
	}
	return b
}

// appendLinks writes the link to the captcha list. Engines read it without credentials.
func (h *Handler) appendLinks(b []byte, now time.Time) []byte {
	const path = "/lists/captcha.txt"
	if h.about.Site == "" {
		return b // there is no address to link to
	}
	b = appendString(append(b, `{"name":`...), h.captchaList())
	b = appendString(append(b, `,"url":`...), h.about.Site+path+"?"+h.mint.link(path, now).Encode())
	return append(b, `,"remediation":"captcha","scope":"ip","duration":"`+captchaTime+`"}`...)
}

// captchaList is the name under which an engine keeps the captchas of the community.
func (h *Handler) captchaList() string { return h.about.Name + "-captcha" }

// appendFlat writes the form of version 2: all decisions in one list. An engine uses the type
// of each, and keeps decisions of lists separate from the bans.
func (h *Handler) appendFlat(b []byte, in *bulletin) []byte {
	entries, ends := sheet{}, sheet{}
	for _, as := range []consensus.Remediation{consensus.Ban, consensus.Captcha} {
		in.each(as, func(l *community.Listing, left time.Duration) {
			d := h.flat(l.Unit, as, scenarioOf(l.Behaviour))
			d.left = left
			entries.put(&d)
		})
	}
	for _, k := range in.ends {
		d := h.flat(k.unit, k.as, ourOrigin)
		ends.put(&d)
	}
	b = append(append(b, `{"new":[`...), entries.b...)
	return append(append(append(b, `],"deleted":[`...), ends.b...), `]}`...)
}

func (h *Handler) flat(unit consensus.Unit, as consensus.Remediation, scenario string) decision {
	d := decision{unit: unit, as: as, origin: centralOrigin, scenario: scenario}
	if as == consensus.Captcha {
		d.origin, d.scenario = listsOrigin, h.captchaList()
	}
	return d
}
