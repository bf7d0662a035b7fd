package database

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// A writer implements [community.Tx].
type writer struct{ reader }

// save writes the numbers if this transaction assigned one, and announces changes to other
// servers.
func (w *writer) save(before given) error {
	g := *w.given
	if g == before {
		return nil
	}
	if err := w.must("writing numbers", "UPDATE numbers SET report = $1, version = $2, change = $3, purged = $4, incident = $5, entry = $6, other = $7",
		int64(g.report), int64(g.version), int64(g.change), int64(g.purged), int64(g.incident), int64(g.entry), int64(g.other)); err != nil {
		return err
	}
	if g.change == before.change {
		return nil
	}
	return w.failed(w.ctx, "announcing a change", w.announce(w.ctx, w.tx))
}

func (w *writer) Append(r community.Report) (seq uint64, fresh bool, err error) {
	unit, last := encodeUnit(r.Unit), minutes(r.Last)
	err = w.one("looking for the report", `SELECT r.seq FROM reports r JOIN kinds k ON k.id = r.kind
		WHERE r.unit = $1 AND r.member = $2 AND r.last = $3 AND k.scenario = $4`, []any{unit, int64(r.Member), last, r.Scenario}, &seq)
	if !errors.Is(err, community.ErrNotFound) {
		return seq, false, err
	}
	kind, err := w.kind(r)
	if err != nil {
		return 0, false, err
	}
	if err := w.must("noting a member's scenario", `INSERT INTO runs (kind, member, last) VALUES ($1, $2, $3)
		ON CONFLICT (kind, member) DO UPDATE SET last = excluded.last WHERE excluded.last > runs.last`, kind, int64(r.Member), last); err != nil {
		return 0, false, err
	}
	w.given.report++
	return w.given.report, true, w.must("adding report", `INSERT INTO reports (seq, member, arrived, kind, first, last, bucket, flags, novel, void, unit)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, int64(w.given.report), int64(r.Member), r.Arrived.Unix(), kind, minutes(r.First), last,
		int64(r.Bucket), int64(r.Flags), flag(r.Novel), flag(r.Void), unit)
}

// kind returns the number of the data that a report shares with others.
func (w *writer) kind(r community.Report) (id int64, err error) {
	what := []any{r.Scenario, r.Hash, string(r.Behaviour), int64(r.Confidence), int64(r.Spoofable), int64(r.Provenance)}
	err = w.one("looking for a kind of reports", `SELECT id FROM kinds WHERE scenario = $1 AND hash = $2 AND behaviour = $3
		AND confidence = $4 AND spoofable = $5 AND provenance = $6`, what, &id)
	if !errors.Is(err, community.ErrNotFound) {
		return id, err
	}
	id = w.other()
	return id, w.must("adding a kind of reports", `INSERT INTO kinds (scenario, hash, behaviour, confidence, spoofable, provenance, id)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, append(what, id)...)
}

// other assigns a number that callers never see.
func (w *writer) other() int64 {
	w.given.other++
	return int64(w.given.other)
}

func (w *writer) Void(member consensus.MemberID, hash string) ([]consensus.Unit, error) {
	const take = "UPDATE reports SET void = 1 WHERE void = 0 AND "
	const byHash = "kind IN (SELECT id FROM kinds WHERE hash = $1)"
	var where string
	var args []any
	switch {
	case member == 0 && hash == "":
		return nil, errors.New("taking reports back: want a member, a hash, or both")
	case hash == "":
		where, args = "member = $1", []any{int64(member)}
	case member == 0:
		where, args = byHash+" AND member IN (SELECT u.member FROM runs u JOIN kinds k ON k.id = u.kind WHERE k.hash = $1)", []any{hash}
	default:
		where, args = byHash+" AND member = $2", []any{hash, int64(member)}
	}
	units, err := all(w.session, "taking reports back", func(row row) (u consensus.Unit, err error) {
		err = row.Scan(unitColumn{&u})
		return u, err
	}, take+where+" RETURNING unit", args...)
	slices.SortFunc(units, func(a, b consensus.Unit) int { return cmp.Or(a.Addr().Compare(b.Addr()), a.Bits()-b.Bits()) })
	return slices.Compact(units), err
}

func (w *writer) PutOrdinary(o community.Ordinary) error {
	return w.must("keeping ordinary use", `INSERT INTO ordinary (unit, member, last, bucket) VALUES ($1, $2, $3, $4)
		ON CONFLICT (unit, member) DO UPDATE SET last = excluded.last, bucket = excluded.bucket`, encodeUnit(o.Unit), int64(o.Member), minutes(o.Last), int64(o.Bucket))
}

func (w *writer) PutRecord(r community.Record) error {
	data, err := encodeRecord(r)
	if err != nil {
		return fmt.Errorf("keeping record: %w", err)
	}
	w.given.version++
	return w.must("keeping record", `INSERT INTO records (unit, version, tier, due, newest, data) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (unit) DO UPDATE SET version = excluded.version, tier = excluded.tier, due = excluded.due, newest = excluded.newest, data = excluded.data`,
		encodeUnit(r.Unit), int64(w.given.version), int64(r.Verdict.Tier), nanos(r.Next), newestOf(r), data)
}

func (w *writer) AppendChange(c community.Change) (uint64, error) {
	w.given.change++
	return w.given.change, w.must("adding change", `INSERT INTO changes (seq, at, until, surety, action, was, list, unit, behaviour)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, int64(w.given.change), nanos(c.At), nanos(c.Until), int64(c.Surety), int64(c.Action), int64(c.Was),
		int64(c.List), encodeUnit(c.Unit), string(c.Behaviour))
}

func (w *writer) PutCursor(name string, c community.Cursor) error {
	return w.must("keeping cursor", `INSERT INTO cursors (reader, seq, seen) VALUES ($1, $2, $3)
		ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq, seen = excluded.seen`, name, int64(c.Seq), nanos(c.Seen))
}

func (w *writer) PutMember(m community.Member) error {
	ties, err := json.Marshal(m.Ties)
	standing, wrong := json.Marshal(m.Standing)
	if err := errors.Join(err, wrong); err != nil {
		return fmt.Errorf("keeping member: %w", err)
	}
	return w.must("keeping member", `INSERT INTO members (id, net, joined, vouched, suspended, gone, seen, ties, standing)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET net = excluded.net, joined = excluded.joined,
		vouched = excluded.vouched, suspended = excluded.suspended, gone = excluded.gone, seen = excluded.seen, ties = excluded.ties, standing = excluded.standing`,
		int64(m.ID), int64(m.Net), nanos(m.Joined), flag(m.Vouched), flag(m.Suspended), nanos(m.Left), nanos(m.Seen), string(ties), string(standing))
}

func (w *writer) DeleteMember(id consensus.MemberID) error {
	return w.must("deleting member", "DELETE FROM members WHERE id = $1", int64(id))
}

func (w *writer) AddCredit(c consensus.Credit) error {
	return w.must("adding credit", "INSERT INTO credits (id, member, at, unit) VALUES ($1, $2, $3, $4)", w.other(), int64(c.Member), nanos(c.At), encodeUnit(c.Unit))
}

func (w *writer) AddFault(f consensus.Fault) error {
	return w.must("adding fault", "INSERT INTO faults (id, member, at, hit, unit) VALUES ($1, $2, $3, $4, $5)",
		w.other(), int64(f.Member), nanos(f.At), flag(f.Hit), encodeUnit(f.Unit))
}

func (w *writer) PutCase(c community.Case) (uint64, error) {
	other, err := w.CaseByTicket(c.Ticket)
	switch {
	case err == nil && other.ID != c.ID:
		return 0, fmt.Errorf("keeping case: another one has its ticket: %w", community.ErrTaken)
	case err != nil && !errors.Is(err, community.ErrNotFound):
		return 0, err
	}
	if c.ID == 0 {
		w.given.incident++
		c.ID = w.given.incident
	} else if _, err := w.Case(c.ID); err != nil {
		return 0, err
	}
	return c.ID, w.must("keeping case", `INSERT INTO cases (id, ticket, unit, kind, proven, opened, due, text, state, decider, reason, decided)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO UPDATE SET ticket = excluded.ticket, unit = excluded.unit,
		kind = excluded.kind, proven = excluded.proven, opened = excluded.opened, due = excluded.due, text = excluded.text, state = excluded.state,
		decider = excluded.decider, reason = excluded.reason, decided = excluded.decided`,
		int64(c.ID), c.Ticket, encodeUnit(c.Unit), int64(c.Kind), flag(c.Proven), nanos(c.Opened), nanos(c.Due), c.Text, int64(c.State), c.By, c.Reason, nanos(c.Decided))
}

func (w *writer) Suppress(hash []byte, until time.Time) error {
	return w.must("keeping suppression", `INSERT INTO suppressions (hash, until) VALUES ($1, $2)
		ON CONFLICT (hash) DO UPDATE SET until = excluded.until WHERE excluded.until > suppressions.until`, hash, nanos(until))
}

func (w *writer) AppendAudit(e community.Entry) (community.Entry, error) {
	var prev []byte
	err := w.one("reading audit log", "SELECT hash FROM audit WHERE seq = $1", []any{int64(w.given.entry)}, &prev)
	if err != nil && (w.given.entry > 0 || !errors.Is(err, community.ErrNotFound)) {
		return e, err
	}
	w.given.entry++
	e.Seq = w.given.entry
	e.At = fromNanos(nanos(e.At)) // the hash must cover the stored value
	e = community.SealEntry(prev, e)
	return e, w.must("adding to audit log", "INSERT INTO audit (seq, at, actor, action, target, detail, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		int64(e.Seq), nanos(e.At), e.Actor, e.Action, e.Target, e.Detail, append([]byte{}, prev...), e.Hash)
}

func (w *writer) PutSetting(name string, value []byte) error {
	if len(value) == 0 {
		return w.must("deleting setting", "DELETE FROM settings WHERE name = $1", name)
	}
	return w.must("keeping setting", "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
}
