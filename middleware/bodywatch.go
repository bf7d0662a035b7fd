package middleware

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxSeen is how much of a body is kept: more than any form with a name and a
// password, or a call of many methods, needs to be told.
const maxSeen = 16 << 10

// finishTimeout is how long what a client says it sends is waited for when nobody
// else wants it.
const finishTimeout = time.Second

// A bodyWatch keeps the beginning of a request's body while the next handler
// reads it, and of one that is short and not read at all what the client has sent.
type bodyWatch struct {
	io.ReadCloser

	mu   sync.Mutex // a goroutine of the handler may still read
	data []byte
	more bool // there was more than maxSeen
}

// watch puts b into the place of r's body, if that can be of interest, and reports
// whether it can.
func (b *bodyWatch) watch(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || !isTelling(r) {
		return false
	}
	b.ReadCloser = r.Body
	r.Body = b
	return true
}

// isTelling reports whether the body of r can have a name and a password, by its method
// and content type. Like PHP it ignores everything after the first semicolon, comma or
// space of the type. WordPress' xmlrpc.php accepts any type, also none. A PUT uploads
// files of any type, so only types with named fields count there.
func isTelling(r *http.Request) bool {
	if puts := r.Method == http.MethodPut; !puts && !strings.EqualFold(r.Method, http.MethodPost) {
		return false
	} else if puts {
		kind := strings.ToLower(r.Header.Get("Content-Type"))
		return strings.Contains(kind, "json") || strings.Contains(kind, "xml") || strings.HasPrefix(kind, "application/x-www-form-urlencoded")
	}
	if strings.Contains(r.URL.Path, "xmlrpc.php") {
		return true
	}
	contentType := r.Header.Get("Content-Type")
	if i := strings.IndexAny(contentType, ";, "); i >= 0 {
		contentType = contentType[:i]
	}
	switch contentType = strings.ToLower(contentType); contentType {
	case "", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return strings.Contains(contentType, "json") || strings.Contains(contentType, "xml") // also text/x-json and application/soap+xml
}

// Read implements [io.Reader].
func (b *bodyWatch) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	room := min(n, maxSeen-len(b.data))
	b.data = append(b.data, p[:room]...)
	b.more = b.more || room < n
	return n, err
}

// finish reads a short body that the next handler did not read, as the server would do
// later: the site's answer still says whether a login failed. length is the declared
// length of the body.
func (b *bodyWatch) finish(w http.ResponseWriter, length int64) {
	if b.ReadCloser == nil || length <= 0 || length > maxSeen || b.touched() {
		return
	}
	// Where there are no deadlines, the server's own have to do. What cannot be read
	// any more is not seen.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(finishTimeout))
	_, _ = io.CopyN(io.Discard, b, length)
	_ = control.SetReadDeadline(time.Time{})
}

func (b *bodyWatch) touched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.data) > 0
}

// seen returns what was read, at most maxSeen bytes, and whether there was more.
func (b *bodyWatch) seen() (data []byte, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.data), b.more
}
