package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync/atomic"
)

// maxLine is how many bytes of a line are parsed. If a longer line cannot be parsed from its
// beginning, it is skipped.
const maxLine = 64 << 10

// A source is a log that is read line by line.
type source struct {
	name string
	file io.Reader
	text *bufio.Reader // nil until it is read from
	line int           // the number of the last one
	read atomic.Int64  // bytes read from the file, before decompression
	over bool

	head *Entry   // the next request
	used *Entry   // an entry for reuse
	slab []string // memory for header values

	host       string // the host for lines without one
	untimed    int    // lines of recordings without a time
	allHeaders bool
	redacted   map[string]int
	skipped    *Skipped
}

// Read reads the file, and counts.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.file.Read(p)
	s.read.Add(int64(n))
	return n, err
}

// open finds out from the first bytes whether the file is compressed.
func (s *source) open() error {
	s.text = bufio.NewReaderSize(s, maxLine)
	magic, err := s.text.Peek(2)
	if err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return nil // the next read reports the error
	}
	z, err := gzip.NewReader(s.text)
	if err != nil {
		return err
	}
	s.text = bufio.NewReaderSize(z, maxLine)
	return nil
}

// next reads up to the next request and sets head to it, or to nil at the end.
func (s *source) next() {
	s.head = nil
	if s.text == nil {
		s.fail(s.open())
	}
	for s.head == nil && !s.over {
		line, long, err := s.readLine()
		if err != nil {
			s.fail(err)
			return
		}
		if len(line) == 0 {
			continue
		}
		e := s.newEntry()
		// One copy of the line, and all texts of the event are in it.
		if err = s.parse(string(line), e); err == nil {
			e.complete(s.host)
			s.head = e
			continue
		}
		if long {
			err = errLong
		}
		s.skipped.add(e.Place(), err)
		s.used = e
	}
}

// newEntry returns an entry for the last line.
func (s *source) newEntry() *Entry {
	e := s.used
	if e == nil {
		e = &Entry{of: s}
	} else {
		s.used = nil
		e.empty()
	}
	e.Source, e.Line = s.name, s.line
	return e
}

// fail ends the source, at its end or at an error.
func (s *source) fail(err error) {
	if err == nil {
		return
	}
	s.over = true
	if !errors.Is(err, io.EOF) {
		s.skipped.Broken = append(s.skipped.Broken, s.name+": "+err.Error())
	}
}

// readLine returns the next line without its end. It is valid until the next call. For a
// line that is too long it returns the beginning.
func (s *source) readLine() (line []byte, long bool, err error) {
	line, err = s.text.ReadSlice('\n')
	s.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.text.ReadSlice('\n')
		}
		return line, true, nil // other errors appear at the next line
	case errors.Is(err, io.EOF) && len(line) > 0:
		// The last line may have no end.
	case err != nil:
		return nil, false, err
	}
	return bytes.TrimSpace(line), false, nil
}
