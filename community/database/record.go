package database

import (
	"encoding/json"
	"net/netip"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// recordData has the data of a record that is not in columns. Names are short, because there
// are many records, most of units that are never listed.
type recordData struct {
	Unit        string                `json:"u,omitzero"` // of the verdict: see relative
	Remediation consensus.Remediation `json:"r,omitzero"`
	List        consensus.List        `json:"l,omitzero"`
	Amounts     [4]consensus.Micro    `json:"w,omitzero"` // score, threshold, benign, net
	Counts      [5]int                `json:"c,omitzero"` // established, networks, witnesses, needed, earlier
	Reasons     []int                 `json:"y,omitzero"`
	Config      string                `json:"k,omitzero"`
	Prev        prevData              `json:"p,omitzero"`
	Clusters    []consensus.ClusterID `json:"i,omitzero"`
	Service     uint8                 `json:"s,omitzero"`
	Behaviours  []consensus.Behaviour `json:"b,omitzero"`
	Times       [6]int64              `json:"t,omitzero"` // expires, seen first and last, listed until, at, noticed
	Listed      listedData            `json:"e,omitzero"`
}

type prevData struct {
	Judged   bool            `json:"j,omitzero"`
	Seq      uint64          `json:"q,omitzero"`
	Tier     consensus.Tier  `json:"v,omitzero"`
	Score    consensus.Micro `json:"w,omitzero"`
	Needed   int             `json:"n,omitzero"`
	Times    [4]int64        `json:"t,omitzero"` // since, expires, ended, appealed
	Episodes [][2]int64      `json:"e,omitzero"`
}

type listedData struct {
	Unit      string                `json:"u,omitzero"` // see relative
	Action    consensus.Remediation `json:"r,omitzero"`
	List      consensus.List        `json:"l,omitzero"`
	Behaviour consensus.Behaviour   `json:"b,omitzero"`
	Surety    consensus.Micro       `json:"w,omitzero"`
}

func encodeRecord(r community.Record) (string, error) {
	v, next := r.Verdict, r.Verdict.Next
	data := recordData{
		Unit: relative(v.Unit, r.Unit), Remediation: v.Remediation, List: v.List,
		Amounts:  [4]consensus.Micro{v.Score, v.Threshold, v.Benign, v.Net},
		Counts:   [5]int{v.Established, v.Networks, v.Witnesses, v.Needed, v.Earlier},
		Config:   v.Config,
		Clusters: r.Reporters.Clusters, Service: r.Reporters.Service, Behaviours: r.Behaviours,
		Times:  [6]int64{nanos(v.Expires), nanos(r.Seen.First), nanos(r.Seen.Last), nanos(r.Listed.Until), nanos(r.At), nanos(r.Noticed)},
		Listed: listedData{relative(r.Listed.Unit, r.Unit), r.Listed.Action, r.Listed.List, r.Listed.Behaviour, r.Listed.Surety},
		Prev: prevData{
			Judged: next.Judged, Seq: next.Seq, Tier: next.Tier, Score: next.Score, Needed: next.Needed,
			Times: [4]int64{nanos(next.Since), nanos(next.Expires), nanos(next.Ended), nanos(next.Appealed)},
		},
	}
	for _, reason := range v.Reasons {
		data.Reasons = append(data.Reasons, int(reason))
	}
	for _, e := range next.Episodes {
		data.Prev.Episodes = append(data.Prev.Episodes, [2]int64{nanos(e.From), nanos(e.To)})
	}
	text, err := json.Marshal(data)
	return string(text), err
}

// relative returns a unit of a record as text: empty for none, and "=" for the unit that the
// record is about.
func relative(u, record consensus.Unit) string {
	switch u {
	case consensus.Unit{}:
		return ""
	case record:
		return "="
	}
	return u.String()
}

func absolute(text string, record consensus.Unit) (consensus.Unit, error) {
	switch text {
	case "":
		return consensus.Unit{}, nil
	case "=":
		return record, nil
	}
	return netip.ParsePrefix(text)
}

// decodeRecord sets what is not in columns. r has its unit.
func decodeRecord(r *community.Record, data recordData) (err error) {
	v := &r.Verdict
	if v.Unit, err = absolute(data.Unit, r.Unit); err != nil {
		return err
	}
	v.Remediation, v.List, v.Config = data.Remediation, data.List, data.Config
	v.Score, v.Threshold, v.Benign, v.Net = data.Amounts[0], data.Amounts[1], data.Amounts[2], data.Amounts[3]
	v.Established, v.Networks, v.Witnesses, v.Needed, v.Earlier = data.Counts[0], data.Counts[1], data.Counts[2], data.Counts[3], data.Counts[4]
	r.Reporters = consensus.Reporting{Clusters: data.Clusters, Service: data.Service}
	r.Behaviours = data.Behaviours
	for i, t := range []*time.Time{&v.Expires, &r.Seen.First, &r.Seen.Last, &r.Listed.Until, &r.At, &r.Noticed} {
		*t = fromNanos(data.Times[i])
	}
	l := data.Listed
	if r.Listed.Unit, err = absolute(l.Unit, r.Unit); err != nil {
		return err
	}
	r.Listed.Action, r.Listed.List, r.Listed.Behaviour, r.Listed.Surety = l.Action, l.List, l.Behaviour, l.Surety
	p := data.Prev
	v.Next = consensus.Prev{Judged: p.Judged, Seq: p.Seq, Tier: p.Tier, Score: p.Score, Needed: p.Needed}
	for i, t := range []*time.Time{&v.Next.Since, &v.Next.Expires, &v.Next.Ended, &v.Next.Appealed} {
		*t = fromNanos(p.Times[i])
	}
	for _, reason := range data.Reasons {
		v.Reasons = append(v.Reasons, consensus.Reason(reason))
	}
	for _, e := range p.Episodes {
		v.Next.Episodes = append(v.Next.Episodes, consensus.Episode{From: fromNanos(e[0]), To: fromNanos(e[1])})
	}
	return nil
}

// newestOf returns the latest time in a record.
func newestOf(r community.Record) int64 {
	next := r.Verdict.Next
	newest := nanos(r.At)
	for _, t := range []time.Time{
		r.Seen.Last, r.Next, r.Noticed, r.Listed.Until, r.Verdict.Expires, next.Since, next.Expires, next.Ended, next.Appealed,
	} {
		newest = max(newest, nanos(t))
	}
	for _, e := range next.Episodes {
		newest = max(newest, nanos(e.To))
	}
	return newest
}
