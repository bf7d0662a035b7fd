package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
)

// after returns the number after which a reader wants changes, and whether it wants changes.
func (h *Handler) after(r *http.Request) (uint64, bool, error) {
	q := r.URL.Query()
	if !q.Has("after") {
		return 0, false, nil
	}
	after, err := strconv.ParseUint(q.Get("after"), 10, 63)
	if err != nil {
		return 0, false, refusal{code: http.StatusBadRequest, message: "after is not the seq of a list"}
	}
	return after, true, nil
}

// head returns a list without entries.
func (h *Handler) head(seq uint64, full bool) protocol.List {
	return protocol.List{Seq: seq, Full: full, Items: []protocol.Entry{}, Name: h.about.Name, Explain: h.cfg.ExplainURL}
}

func (h *Handler) sendDelta(w http.ResponseWriter, r *http.Request, d *delta) {
	out := h.head(d.seq, false)
	now := h.cfg.Now()
	for i := range d.moves {
		m := &d.moves[i]
		entry := protocol.Entry{Prefix: m.Unit.String(), Action: "none", Until: now.UTC().Truncate(time.Second)}
		if l := &m.Listing; isListed(l, now) {
			entry = entryOf(l, now)
		}
		out.Items = append(out.Items, entry)
	}
	body, err := json.Marshal(out)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Vary", "Accept-Encoding")
	if len(body) > 1<<10 && takesGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		body = pack(body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the reader asks again after a failure
}

// isListed reports whether an entry is in force, on any list.
func isListed(l *community.Listing, now time.Time) bool {
	return l.Action != consensus.Allow && l.Until.After(now)
}

// untilOf returns the end of an entry, limited to the longest duration.
func untilOf(l *community.Listing, now time.Time) time.Time {
	until := l.Until
	if most := now.Add(longest); until.After(most) {
		until = most
	}
	return until.UTC().Truncate(time.Second)
}

func entryOf(l *community.Listing, now time.Time) protocol.Entry {
	return protocol.Entry{
		Prefix: l.Unit.String(), Action: l.Action.String(), Until: untilOf(l, now),
		Behaviour: string(l.Behaviour), List: l.List.Name(),
	}
}

// appendList writes the whole list without reflection, which would take several times as long.
func (h *Handler) appendList(b []byte, list *community.List, now time.Time) ([]byte, error) {
	head, err := json.Marshal(h.head(seqOf(list), true))
	if err != nil {
		return nil, err
	}
	empty := []byte(`"items":[`)
	before, rest, _ := bytes.Cut(head, empty)
	b = append(append(b, before...), empty...)
	first := true
	for i := range entriesOf(list) {
		l := &list.Entries[i]
		if !isListed(l, now) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendEntry(b, l, now)
	}
	return append(b, rest...), nil
}

func appendEntry(b []byte, l *community.Listing, now time.Time) []byte {
	b = l.Unit.AppendTo(append(b, `{"prefix":"`...))
	b = append(append(b, `","action":"`...), l.Action.String()...)
	b = untilOf(l, now).AppendFormat(append(b, `","until":"`...), time.RFC3339)
	b = append(b, '"')
	if l.Behaviour != "" {
		b = appendString(append(b, `,"behaviour":`...), string(l.Behaviour))
	}
	if l.List != consensus.MainList {
		b = appendString(append(b, `,"list":`...), l.List.Name())
	}
	return append(b, '}')
}
