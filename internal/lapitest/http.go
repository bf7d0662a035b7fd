package lapitest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	maxRequests = 8192     // how many requests are kept
	maxLogged   = 1 << 20  // how many bytes of a body are kept
	maxBody     = 50 << 20 // bytes of a decompressed body: the server's own limit
)

// A Request is one request that the fake has received.
type Request struct {
	Time       time.Time
	Method     string
	Path       string
	Query      url.Values
	Header     http.Header
	Body       []byte // unpacked; at most the first MiB
	RemoteAddr string
}

// Startup reports whether r asks for the full stream.
func (r Request) Startup() bool { return r.Query.Get("startup") == "true" }

// Requests returns the requests received so far, the oldest first; of very many
// only the last thousands.
func (h *Handler) Requests() []Request {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

// Pulls returns the requests of the stream among Requests.
func (h *Handler) Pulls() []Request {
	return slices.DeleteFunc(h.Requests(), func(r Request) bool { return r.Path != streamPath })
}

// WaitPulls waits until n requests of the stream have been answered since the start,
// including damaged answers. It returns ctx's error if ctx ends first. The client may still
// be reading the last answer.
func (h *Handler) WaitPulls(ctx context.Context, n int) error {
	return h.wait(ctx, &h.pulls, n)
}

// WaitRequests waits until n requests of any kind have been received since the
// start, and returns ctx's error if it ends first. None need be answered yet.
func (h *Handler) WaitRequests(ctx context.Context, n int) error {
	return h.wait(ctx, &h.received, n)
}

func (h *Handler) wait(ctx context.Context, count *int, n int) error {
	for {
		h.mu.Lock()
		now, counted := *count, h.counted
		h.mu.Unlock()
		if now >= n {
			return nil
		}
		select {
		case <-counted:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ServeHTTP answers like the Local API, or as a fault decides.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == streamPath {
		defer h.countPull()
	}
	bodyErr := h.readBody(r)
	fault := h.receive(r)
	answer := func(w http.ResponseWriter, r *http.Request) {
		if bodyErr != nil {
			message(w, http.StatusBadRequest, bodyErr.Error())
			return
		}
		h.route(w, r)
	}
	if fault != nil {
		fault(w, r, answer)
		return
	}
	answer(w, r)
}

func (h *Handler) countPull() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.countLocked(&h.pulls)
}

func (h *Handler) countLocked(count *int) {
	*count++
	close(h.counted)
	h.counted = make(chan struct{})
}

// receive stores r and returns the fault for it, if any.
func (h *Handler) receive(r *http.Request) Fault {
	body, _ := io.ReadAll(r.Body) // in memory since readBody
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.requests) == maxRequests {
		h.requests = slices.Clone(h.requests[maxRequests/2:])
	}
	h.requests = append(h.requests, Request{
		Time: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(),
		Header: r.Header.Clone(), Body: body[:min(len(body), maxLogged)], RemoteAddr: r.RemoteAddr,
	})
	h.countLocked(&h.received)
	return h.faultLocked(r)
}

// readBody reads the body into memory and decompresses it if the server would.
func (h *Handler) readBody(r *http.Request) error {
	var src io.Reader = r.Body
	defer r.Body.Close()
	r.Body = http.NoBody
	if r.Header.Get("Content-Encoding") == "gzip" && h.Generation() != Old {
		zr, err := gzip.NewReader(src)
		if err != nil {
			return err
		}
		src = zr
	}
	body, err := io.ReadAll(io.LimitReader(src, maxBody+1))
	if err != nil {
		return err
	}
	if len(body) > maxBody {
		return errors.New("http: request body too large")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// route answers with an empty 404 on an unknown path and an empty 405 on a wrong
// method, as the server's router does.
func (h *Handler) route(w http.ResponseWriter, r *http.Request) {
	type handlers map[string]http.HandlerFunc
	var methods handlers
	switch path := r.URL.Path; {
	case path == "/health":
		methods = handlers{"GET": health}
	case path == streamPath:
		methods = handlers{"GET": h.asBouncer(h.stream), "HEAD": h.asBouncer(h.stream)}
	case path == "/v1/decisions":
		query := h.asBouncer(h.query)
		methods = handlers{"GET": query, "HEAD": query, "DELETE": h.asMachine(h.endDecisions)}
	case strings.HasPrefix(path, decisionPath):
		methods = handlers{"DELETE": h.asMachine(h.endDecision)}
	case path == watchersPath:
		methods = handlers{"POST": h.register}
	case path == "/v1/watchers/login":
		methods = handlers{"POST": h.login}
	case path == "/v1/alerts":
		methods = handlers{"POST": h.asMachine(h.pushAlerts)}
	case path == "/v1/heartbeat":
		methods = handlers{"GET": h.asMachine(h.heartbeat)}
	case path == "/v1/allowlists" && h.Generation() != Old:
		methods = handlers{"GET": h.asMachine(h.allowlists)}
	case path == "/v1/usage-metrics" && h.Generation() != Old:
		methods = handlers{"POST": h.usageMetrics}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if serve := methods[r.Method]; serve != nil {
		serve(w, r)
		return
	}
	w.WriteHeader(http.StatusMethodNotAllowed)
}

func health(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "up"})
}

// asBouncer accepts clients with a known API key, or with a client certificate of a bouncer
// that the TLS layer has verified.
func (h *Handler) asBouncer(serve func(http.ResponseWriter, *http.Request, *bouncer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if b := h.bouncer(r); b != nil {
			serve(w, r, b)
			return
		}
		message(w, http.StatusForbidden, "access forbidden")
	}
}

func (h *Handler) bouncer(r *http.Request) *bouncer {
	key, ok := h.bouncerKey(r)
	if !ok {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.keys[key]
	if b == nil {
		return nil
	}
	return b.cursor(h.gen, clientIP(r))
}

// query serves the decisions in force that match a request, or the literal null if there are
// none.
func (h *Handler) query(w http.ResponseWriter, r *http.Request, b *bouncer) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		return
	}
	h.mu.Lock()
	f, err := parseFilter(r.URL.Query(), h.gen)
	e := encoder{gen: h.gen, now: h.stampLocked()}
	var rows []row
	if err == nil {
		rows = h.askedLocked(f, e.now)
		// A query counts as a pull if the last one is a minute old, so a delta
		// after it can miss decisions: one more reason for a key per use.
		if e.now.Sub(b.seen(h.gen).at) >= time.Minute {
			b.pos.at = e.now
		}
	}
	h.mu.Unlock()
	if err != nil {
		message(w, http.StatusInternalServerError, err.Error())
		return
	}
	body := []byte("null")
	if len(rows) > 0 {
		body = []byte{'['}
		for i := range rows {
			if i > 0 {
				body = append(body, ',')
			}
			body = e.appendRow(body, &rows[i], false)
		}
		body = append(body, ']')
	}
	writeRaw(w, http.StatusOK, body)
}

func message(w http.ResponseWriter, code int, text string) {
	writeJSON(w, code, map[string]string{"message": text})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps and lists of strings and numbers come here
	}
	writeRaw(w, code, body)
}

func writeRaw(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec // JSON for a test; and if the client is gone, nobody is left to tell
}
