package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody  = 1 << 20 // bytes of a body, compressed or not
	maxLogin = 16 << 10
)

// hurry limits the time for the body of r, even if no handler reads it: the server would read
// it to reuse the connection.
func (h *Handler) hurry(w http.ResponseWriter, r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody {
		// An error means that the server has no such deadline, as in a test's recorder.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.cfg.Patience))
	}
}

// read returns the body of r, decompressed. A small body that unpacks to a large one costs no
// more than limit bytes.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	src, err := unpacked(r, http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(src, limit+1))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long), int64(len(body)) > limit:
		return nil, refusal{code: http.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body has more than %d bytes", limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refusal{code: http.StatusRequestTimeout, message: fmt.Sprintf("the body took more than %s", h.cfg.Patience)}
	case err != nil:
		return nil, refusal{code: http.StatusBadRequest, message: "the body broke off"}
	}
	// The body is complete. Without this, the deadline could end the request during its answer.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

func unpacked(r *http.Request, body io.Reader) (io.Reader, error) {
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
		return body, nil
	case "gzip":
		zr, err := gzip.NewReader(body)
		if err != nil {
			return nil, refusal{code: http.StatusBadRequest, message: "the body is not gzip"}
		}
		return zr, nil
	}
	return nil, refusal{code: http.StatusUnsupportedMediaType, message: "the body must be plain, or compressed with gzip"}
}

// readJSON reads the body of r into v. Fields that v does not have are dropped.
func (h *Handler) readJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) error {
	body, err := h.read(w, r, limit)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return notJSON(err)
	}
	return nil
}

// notJSON returns the place of a mistake in a body, without quoting the body.
func notJSON(err error) refusal {
	message := "the body is not the JSON that is expected here"
	var field *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &field):
		kind, _, _ := strings.Cut(field.Value, " ") // "number 12" is a number
		message += ": see byte " + strconv.FormatInt(field.Offset, 10) + ", a " + kind
	case errors.As(err, &syntax):
		message += ": see byte " + strconv.FormatInt(syntax.Offset, 10)
	}
	return refusal{code: http.StatusBadRequest, message: message}
}

// each reads a JSON list of at most limit elements, and calls see with each. It stops before
// it stores an element beyond limit.
func each[T any](body []byte, limit int, see func(*T)) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return refusal{code: http.StatusBadRequest, message: "the body is no list in JSON"}
	}
	for n := 0; d.More(); n++ {
		if n == limit {
			return refusal{
				code:    http.StatusRequestEntityTooLarge,
				message: fmt.Sprintf("more than %d elements in the list: send them in several requests", limit),
			}
		}
		var v T
		if err := d.Decode(&v); err != nil {
			return notJSON(err)
		}
		see(&v)
	}
	if _, err := d.Token(); err != nil {
		return notJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return refusal{code: http.StatusBadRequest, message: "something follows the list"}
	}
	return nil
}
