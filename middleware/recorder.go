package middleware

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// maxAnswer is how much of a response is kept: enough to see that a page asks for a
// password again.
const maxAnswer = 8 << 10

// A recorder is a ResponseWriter that knows the status and the number of bytes.
// [http.NewResponseController] finds the writer inside. For handlers that need the old
// interfaces it implements them, too.
type recorder struct {
	http.ResponseWriter

	request *openRequest // gets the hijacked connection; nil: not needed

	status   int // 0: nothing sent yet
	hijacked bool
	size     int64 // bytes sent

	keep   bool   // the response may show whether a login succeeded
	answer []byte // the beginning of the response
}

// Unwrap returns the ResponseWriter inside.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w *recorder) WriteHeader(status int) {
	// Informational responses such as 103 come before the response.
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

// sent records bytes that were sent.
func (w *recorder) sent(p []byte) {
	w.size += int64(len(p))
	if w.keep {
		w.answer = append(w.answer, p[:min(len(p), maxAnswer-len(w.answer))]...)
	}
}

// ReadFrom lets the writer inside send a file without copying it, if it can.
func (w *recorder) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	if w.keep {
		return io.Copy(struct{ io.Writer }{w}, src) // uses Write, which records the bytes
	}
	n, err := io.Copy(w.ResponseWriter, src)
	w.size += n
	return n, err
}

// FlushError is for [http.ResponseController].
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
	w.request.takenOver(conn)
	return conn, rw, err
}

// begin sets the status 200 if there is none.
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
