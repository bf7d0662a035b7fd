package middleware

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxSeen is how much of a body is kept. Forms with a name and a password, and XML-RPC
// calls with many methods, fit into it.
const maxSeen = 16 << 10

// finishTimeout is how long to wait for the rest of a body that the next handler did
// not read.
const finishTimeout = time.Second

// A bodyWatch keeps the beginning of a request's body while the next handler reads it.
// If the handler reads nothing of a short body, it reads the body itself.
type bodyWatch struct {
	io.ReadCloser

	mu   sync.Mutex // a goroutine of the handler may still read
	data []byte
	more bool // the body was longer than maxSeen
}

// watch replaces r's body by b if it may contain credentials, and reports whether it
// did.
func (b *bodyWatch) watch(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || !mayHaveLogin(r) {
		return false
	}
	b.ReadCloser = r.Body
	r.Body = b
	return true
}

// mayHaveLogin reports whether the body of r can contain a name and a password, by its
// method and content type. Like PHP it ignores everything after the first semicolon,
// comma or space of the type. WordPress' xmlrpc.php accepts any type, also none. A PUT
// uploads files of any type, so only types with named fields count there.
func mayHaveLogin(r *http.Request) bool {
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
	return strings.Contains(contentType, "json") || strings.Contains(contentType, "xml") // includes text/x-json and application/soap+xml
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
// later: the site's response may still show a failed login. Length is the declared
// length of the body.
func (b *bodyWatch) finish(w http.ResponseWriter, length int64) {
	if b.ReadCloser == nil || length <= 0 || length > maxSeen || b.touched() {
		return
	}
	// If the writer has no deadlines, those of the server apply. Bytes that can no
	// longer be read are not seen.
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
