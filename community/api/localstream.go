package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
	"github.com/tocsin-project/tocsin/lookup"
)

// A sheet collects decisions in CrowdSec's format.
type sheet struct {
	now    time.Time
	filter *filter
	b      []byte
}

func (s *sheet) put(d *decision) { s.b = d.appendTo(separated(s.b)) }

// add adds a decision in force.
func (s *sheet) add(l *community.Listing) {
	d := decision{unit: l.Unit, as: enforced(l, s.now), origin: ourOrigin, scenario: scenarioOf(l.Behaviour), left: left(l.Until, s.now)}
	if d.as == consensus.Allow || d.left <= 0 || !s.filter.match(&d) {
		return
	}
	s.put(&d)
}

// end adds the end of a decision.
func (s *sheet) end(k kept) {
	d := decision{unit: k.unit, as: k.as, origin: ourOrigin, scenario: ourOrigin}
	if !s.filter.matchEnd(&d) {
		return
	}
	s.put(&d)
}

// orNull returns a list, or null if it is empty, as all CrowdSec servers do.
func (s *sheet) orNull() []byte {
	if len(s.b) == 0 {
		return []byte("null")
	}
	return append(append([]byte{'['}, s.b...), ']')
}

// A reader of the Local API has a cursor for each key and network, as with CrowdSec's servers
// since 1.6.5: two bouncers with one key do not lose changes to each other. A key has at
// most 256 cursors.
func (h *Handler) localReader(r *http.Request, by community.Caller) string {
	return "local " + by.Login + " " + h.mint.bucket(lookup.Network(h.from(r), 32, 64))
}

// localStream serves GET /v1/decisions/stream, in the form of CrowdSec 1.7.8. All versions of
// its bouncers read it.
func (h *Handler) localStream(w http.ResponseWriter, r *http.Request, by community.Caller) {
	q := r.URL.Query()
	f, err := parseFilter(q, true)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	reader := h.localReader(r, by)
	t := h.turn(w, r, by)
	defer t.done()
	d := delta{whole: true}
	if q.Get("startup") != "true" {
		if d, err = h.missed(r.Context(), reader, t); err != nil {
			h.fail(w, r, err)
			return
		}
	}
	if d.whole {
		h.localWhole(w, r, t, reader, &f)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	if _, err := w.Write(h.localDelta(&d, &f)); err == nil { //nolint:gosec // JSON of the list, without data of the request
		h.noteRead(r, reader, d.seq)
	}
}

// localWhole sends the whole list, in the encoding for all readers or filtered.
func (h *Handler) localWhole(w http.ResponseWriter, r *http.Request, t *turn, reader string, f *filter) {
	list, now := h.centre.List(), h.cfg.Now()
	form := h.localForm(r.Context(), f)
	get := h.forms.get
	if !f.all() {
		get = uncached
	}
	s, err := get(form, list, now)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	// Never compressed: CrowdSec's servers do not compress, and some bouncers cannot read it.
	if h.deliver(w, r, t, s, false) {
		h.noteRead(r, reader, s.seq)
	}
}

func (h *Handler) localForm(ctx context.Context, f *filter) form {
	return form{name: "local", write: func(b []byte, list *community.List, now time.Time) ([]byte, error) {
		gone, err := h.departed(ctx, list, now)
		if err != nil {
			return nil, err
		}
		entries := sheet{now: now.Add(drift), filter: f}
		for i := range entriesOf(list) {
			entries.add(&list.Entries[i])
		}
		ends := sheet{now: now, filter: f}
		for _, k := range gone {
			ends.end(k)
		}
		return appendStream(b, entries.b, ends.b), nil
	}}
}

func (h *Handler) localDelta(d *delta, f *filter) []byte {
	now := h.cfg.Now()
	entries, ends := sheet{now: now, filter: f}, sheet{now: now, filter: f}
	for i := range d.moves {
		m := &d.moves[i]
		if m.was != consensus.Allow && m.was != enforced(&m.Listing, now) {
			ends.end(kept{m.Unit, m.was})
		}
		entries.add(&m.Listing)
	}
	return appendStream(nil, entries.b, ends.b)
}

func appendStream(b, entries, ends []byte) []byte {
	b = append(append(b, `{"new": [`...), entries...)
	b = append(append(b, `], "deleted": [`...), ends...)
	return append(b, `]}`...)
}
