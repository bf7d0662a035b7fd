package lists

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

var (
	errEncoding = errors.New("unknown Content-Encoding")
	errCut      = errors.New("incomplete: the answer has no length, and its last line has no line end")
	errNoPages  = errors.New("two pages are equal: the server does not support the parameter page, so remove the option page_size")
)

// An answer is a successful response. Without a text it is an empty list, or says that
// the list has not changed.
type answer struct {
	resp      *http.Response
	unchanged bool

	text     io.Reader // decompressed; nil: none
	size     int64     // bytes of text read
	last     byte      // the last byte read
	unframed bool      // only the end of the connection marks the end of the text
}

func newAnswer(resp *http.Response, maxBytes int64) (*answer, error) {
	// A compressed list is not larger than the decompressed one, except for a few
	// headers.
	a := &answer{resp: resp, text: &counter{from: resp.Body, max: maxBytes + freeBytes}}
	switch e := resp.Header.Get("Content-Encoding"); e {
	case "", "identity":
		a.unframed = resp.ProtoMajor == 1 && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0
	case "gzip":
		z, err := newInflater(resp.Body, maxBytes)
		if err != nil {
			return nil, err
		}
		a.text = z
	default:
		return nil, fmt.Errorf("%w %.32q", errEncoding, e)
	}
	return a, nil
}

func (a *answer) close() { a.resp.Body.Close() }

func (a *answer) Read(b []byte) (int, error) {
	if a.text == nil {
		return 0, io.EOF
	}
	n, err := a.text.Read(b)
	if n > 0 {
		a.last = b[n-1]
	}
	a.size += int64(n)
	if errors.Is(err, io.EOF) && a.unframed && a.size > 0 && a.last != '\n' {
		err = errCut // half an address may be another valid one
	}
	return n, err
}

// pages reads a list from several answers as one text, until an empty page.
type pages struct {
	open func(page int) (*answer, error)
	cur  *answer
	page int
	hash maphash.Hash // of the page so far
	was  uint64       // of the previous page
	text bool         // the page is not empty
}

func (p *pages) Read(b []byte) (int, error) {
	n, err := p.cur.Read(b)
	_, _ = p.hash.Write(b[:n]) // never fails
	for _, c := range b[:n] {
		p.text = p.text || c > ' '
	}
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil // the next Read returns it again
	}
	if !errors.Is(err, io.EOF) || !p.text || len(b) == 0 {
		return n, err
	}
	sum := p.hash.Sum64()
	if p.page > 1 && sum == p.was {
		return 0, errNoPages
	}
	if err := p.turn(); err != nil {
		return 0, err
	}
	p.was = sum
	b[0] = '\n' // the last line of the previous page may lack it
	return 1, nil
}

// turn opens the next page.
func (p *pages) turn() error {
	next, err := p.open(p.page + 1)
	if err != nil {
		return fmt.Errorf("page %d: %w", p.page+1, err)
	}
	p.close()
	p.cur, p.page, p.text = next, p.page+1, false
	p.hash.Reset()
	return nil
}

func (p *pages) close() {
	if p.cur != nil {
		p.cur.close()
	}
}

// pageOf returns the URL of a page.
func pageOf(u *url.URL, page, size int) *url.URL {
	at := *u
	query := at.Query()
	query.Set("page", strconv.Itoa(page))
	query.Set("page_size", strconv.Itoa(size))
	at.RawQuery = query.Encode()
	return &at
}
