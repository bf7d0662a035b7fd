package database

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// A reader implements [community.ReadTx].
type reader struct {
	*session
	given *given // read when it is needed
}

// given has the latest assigned numbers.
type given struct{ report, version, change, purged, incident, entry, other uint64 }

// load reads the numbers.
func (r *reader) load() error {
	if r.given != nil {
		return nil
	}
	var g given
	err := r.one("reading numbers", "SELECT report, version, change, purged, incident, entry, other FROM numbers", nil,
		&g.report, &g.version, &g.change, &g.purged, &g.incident, &g.entry, &g.other)
	r.given = &g
	return err
}

const reportColumns = `SELECT r.seq, r.unit, r.member, k.scenario, k.hash, k.behaviour, k.confidence, k.spoofable, k.provenance,
	r.first, r.last, r.arrived, r.bucket, r.flags, r.novel, r.void FROM reports r JOIN kinds k ON k.id = r.kind `

func scanReport(row row) (r community.Report, err error) {
	err = row.Scan(&r.Seq, unitColumn{&r.Unit}, numberOf(&r.Member), &r.Scenario, &r.Hash, &r.Behaviour, &r.Confidence, &r.Spoofable, &r.Provenance,
		atMinute(&r.First), atMinute(&r.Last), atSecond(&r.Arrived), &r.Bucket, &r.Flags, &r.Novel, &r.Void)
	return r, err
}

func (r *reader) Reports(unit consensus.Unit) ([]community.Report, error) {
	return all(r.session, "reading reports", scanReport, reportColumns+"WHERE r.unit = $1 ORDER BY r.seq", encodeUnit(unit))
}

func (r *reader) ReportsOf(member consensus.MemberID, limit int) ([]community.Report, error) {
	return all(r.session, "reading reports", scanReport, reportColumns+"WHERE r.member = $1 ORDER BY r.seq DESC LIMIT $2", int64(member), max(limit, 0))
}

func (r *reader) ReportsAfter(after uint64, limit int) ([]community.Report, error) {
	return all(r.session, "reading reports", scanReport, reportColumns+"WHERE r.seq > $1 ORDER BY r.seq LIMIT $2", int64(after), max(limit, 0))
}

func (r *reader) Ordinary(unit consensus.Unit) ([]community.Ordinary, error) {
	found, err := all(r.session, "reading ordinary use", func(row row) (o community.Ordinary, err error) {
		o.Unit = unit
		err = row.Scan(numberOf(&o.Member), atMinute(&o.Last), &o.Bucket)
		return o, err
	}, "SELECT member, last, bucket FROM ordinary WHERE unit = $1", encodeUnit(unit))
	slices.SortFunc(found, func(a, b community.Ordinary) int { return cmp.Compare(a.Member, b.Member) })
	return found, err
}

const recordColumns = "SELECT unit, version, tier, due, data FROM records "

func scanRecord(row row) (r community.Record, err error) {
	var data recordData
	if err := row.Scan(unitColumn{&r.Unit}, &r.Version, &r.Verdict.Tier, at(&r.Next), jsonColumn{&data}); err != nil {
		return r, err
	}
	return r, decodeRecord(&r, data)
}

func (r *reader) Record(unit consensus.Unit) (community.Record, error) {
	return first(all(r.session, "reading record", scanRecord, recordColumns+"WHERE unit = $1", encodeUnit(unit)))
}

// first returns the first result, or ErrNotFound.
func first[V any](found []V, err error) (v V, _ error) {
	if err == nil && len(found) == 0 {
		err = community.ErrNotFound
	}
	if err != nil {
		return v, err
	}
	return found[0], nil
}

func (r *reader) Records() iter.Seq2[community.Record, error] {
	return func(yield func(community.Record, error) bool) {
		err := r.each("reading records", func(row row) (bool, error) {
			record, err := scanRecord(row)
			return err == nil && yield(record, nil), err
		}, recordColumns+"ORDER BY unit")
		if err != nil {
			yield(community.Record{}, err)
		}
	}
}

func (r *reader) RecordsAfter(version uint64, limit int) ([]community.Record, error) {
	return all(r.session, "reading records", scanRecord, recordColumns+"WHERE version > $1 ORDER BY version LIMIT $2", int64(version), max(limit, 0))
}

func (r *reader) Due(now time.Time, limit int) ([]consensus.Unit, error) {
	return all(r.session, "reading what is due", func(row row) (u consensus.Unit, err error) {
		err = row.Scan(unitColumn{&u})
		return u, err
	}, "SELECT unit FROM records WHERE due <> 0 AND due <= $1 ORDER BY due, unit LIMIT $2", nanos(now), max(limit, 0))
}

func (r *reader) Changes(after uint64, limit int) ([]community.Change, error) {
	if err := r.load(); err != nil {
		return nil, err
	}
	if after < r.given.purged || after > r.given.change {
		return nil, community.ErrNotFound
	}
	return all(r.session, "reading changes", func(row row) (c community.Change, err error) {
		err = row.Scan(&c.Seq, at(&c.At), at(&c.Until), &c.Surety, &c.Action, &c.Was, &c.List, unitColumn{&c.Unit}, &c.Behaviour)
		return c, err
	}, "SELECT seq, at, until, surety, action, was, list, unit, behaviour FROM changes WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), max(limit, 0))
}

func (r *reader) LastChange() (uint64, error) {
	if err := r.load(); err != nil {
		return 0, err
	}
	return r.given.change, nil
}

func (r *reader) Cursor(name string) (c community.Cursor, err error) {
	err = r.one("reading cursor", "SELECT seq, seen FROM cursors WHERE reader = $1", []any{name}, numberOf(&c.Seq), at(&c.Seen))
	return c, err
}

func (r *reader) Suppressed(hash []byte) (until time.Time, err error) {
	found, err := all(r.session, "reading suppression", func(row row) (t time.Time, err error) {
		err = row.Scan(at(&t))
		return t, err
	}, "SELECT until FROM suppressions WHERE hash = $1", hash)
	if len(found) > 0 {
		until = found[0]
	}
	return until, err
}

func (r *reader) Audit(after uint64, limit int) ([]community.Entry, error) {
	return all(r.session, "reading audit log", func(row row) (e community.Entry, err error) {
		err = row.Scan(&e.Seq, at(&e.At), &e.Actor, &e.Action, &e.Target, &e.Detail, &e.Prev, &e.Hash)
		if len(e.Prev) == 0 {
			e.Prev = nil
		}
		return e, err
	}, "SELECT seq, at, actor, action, target, detail, prev, hash FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", int64(after), max(limit, 0))
}

func (r *reader) Setting(name string) (value []byte, err error) {
	err = r.one("reading setting", "SELECT value FROM settings WHERE name = $1", []any{name}, &value)
	return value, err
}
