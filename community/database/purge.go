package database

import (
	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

func (w *writer) Erase(unit consensus.Unit) error {
	for _, statement := range []string{
		"DELETE FROM reports WHERE unit = $1",
		"DELETE FROM ordinary WHERE unit = $1",
		"DELETE FROM records WHERE unit = $1",
		"DELETE FROM cases WHERE unit = $1",
	} {
		if err := w.must("erasing unit", statement, encodeUnit(unit)); err != nil {
			return err
		}
	}
	for _, statement := range []string{"UPDATE credits SET unit = $2 WHERE unit = $1", "UPDATE faults SET unit = $2 WHERE unit = $1"} {
		if err := w.must("erasing unit", statement, encodeUnit(unit), encodeUnit(consensus.Unit{})); err != nil {
			return err
		}
	}
	return nil
}

// A step of a purge deletes rows of one table.
type step struct {
	table, key, where string
	before            int64
	ordered           bool // by the key: the rows have no gaps
}

// end is larger than all numbers.
const end = "9223372036854775807"

func steps(l community.Limits) []step {
	reports, episodes, cases := minutesFrom(l.Reports), nanos(l.Episodes), nanos(l.Cases)
	return []step{
		{"reports", "seq", "last < $1", reports, false},
		{"ordinary", "unit, member", "last < $1", reports, false},
		{"records", "unit", "newest < $1", episodes, false},
		{"suppressions", "hash", "until < $1", episodes, false},
		{"credits", "id", "at < $1", episodes, false},
		{"faults", "id", "at < $1", episodes, false},
		{"changes", "seq", "seq < coalesce((SELECT min(seq) FROM changes WHERE at >= $1), " + end + ")", episodes, true},
		{"cases", "id", "state <> 1 AND decided < $1", cases, false},
		{"audit", "seq", "seq + 1 < coalesce((SELECT min(seq) FROM audit WHERE at >= $1), (SELECT max(seq) + 1 FROM audit))", cases, true},
		{"cursors", "reader", "seen < $1", nanos(l.Cursors), false},
	}
}

func (w *writer) Purge(l community.Limits, most int) (deleted int, more bool, err error) {
	for _, s := range steps(l) {
		n, rest, err := w.purge(s, max(most-deleted, 0))
		if err != nil {
			return deleted, true, err
		}
		deleted, more = deleted+n, more || rest
	}
	rest, err := w.purgeKinds(minutesFrom(l.Reports), max(most, 0), more)
	if err != nil {
		return deleted, true, err
	}
	return deleted, more || rest, w.notePurged()
}

// purge deletes rows, and reports whether there are more.
func (w *writer) purge(s step, room int) (n int, more bool, err error) {
	order := ""
	if s.ordered {
		order = " ORDER BY " + s.key
	}
	if room > 0 {
		deleted, err := w.exec("purging "+s.table, "DELETE FROM "+s.table+" WHERE ("+s.key+") IN (SELECT "+s.key+" FROM "+s.table+
			" WHERE "+s.where+order+" LIMIT $2)", s.before, room)
		if err != nil || int(deleted) < room {
			return int(deleted), false, err
		}
		n = room
	}
	err = w.one("purging "+s.table, "SELECT EXISTS (SELECT 1 FROM "+s.table+" WHERE "+s.where+")", []any{s.before}, &more)
	return n, more, err
}

// purgeKinds deletes the kinds without reports, after all old reports are deleted. They do not
// count as deleted rows, because only this package uses kinds.
func (w *writer) purgeKinds(before int64, room int, waits bool) (more bool, err error) {
	if waits {
		return true, nil
	}
	_, more, err = w.purge(step{"runs", "kind, member", "last < $1", before, false}, room)
	if err != nil {
		return true, err
	}
	return more, w.must("purging kinds", "DELETE FROM kinds WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.kind = kinds.id)")
}

// notePurged notes the number up to which changes are deleted.
func (w *writer) notePurged() error {
	var gone uint64
	err := w.one("noting purge", "SELECT coalesce((SELECT min(seq) FROM changes) - 1, $1)", []any{int64(w.given.change)}, &gone)
	w.given.purged = gone
	return err
}
