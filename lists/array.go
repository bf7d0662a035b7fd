package lists

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

var (
	errNoMember    = errors.New("the JSON object has no ip, address, prefix or cidr: want one of them as a string")
	errMembers     = errors.New("the JSON object has more than one of ip, address, prefix and cidr: want one")
	errElement     = errors.New("want a string or an object")
	errLongElement = fmt.Errorf("an element longer than %d bytes", maxLine)
	errArray       = errors.New("malformed JSON array")
)

// beginsArray reports whether a text that begins with head is a JSON array, and not a
// list that begins with an address in brackets.
func beginsArray(head []byte) bool {
	const blank = " \t\r\n"
	inside, ok := bytes.CutPrefix(bytes.TrimLeft(head, blank), []byte("["))
	inside = bytes.TrimLeft(inside, blank)
	return ok && (len(inside) == 0 || bytes.IndexByte([]byte(`"{[]`), inside[0]) >= 0)
}

// array reads a JSON array. A malformed one is refused as a whole.
func (t *lineReader) array(in io.Reader) error {
	r := &limitedReader{from: in}
	dec := json.NewDecoder(r)
	r.left = maxLine
	if _, err := dec.Token(); err != nil { // the bracket
		return fmt.Errorf("%w: %w", errArray, err)
	}
	var found []netip.Prefix
	for dec.More() {
		r.left = maxLine
		var element json.RawMessage
		if err := dec.Decode(&element); err != nil {
			return fmt.Errorf("%w: element %d: %w", errArray, t.stats.Lines+1, err)
		}
		err := t.count()
		if err != nil {
			return err
		}
		found, err = t.element(element, found[:0])
		if err := t.take(BadLine{Number: t.stats.Lines, Element: true, Err: err}, found); err != nil {
			return err
		}
	}
	return endArray(dec)
}

// endArray reads the closing bracket of an array, and fails if anything follows it.
func endArray(dec *json.Decoder) error {
	if _, err := dec.Token(); errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errArray, io.ErrUnexpectedEOF)
	} else if err != nil {
		return fmt.Errorf("%w: %w", errArray, err)
	}
	switch _, err := dec.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("%w: after its end: %w", errArray, err)
	}
	return fmt.Errorf("%w: want nothing after its end", errArray)
}

// element appends the ranges of an element of an array.
func (p parser) element(element []byte, found []netip.Prefix) ([]netip.Prefix, error) {
	var text string
	switch element[0] {
	case '"':
		if err := json.Unmarshal(element, &text); err != nil {
			return nil, fmt.Errorf("%.64q: %w", element, err)
		}
		text = strings.Trim(text, blanks)
	case '{':
		var err error
		if text, err = member(element); err != nil || text == "" {
			return found, err
		}
	default:
		return nil, fmt.Errorf("%.64q: %w", element, errElement)
	}
	return p.entry(text, found)
}

// member returns the range that a JSON object has as its ip, address, prefix or
// cidr, or nothing for the metadata at the end of Spamhaus's drop_v4.json and
// drop_v6.json.
func member(object []byte) (string, error) {
	var v struct{ IP, Address, Prefix, CIDR, Type any }
	if err := json.Unmarshal(object, &v); err != nil {
		return "", fmt.Errorf("%.64q: %w", object, err)
	}
	var is any
	for _, m := range []any{v.IP, v.Address, v.Prefix, v.CIDR} {
		if m != nil && is != nil {
			return "", fmt.Errorf("%.64q: %w", object, errMembers)
		}
		if m != nil {
			is = m
		}
	}
	text, _ := is.(string)
	text = strings.Trim(text, blanks)
	if text == "" && (is != nil || v.Type != "metadata") {
		return "", fmt.Errorf("%.64q: %w", object, errNoMember)
	}
	return text, nil
}

// A ration is a reader with a byte limit that can be renewed.
type limitedReader struct {
	from io.Reader
	left int
}

func (r *limitedReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, errLongElement
	}
	n, err := r.from.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}
