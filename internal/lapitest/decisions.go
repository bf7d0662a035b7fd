package lapitest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const defaultDuration = 4 * time.Hour

// A Decision is a row of the server's decision database. Strings are sent unchanged, so a
// row can be as odd as real ones are.
type Decision struct {
	ID       int64         // default: the next free one
	UUID     string        // default: a made-up one, but none for origins CAPI and lists
	Origin   string        // default: cscli
	Scenario string        // default: manual ban
	Scope    string        // default: Range if Value has a slash, else Ip
	Type     string        // default: ban
	Value    string        // an address, a range, a country code, an AS number, a user name
	Duration time.Duration // from now; may be negative; default: 4h
	// RawDuration is sent in place of the remaining time, whose form is
	// otherwise the server's. Default: none.
	RawDuration string
	Simulated   bool // left out of streams and queries that do not ask for it
}

// A row is a decision in its database form.
type row struct {
	Decision
	createdAt, until time.Time
}

// identity is the key by which the server hides a row behind another.
type identity struct{ value, typ, scope string }

func (r *row) identity() identity { return identity{r.Value, r.Type, r.Scope} }

func (r *row) is(value, typ string) bool {
	return r.Value == value && (typ == "" || r.Type == typ)
}

func (d *Decision) complete(id int64) {
	d.ID = cmp.Or(d.ID, id)
	d.Origin = cmp.Or(d.Origin, "cscli")
	d.Scenario = cmp.Or(d.Scenario, "manual ban")
	d.Type = cmp.Or(d.Type, "ban")
	d.Duration = cmp.Or(d.Duration, defaultDuration)
	if d.Scope == "" {
		d.Scope = "Ip"
		if strings.Contains(d.Value, "/") {
			d.Scope = "Range"
		}
	}
	if d.UUID == "" && !d.shared() {
		d.UUID = fmt.Sprintf("00000000-0000-4000-8000-%012x", d.ID)
	}
}

// shared reports whether d came from the central API.
func (d *Decision) shared() bool { return d.Origin == "CAPI" || d.Origin == "lists" }

// Add stores decisions, all at the same instant, and returns their ids. Rows
// with the same Duration in one call therefore end at the same instant.
func (h *Handler) Add(ds ...Decision) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.stampLocked()
	ids := make([]int64, 0, len(ds))
	for _, d := range ds {
		ids = append(ids, h.insertLocked(d, now, now))
	}
	return ids
}

// insertLocked stores d as made now, with its duration counted from start.
func (h *Handler) insertLocked(d Decision, now, start time.Time) int64 {
	d.complete(h.nextID + 1)
	h.nextID = max(h.nextID, d.ID)
	h.rows = append(h.rows, &row{Decision: d, createdAt: now, until: start.Add(d.Duration)})
	return d.ID
}

// Delete ends all decisions in force on value with the given type ("": any),
// as `cscli decisions delete` does: the rows stay and end now. It returns their
// number.
func (h *Handler) Delete(value, typ string) int {
	return h.endInForce(func(r *row) bool { return r.is(value, typ) })
}

// DeleteID ends the decision with the given ID now, even if it has already ended. It reports
// whether there is such a row.
func (h *Handler) DeleteID(id int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.stampLocked()
	for _, r := range h.rows {
		if r.ID == id {
			r.until = now
			return true
		}
	}
	return false
}

func (h *Handler) endInForce(which func(*row) bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	now, n := h.stampLocked(), 0
	for _, r := range h.rows {
		if r.until.After(now) && which(r) {
			r.until = now
			n++
		}
	}
	return n
}

// HardDelete removes rows as a database flush and `cscli alerts delete` do: no stream ever
// reports it. An empty typ means any. It returns the number of rows.
func (h *Handler) HardDelete(value, typ string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := len(h.rows)
	h.rows = slices.DeleteFunc(h.rows, func(r *row) bool { return r.is(value, typ) })
	return before - len(h.rows)
}

// Reannounce refreshes the community blocklist and the lists: every row of
// origin CAPI or lists is removed and stored again under a new id, with its
// whole duration from now. They come as new again, and nothing as deleted. The
// synthetic decisions of Bulk are refreshed likewise.
func (h *Handler) Reannounce() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.stampLocked()
	old := h.rows
	h.rows = make([]*row, 0, len(old))
	var again []Decision
	for _, r := range old {
		if r.shared() {
			r.ID = 0
			again = append(again, r.Decision)
		} else {
			h.rows = append(h.rows, r)
		}
	}
	for _, d := range again {
		h.insertLocked(d, now, now)
	}
	h.bulk.renew(h.bulk.Bulk, now)
}

// DropDatabase deletes everything: decisions, also the synthetic ones, keys with their
// cursors, machines and tokens. IDs begin at 1 again.
func (h *Handler) DropDatabase() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rows, h.nextID = nil, 0
	clear(h.keys)
	clear(h.machines)
	clear(h.tokens)
	h.bulk = bulkState{}
}

// Restart makes tokens invalid. A restart of the server changes nothing else for a client:
// decisions, keys and cursors are in the database.
func (h *Handler) Restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.tokens)
}

// AddKey adds an API key. It has not pulled yet.
func (h *Handler) AddKey(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[key] = &bouncer{
		made: position{at: h.stampLocked(), bulk: h.bulk.window},
		more: make(map[string]*bouncer),
	}
}

// RemoveKey removes an API key and its cursor.
func (h *Handler) RemoveKey(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.keys, key)
}

// SetGeneration changes the server's version of the protocol from the next request on, as an
// upgrade does.
func (h *Handler) SetGeneration(g Generation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gen = g
}

// Generation returns the server's version of the protocol.
func (h *Handler) Generation() Generation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gen
}

// SetBulk replaces the synthetic decisions. The new ones are sent as new. Only a full list
// shows which ones are gone.
func (h *Handler) SetBulk(b Bulk) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bulk.renew(b, h.stampLocked())
}

// stampLocked returns the time, later than at any earlier call. Cursors compare times. Where
// time does not advance, as in a bubble of testing/synctest, a decision made after a pull
// must not have the same time as the pull.
func (h *Handler) stampLocked() time.Time {
	now := time.Now()
	if !now.After(h.stamped) {
		now = h.stamped.Add(time.Nanosecond)
	}
	h.stamped = now
	return now
}
