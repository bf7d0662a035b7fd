package middleware

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// maxSeen is how much of a body is kept: more than any form with a name and a
// password, or a call of many methods, needs to be told.
const maxSeen = 16 << 10

// A bodyWatch keeps the beginning of a request's body while the next handler
// reads it. What nobody reads is not seen, and nothing is held up.
type bodyWatch struct {
	io.ReadCloser

	mu   sync.Mutex // a handler may leave somebody behind who still reads
	data []byte
	more bool // there was more than maxSeen
}

// watch puts b into the place of r's body, if that can be of interest, and reports
// whether it can.
func (b *bodyWatch) watch(r *http.Request) bool {
	if !strings.EqualFold(r.Method, http.MethodPost) || r.Body == nil || r.Body == http.NoBody || !isTelling(r) {
		return false
	}
	b.ReadCloser = r.Body
	r.Body = b
	return true
}

// isTelling reports whether the body of r can hold a name and a password, to judge
// by its content type. Types are read as PHP reads them, which is content with
// little: what comes after the first of ; and , and space has no say, however odd
// it is. And WordPress' xmlrpc.php takes any type, a picture's too, and none.
func isTelling(r *http.Request) bool {
	if strings.Contains(r.URL.Path, "xmlrpc.php") {
		return true
	}
	contentType := r.Header.Get("Content-Type")
	if i := strings.IndexAny(contentType, ";, "); i >= 0 {
		contentType = contentType[:i]
	}
	switch contentType = strings.ToLower(contentType); contentType {
	case "", "application/x-www-form-urlencoded", "multipart/form-data", "text/xml", "application/xml", "text/plain":
		return true
	}
	return strings.HasPrefix(contentType, "application/") && strings.HasSuffix(contentType, "json")
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

// seen returns what was read, at most maxSeen bytes, and whether there was more.
func (b *bodyWatch) seen() (data []byte, more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.data), b.more
}
