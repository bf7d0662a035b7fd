package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/community"
)

// errBusy says that too many whole lists are being sent.
var errBusy = refusal{http.StatusServiceUnavailable, "too many readers of the whole list: try again later", 5 * time.Second}

// A turn allows one request to send a long answer: a whole list, or many changes.
type turn struct {
	begin func() (end func(), err error)
	end   func() // nil: not taken yet
}

func (h *Handler) turn(w http.ResponseWriter, r *http.Request, by community.Caller) *turn {
	return &turn{begin: func() (func(), error) { return h.begin(w, r, by) }}
}

// take takes the turn, once.
func (t *turn) take() (err error) {
	if t.end == nil {
		t.end, err = t.begin()
	}
	return err
}

// done ends the turn, if it was taken. It comes after the last write.
func (t *turn) done() {
	if t.end != nil {
		t.end()
	}
}

// begin takes a turn to send a long answer, and limits the time of the reader. The caller calls
// end after the last write.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, by community.Caller) (end func(), err error) {
	release, err := h.whole.take(h.name(r, by), h.cfg.Now())
	if err != nil {
		return nil, err
	}
	leave, ok := h.enter(by)
	if !ok {
		release()
		return nil, errBusy
	}
	control := http.NewResponseController(w)
	// An error means that the server has no such deadline, as in a test's recorder.
	limited := control.SetWriteDeadline(time.Now().Add(h.cfg.Delivery)) == nil
	return func() {
		// Flush the server's buffer before the end of the deadline. The deadline must not
		// stay for the next answer on this connection.
		if limited && control.Flush() == nil {
			_ = control.SetWriteDeadline(time.Time{})
		}
		leave()
		release()
	}, nil
}

// enter takes one of the turns of all callers, and of those without an account, if it is free.
func (h *Handler) enter(by community.Caller) (leave func(), ok bool) {
	if by.Login == "" {
		if !tryTake(h.others) {
			return nil, false
		}
		if !tryTake(h.turns) {
			<-h.others
			return nil, false
		}
		return func() { <-h.turns; <-h.others }, true
	}
	return func() { <-h.turns }, tryTake(h.turns)
}

func tryTake(turns chan struct{}) bool {
	select {
	case turns <- struct{}{}:
		return true
	default:
		return false
	}
}

// deliver sends a whole list in a form, and reports whether the reader got all of it.
func (h *Handler) deliver(w http.ResponseWriter, r *http.Request, t *turn, s *snapshot, packable bool) bool {
	if err := t.take(); err != nil {
		h.fail(w, r, err)
		return false
	}
	body := s.body
	w.Header().Set("Content-Type", jsonType)
	if packable {
		w.Header().Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			w.Header().Set("Content-Encoding", "gzip")
			body = s.packed()
		}
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err := w.Write(body)
	return err == nil
}

// takesGzip reports whether a client accepts gzip.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		coding, params, _ := strings.Cut(part, ";")
		if coding = strings.TrimSpace(coding); !strings.EqualFold(coding, "gzip") && coding != "*" {
			continue
		}
		weight, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if q, err := strconv.ParseFloat(weight, 64); !ok || err == nil && q > 0 {
			return true
		}
	}
	return false
}
