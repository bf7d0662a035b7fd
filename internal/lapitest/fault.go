package lapitest

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// A Fault replaces or damages an answer. It calls answer at most once. With the faults of
// this package, the server believes that a damaged answer was delivered completely, as with
// real buffers in between. So the cursor moves, and a damaged delta is lost unless the
// client requests the full list.
type Fault func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc)

// An injection is a fault that waits for its requests.
type injection struct {
	match func(*http.Request) bool
	left  int // how many requests it still affects; negative for all
	fault Fault
}

// Inject damages the next answer of the stream.
func (h *Handler) Inject(f Fault) { h.InjectWhen(Path(streamPath), 1, f) }

// InjectAlways damages every answer of the stream until ClearFaults.
func (h *Handler) InjectAlways(f Fault) { h.InjectWhen(Path(streamPath), -1, f) }

// InjectWhen damages the next n answers (n < 0: all until ClearFaults) to requests that
// match. If several faults match, the oldest is used. A fault never affects a request that
// was received before it was injected.
func (h *Handler) InjectWhen(match func(*http.Request) bool, n int, f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, &injection{match: match, left: n, fault: f})
}

// ClearFaults removes all faults. Answers that are being sent stay damaged.
func (h *Handler) ClearFaults() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

func (h *Handler) faultLocked(r *http.Request) Fault {
	for _, i := range h.faults {
		if i.left != 0 && i.match(r) {
			i.left--
			return i.fault
		}
	}
	return nil
}

// Path matches requests for one path, whatever the method.
func Path(path string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.URL.Path == path }
}

// Startup matches requests for the full stream.
func Startup(r *http.Request) bool {
	return r.URL.Path == streamPath && r.URL.Query().Get("startup") == "true"
}

// Status answers with a status, headers (may be nil) and a body; the server is
// not asked. Redirects, 403, 429 with Retry-After and a proxy's 502 page are
// such.
func Status(code int, header http.Header, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
		for k, v := range header {
			w.Header()[http.CanonicalHeaderKey(k)] = v
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// Hang sends nothing, not even headers, until the client gives up. The server
// is not asked.
func Hang() Fault {
	return func(_ http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Cut breaks the connection after n bytes of the body, or after all of it but
// its end mark.
func Cut(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		sendFirst(w, r, answer, n)
		panic(http.ErrAbortHandler)
	}
}

// Stall sends n bytes of the body and then nothing, until the client gives up.
func Stall(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		sendFirst(w, r, answer, n)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
}

// Trickle sends the body one byte for each value received from tick, and the
// rest at once when tick is closed.
func Trickle(tick <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		flush := http.NewResponseController(w).Flush
		answer(&writer{ResponseWriter: w, write: func(p []byte) {
			for i := range p {
				select {
				case _, slow := <-tick:
					if !slow {
						_, _ = w.Write(p[i:])
						return
					}
				case <-r.Context().Done():
					return
				}
				_, _ = w.Write(p[i : i+1])
				_ = flush()
			}
		}}, r)
	}
}

// Short ends each list after n decisions, properly closed and with status 200,
// as 1.7.8 does when its database fails in between; the cursor stays. Short(0)
// is the empty full list.
func Short(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		answer(w, withShort(r, n))
	}
}

// Trailing appends garbage to the body.
func Trailing(garbage string) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		answer(w, r)
		_, _ = io.WriteString(w, garbage)
	}
}

// Raw answers 200 with body in place of the stream, whose delta is lost.
func Raw(body string) Fault {
	return RawFrom(func() io.Reader { return strings.NewReader(body) })
}

// RawFrom is Raw for bodies too large to hold. The body is written until it
// ends or the client is gone; the function is called once for each answer.
func RawFrom(body func() io.Reader) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		discard(r, answer)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, body())
	}
}

// Gzip compresses the answer if the client accepts it, as a proxy may.
func Gzip() Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			answer(w, r)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		answer(&writer{ResponseWriter: w, write: func(p []byte) { _, _ = zw.Write(p) }}, r)
		_ = zw.Close()
	}
}

// GzipBomb answers with a gzipped body that unpacks to a valid stream with n
// bytes of white space in it.
func GzipBomb(n int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
		discard(r, answer)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		const page = 1 << 20
		// Gzip streams one after the other unpack to one, so a page will do.
		spaces := gzipped(strings.Repeat(" ", page))
		_, err := w.Write(gzipped(`{"new": [` + strings.Repeat(" ", int(n%page))))
		for range n / page {
			if err == nil {
				_, err = w.Write(spaces)
			}
		}
		_, _ = w.Write(gzipped(`], "deleted": []}`))
	}
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, _ = io.WriteString(zw, s) // a buffer takes all
	_ = zw.Close()
	return b.Bytes()
}

// GiantString answers with a stream in which one string has n bytes.
func GiantString(n int64) Fault {
	return RawFrom(func() io.Reader {
		return around(`{"new": [{"duration":"4h","id":1,"origin":"cscli","scenario":"`, 'a', n,
			`","scope":"Ip","type":"ban","value":"192.0.2.1"}], "deleted": []}`)
	})
}

// around reads as n times fill between two strings.
func around(before string, fill byte, n int64, after string) io.Reader {
	return io.MultiReader(strings.NewReader(before), io.LimitReader(filler(fill), n), strings.NewReader(after))
}

// A filler reads as one byte without end.
type filler byte

func (f filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(f)
	}
	return len(p), nil
}

// sendFirst lets answer write all it wants, sends n bytes of it on and flushes.
func sendFirst(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc, n int) {
	answer(&writer{ResponseWriter: w, write: func(p []byte) {
		p = p[:min(n, len(p))]
		n -= len(p)
		_, _ = w.Write(p)
	}}, r)
	_ = http.NewResponseController(w).Flush()
}

// discard calls answer and drops its output.
func discard(r *http.Request, answer http.HandlerFunc) {
	answer(nobody{header: make(http.Header)}, r)
}

// A writer is a ResponseWriter whose body goes to another writer. Everything written counts
// as delivered. The fault decides when to flush.
type writer struct {
	http.ResponseWriter
	write func(p []byte)
}

func (w *writer) Write(p []byte) (int, error) {
	w.write(p)
	return len(p), nil
}

func (w *writer) Flush() {}

// nobody is a client that reads an answer and drops it.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header       { return n.header }
func (nobody) WriteHeader(int)             {}
func (nobody) Write(p []byte) (int, error) { return len(p), nil }
func (nobody) Flush()                      {}
