package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync/atomic"
)

// maxLine is how long a line may be that counts.
const maxLine = 64 << 10

// A source is a log, which is read line by line.
type source struct {
	name string
	file io.Reader
	text *bufio.Reader // nil until it is read from
	line int           // the number of the last one
	read atomic.Int64  // bytes of the file, before they are unpacked
	over bool

	head *Entry   // the next request
	used *Entry   // one that nobody looks at any more
	slab []string // room for values of headers

	host       string // where a line names none
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

// open finds out whether the file is packed, by how it begins.
func (s *source) open() error {
	s.text = bufio.NewReaderSize(s, maxLine)
	magic, err := s.text.Peek(2)
	if err != nil || !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return nil // what is wrong with it will be found out
	}
	z, err := gzip.NewReader(s.text)
	if err != nil {
		return err
	}
	s.text = bufio.NewReaderSize(z, maxLine)
	return nil
}

// next reads up to the next request, which is in head then; nil at the end.
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

// fail ends the source: at its end, or where it cannot be read any further.
func (s *source) fail(err error) {
	if err == nil {
		return
	}
	s.over = true
	if !errors.Is(err, io.EOF) {
		s.skipped.Broken = append(s.skipped.Broken, s.name+": "+err.Error())
	}
}

// readLine returns the next line without its end, which is valid until the next
// call. Of one that is too long it returns the beginning.
func (s *source) readLine() (line []byte, long bool, err error) {
	line, err = s.text.ReadSlice('\n')
	s.line++
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.text.ReadSlice('\n')
		}
		return line, true, nil // what else is wrong shows at the next line
	case errors.Is(err, io.EOF) && len(line) > 0:
		// The last line may have no end.
	case err != nil:
		return nil, false, err
	}
	return bytes.TrimSpace(line), false, nil
}
