package api

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/consensus"
)

// A choice selects the entries of a text list.
type choice struct {
	name string
	rare bool // readers choose the name
	in   func(*community.Listing) bool
}

var choices = map[string]choice{
	"ban": {"ban", false, func(l *community.Listing) bool {
		return l.List == consensus.MainList && l.Action == consensus.Ban
	}},
	"captcha": {"captcha", false, func(l *community.Listing) bool {
		return l.List == consensus.MainList && l.Action == consensus.Captcha
	}},
	"tor":      {"tor", false, func(l *community.Listing) bool { return l.List == consensus.TorList }},
	"scanners": {"scanners", false, func(l *community.Listing) bool { return l.List == consensus.ScannerList }},
}

// text serves a text list.
func (h *Handler) text(name string) served {
	return func(w http.ResponseWriter, r *http.Request, by community.Caller) { h.sendText(w, r, by, choices[name]) }
}

// textOfBehaviour serves the bans for one behaviour: /lists/behaviour/http:bruteforce.txt.
func (h *Handler) textOfBehaviour(w http.ResponseWriter, r *http.Request, by community.Caller) {
	name, ok := strings.CutSuffix(r.PathValue("name"), ".txt")
	if !ok || !isBehaviour(name) {
		notFound(w, r)
		return
	}
	ban := choices["ban"].in
	h.sendText(w, r, by, choice{"behaviour " + name, true, func(l *community.Listing) bool {
		return l.Behaviour == consensus.Behaviour(name) && ban(l)
	}})
}

func isBehaviour(s string) bool {
	return len(s) <= 64 && isWord(strings.ReplaceAll(s, ":", "-"))
}

// sendText sends a list with one address or /64 a line, the most certain first.
func (h *Handler) sendText(w http.ResponseWriter, r *http.Request, by community.Caller, c choice) {
	layout, limit, err := textQuery(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	end, err := h.begin(w, r, by)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	defer end()
	forms := h.forms
	if c.rare {
		forms = h.rare
	}
	s, err := forms.get(form{"text " + c.name + " as " + layout.name, c.write(layout)}, h.centre.List(), h.cfg.Now())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	if limit >= 0 {
		s = s.cut(limit)
	}
	sendSnapshot(w, r, s)
	if by.Login != "" {
		h.noteRead(r, "text "+c.name+" "+by.Login, s.seq)
	}
}

func (c choice) write(layout layout) func(b []byte, list *community.List, now time.Time) ([]byte, error) {
	return func(b []byte, list *community.List, now time.Time) ([]byte, error) {
		if layout.timed {
			now = now.Add(drift)
		}
		for i := range entriesOf(list) {
			l := &list.Entries[i]
			if left := left(l.Until, now); left > 0 && l.Action != consensus.Allow && c.in(l) {
				b = append(layout.line(b, l.Unit, left), '\n')
			}
		}
		return b, nil
	}
}

// sendSnapshot sends a text, or the status 304.
func sendSnapshot(w http.ResponseWriter, r *http.Request, s *snapshot) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Accept-Encoding")
	body, tag := s.body, s.tag
	if takesGzip(r) {
		header.Set("Content-Encoding", "gzip")
		body, tag = s.packed(), s.tag+"-gz"
	}
	header.Set("ETag", strconv.Quote(tag))
	// It also answers conditional requests and range requests.
	http.ServeContent(w, r, "", s.modified, bytes.NewReader(body))
}

// textQuery returns the requested layout and the limit of entries; -1: all.
func textQuery(r *http.Request) (layout, int, error) {
	q := r.URL.Query()
	l, ok := layouts[q.Get("format")]
	if !ok {
		return l, 0, refusal{code: http.StatusBadRequest, message: "this format is unknown: want plain, ipset, nft or mikrotik"}
	}
	if !q.Has("limit") {
		return l, -1, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 0 {
		return l, 0, refusal{code: http.StatusBadRequest, message: "limit is not a number of entries"}
	}
	return l, n, nil
}

// cut returns the first lines of a text.
func (s *snapshot) cut(limit int) *snapshot {
	end := 0
	for ; limit > 0 && end < len(s.body); limit-- {
		end += bytes.IndexByte(s.body[end:], '\n') + 1 // each line ends in one
	}
	c := *s
	c.body = s.body[:end]
	c.tag += "-" + strconv.Itoa(end)
	c.packed = func() []byte { return pack(c.body) }
	return &c
}
