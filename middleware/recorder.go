package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// maxAnswer is how much of an answer is kept: enough of a page to see that it asks
// for a password again.
const maxAnswer = 8 << 10

// A recorder is a ResponseWriter that knows the status and how much was sent. All else
// is the business of the one inside, which [http.NewResponseController] finds;
// for handlers that look for the old interfaces it has these, too.
type recorder struct {
	http.ResponseWriter

	held *held // learns of the connection that the handler takes over; nil: nobody does

	status   int // 0: nothing was sent yet
	hijacked bool
	size     int64 // bytes that were sent

	keep   bool   // the answer may show whether a login succeeded
	answer []byte // its beginning
}

// Unwrap returns the ResponseWriter inside.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	// What comes before the answer, such as 103, is not the answer.
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *recorder) Write(p []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(p)
	w.sent(p[:max(0, min(n, len(p)))])
	return n, err
}

// sent notes what was sent.
func (w *recorder) sent(p []byte) {
	w.size += int64(len(p))
	if w.keep {
		w.answer = append(w.answer, p[:min(len(p), maxAnswer-len(w.answer))]...)
	}
}

// ReadFrom lets the one inside send a file without copying it, if it can.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	if w.keep {
		return io.Copy(struct{ io.Writer }{w}, src) // by Write, which sees it
	}
	n, err := io.Copy(w.ResponseWriter, src)
	w.size += n
	return n, err
}

// FlushError implements what [http.ResponseController] looks for.
func (w *recorder) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (w *recorder) Flush() { _ = w.FlushError() }

// Hijack implements [http.Hijacker].
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.hijacked = w.hijacked || err == nil && w.status == 0
	w.held.takenOver(conn)
	return conn, rw, err
}

// begin notes that an answer without a status is one of 200.
func (w *recorder) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

// Interface guards
var (
	_ http.Flusher  = (*recorder)(nil)
	_ http.Hijacker = (*recorder)(nil)
	_ io.ReaderFrom = (*recorder)(nil)
)
