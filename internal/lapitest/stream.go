package lapitest

import (
	"bufio"
	"context"
	"math"
	"net/http"
	"time"
)

const (
	streamPath = "/v1/decisions/stream"

	// deletedOverlap is the time before the last pull in which an end still
	// counts as new. So a client may get the same deletion twice.
	deletedOverlap = 2 * time.Second

	// pageSize is the number of rows after which generation New flushes.
	pageSize = 30_000
)

// A bouncer is a row of the server's bouncer table: an API key and its read
// position.
type bouncer struct {
	ip   string              // client address of this row; "": none yet
	made position            // position at the creation of the key
	pos  position            // read position; zero: it has not pulled
	more map[string]*bouncer // the same key at other addresses
}

// A position is a point in the life of the decision database.
type position struct {
	at   time.Time
	bulk window
}

// cursor returns the row for a client: generation Old has one for each key, New
// one for each key and client address.
func (b *bouncer) cursor(gen Generation, ip string) *bouncer {
	if gen == Old {
		return b
	}
	if b.ip == "" {
		b.ip = ip
	}
	if b.ip == ip {
		return b
	}
	if b.more[ip] == nil {
		b.more[ip] = &bouncer{ip: ip}
	}
	return b.more[ip]
}

// seen returns the position where a delta begins.
func (b *bouncer) seen(gen Generation) position {
	if gen == Old && b.pos.at.IsZero() {
		return b.made
	}
	return b.pos
}

// A delta is one answer of the stream, before it is written.
type delta struct {
	gen          Generation
	now          time.Time
	added, ended []row
	bulk         bulkState
	bulkAdded    window
	bulkEnded    window
}

// stream serves the decision stream.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, b *bouncer) {
	q := r.URL.Query()
	startup := q.Get("startup") == "true"
	if !q.Has("scopes") {
		q.Set("scopes", "ip,range")
	}

	h.mu.Lock()
	if r.Method == http.MethodHead && h.gen != Old {
		h.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		return
	}
	f, err := parseFilter(q, h.gen)
	d := delta{gen: h.gen, now: h.stampLocked()}
	var next position
	if err == nil {
		next = h.fillLocked(&d, f, b.seen(h.gen), startup)
	}
	h.mu.Unlock()

	if err != nil && d.gen == Old {
		message(w, http.StatusInternalServerError, "get all decisions with filters: unable to query")
		return
	}
	limit, short := r.Context().Value(shortKey{}).(int)
	if !short {
		limit = math.MaxInt
	}
	// As in CrowdSec, a written answer counts as received at the time of the
	// request, so a client that missed it has lost it.
	if d.write(w, limit) == nil && !short && err == nil {
		h.mu.Lock()
		b.pos = next
		h.mu.Unlock()
	}
}

// fillLocked finds the changes since pos, or all decisions, and returns the
// position after them.
func (h *Handler) fillLocked(d *delta, f filter, pos position, startup bool) position {
	if !startup {
		h.bulk.churn()
	}
	d.bulk = h.bulk
	next := position{at: d.now, bulk: h.bulk.window}
	since := pos.at
	if startup {
		since, pos.bulk = time.Time{}, window{}
	}
	d.added = h.inForceLocked(f, since, d.now)
	// The zero time minus an overlap is still before everything.
	from := since.Add(-deletedOverlap)
	d.ended = h.selectLocked(f, func(r *row) bool {
		return !r.until.After(d.now) && r.until.After(from)
	})
	d.bulkAdded, d.bulkEnded = h.bulk.since(pos.bulk)
	return next
}

func (d *delta) write(w http.ResponseWriter, limit int) error {
	if d.gen == Old {
		return d.writeOld(w, limit)
	}
	return d.writeNew(w, limit)
}

// writeNew writes as generation New does, page by page.
func (d *delta) writeNew(w http.ResponseWriter, limit int) error {
	w.Header().Set("Content-Type", "application/json")
	out := &encoder{gen: d.gen, now: d.now, limit: limit, w: bufio.NewWriterSize(w, 64<<10), flush: http.NewResponseController(w).Flush}
	out.list(`{"new": [`)
	out.rows(d.added)
	out.bulk(d.bulk, d.bulkAdded, false)
	out.text(`]`)
	out.flushPage()
	out.list(`, "deleted": [`)
	out.rows(d.ended)
	out.bulk(d.bulk, d.bulkEnded, true)
	out.text(`]}`)
	out.flushPage()
	return out.err
}

// writeOld writes as generation Old does: sorted keys, null for an empty list.
func (d *delta) writeOld(w http.ResponseWriter, limit int) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	out := &encoder{gen: d.gen, now: d.now, limit: limit, w: bufio.NewWriterSize(w, 64<<10)}
	section := func(name string, rows []row, b window, ended bool) {
		out.text(name)
		if limit == 0 || len(rows) == 0 && b.len() == 0 {
			out.text(`null`)
			return
		}
		out.list(`[`)
		out.rows(rows)
		out.bulk(d.bulk, b, ended)
		out.text(`]`)
	}
	section(`{"deleted":`, d.ended, d.bulkEnded, true)
	section(`,"new":`, d.added, d.bulkAdded, false)
	out.text(`}`)
	out.flushPage()
	return out.err
}

// shortKey marks the context of a request whose answer ends early: see Short.
type shortKey struct{}

func withShort(r *http.Request, n int) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), shortKey{}, n))
}
