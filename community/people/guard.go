package people

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/tocsin-project/tocsin/community"
)

// A page answers a request, or returns an error.
type page func(http.ResponseWriter, *http.Request) error

const (
	maxForm  = 32 << 10 // bytes
	maxQuery = 4 << 10
	patience = 10 * time.Second // for a form to arrive
)

// A refusal is an error that the client gets as a page.
type refusal struct {
	status int
	text   func(*words) string
	retry  time.Duration
}

func (refusal) Error() string { return "refused" }

var (
	errForeign = refusal{status: http.StatusForbidden, text: func(w *words) string { return w.Expired }}
	errForm    = refusal{status: http.StatusBadRequest, text: func(w *words) string { return w.Expired }}
	errBig     = refusal{status: http.StatusRequestEntityTooLarge, text: func(w *words) string { return w.TooLong }}
)

func errMany(retry time.Duration) refusal {
	return refusal{http.StatusTooManyRequests, func(w *words) string { return w.page.Fill(w.page.TooManyText, retry) }, retry}
}

// A message is the content of a page with only a message.
type message struct{ Text string }

// public returns a page for everybody.
func (h *Handler) public(p page) http.Handler {
	return h.guard(p, wordsOf, h.forms)
}

// english returns a page that is only in English.
func (h *Handler) english(p page) http.Handler {
	return h.guard(p, func(*http.Request) *words { return &english }, h.forms)
}

// forModerators returns a page for moderators, who may send more forms than other people.
func (h *Handler) forModerators(p asModerator) http.Handler {
	return h.guard(h.moderator(p), func(*http.Request) *words { return &english }, h.views)
}

// guard limits the requests to a page, and answers its errors.
func (h *Handler) guard(p page, words func(*http.Request) *words, forms limiter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h.allow(w, r, forms)
		if err == nil {
			err = p(w, r)
		}
		if err != nil {
			h.fail(w, r, err, words(r))
		}
	})
}

// allow returns an error if a request is over a limit or not allowed.
func (h *Handler) allow(w http.ResponseWriter, r *http.Request, forms limiter) error {
	if len(r.URL.RawQuery) > maxQuery {
		return errBig
	}
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead
	if r.Body != nil && r.Body != http.NoBody {
		// Even if no page reads the body, the server would, to reuse the connection. An
		// error means that the server has no such deadline, as in a test's recorder.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(patience))
	}
	share := h.views
	if writes {
		share = forms
	}
	if retry, ok := share.take(h.cfg.ClientIP(r)); !ok {
		return errMany(retry)
	}
	if writes {
		return h.readForm(w, r)
	}
	return nil
}

// readForm reads the form of a request, which must be from a page of the same origin.
func (h *Handler) readForm(w http.ResponseWriter, r *http.Request) error {
	if err := h.origin.Check(r); err != nil {
		return errForeign
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return errForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return errBig
	case err != nil:
		return errForm
	}
	// The body is complete. Without this, the deadline could end the request during its answer.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return nil
}

// fail answers a request after an error of its page.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error, words *words) {
	refused := h.refusal(err)
	title := words.NotDone
	switch refused.status {
	case http.StatusTooManyRequests:
		title = words.page.TooMany
		w.Header().Set("Retry-After", strconv.Itoa(int((refused.retry+time.Second-1)/time.Second)))
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		title = words.page.Unavailable
		h.cfg.Log.Error("a page for people failed", zap.String("path", r.URL.Path), zap.Error(err))
	case http.StatusNotFound:
		title = words.NoPage
	}
	v := &view{words: words, Title: title, Data: message{refused.text(words)}}
	if err := h.render(w, r, refused.status, "message", v); err != nil {
		h.cfg.Log.Error("a page for people failed", zap.String("path", r.URL.Path), zap.Error(err))
		http.Error(w, http.StatusText(refused.status), refused.status)
	}
}

// refusal returns the page for an error. Errors of a store only go to the log.
func (h *Handler) refusal(err error) refusal {
	var refused refusal
	var many community.TooManyError
	say := func(text string) func(*words) string { return func(*words) string { return text } }
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &many):
		return errMany(many.Retry)
	case errors.Is(err, community.ErrNotFound):
		return refusal{status: http.StatusNotFound, text: func(w *words) string { return w.NoPage }}
	case errors.Is(err, community.ErrConflict):
		return refusal{status: http.StatusForbidden, text: say("You, or the operator that you work for, has a member that reported this address. Another moderator has to decide this case.")}
	case errors.Is(err, community.ErrDenied), errors.Is(err, community.ErrSuspended), errors.Is(err, community.ErrTerms):
		return refusal{status: http.StatusForbidden, text: say(err.Error())}
	case errors.Is(err, community.ErrInvalid):
		return refusal{status: http.StatusUnprocessableEntity, text: say(err.Error())}
	}
	return refusal{status: http.StatusServiceUnavailable, text: func(w *words) string { return w.page.UncheckedText }}
}

// isEarly reports whether a request came before the end of the handshake: it may be a replay
// of another client's request.
func isEarly(r *http.Request) bool {
	return r.Header.Get("Early-Data") != "" || r.TLS != nil && !r.TLS.HandshakeComplete
}
