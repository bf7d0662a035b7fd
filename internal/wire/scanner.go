package wire

import (
	"errors"
	"fmt"
	"io"
)

const (
	bufferSize = 64 << 10
	maxDepth   = 10_000 // as in encoding/json; it limits the stack for skip
	maxEmpty   = 100    // reads in a row without data, as in bufio
)

var errStop = errors.New("the caller wants no more rows")

// A scanner reads JSON with one buffer, which is refilled only when all of it is used. Data
// that must outlive the next read is copied.
type scanner struct {
	r        io.Reader
	buf      []byte
	pos, end int    // buf[pos:end] is not read yet
	base     int64  // offset of buf[0]
	err      error  // the error that r ended with
	text     []byte // a string that cannot be returned from buf directly
	fixed    []byte // the same in valid UTF-8
}

// fill reads more input, when all of buf is used.
func (s *scanner) fill() error {
	if s.err != nil {
		return s.err
	}
	s.base += int64(s.end)
	s.pos, s.end = 0, 0
	for range maxEmpty {
		n, err := s.r.Read(s.buf)
		s.err = err
		if n > 0 {
			s.end = n
			return nil
		}
		if err != nil {
			return err
		}
	}
	s.err = io.ErrNoProgress
	return s.err
}

// broken wraps an error of fill inside a value.
func (s *scanner) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return s.errorf("%w", err)
}

// errorf returns an error with the offset of the next byte.
func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: "+format, append([]any{s.base + int64(s.pos)}, args...)...)
}

// peek returns the next byte without reading it.
func (s *scanner) peek() (byte, error) {
	if s.pos == s.end {
		if err := s.fill(); err != nil {
			return 0, s.broken(err)
		}
	}
	return s.buf[s.pos], nil
}

// token skips white space and returns the next byte without reading it.
func (s *scanner) token() (byte, error) {
	c, err := s.space()
	if err != nil {
		err = s.broken(err)
	}
	return c, err
}

// space is token, but returns fill's error unchanged.
func (s *scanner) space() (byte, error) {
	for {
		for s.pos < s.end {
			c := s.buf[s.pos]
			if c > ' ' || !isSpace(c) {
				return c, nil
			}
			s.pos++
		}
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// finish checks that only white space is left.
func (s *scanner) finish() error {
	c, err := s.space()
	switch {
	case err == nil:
		return s.errorf("%q behind the end of the answer", c)
	case errors.Is(err, io.EOF):
		return nil
	}
	return s.broken(err)
}

// open reads the bracket that begins what is wanted.
func (s *scanner) open(bracket byte, what string) error {
	c, err := s.token()
	if err != nil {
		return err
	}
	if c != bracket {
		return s.errorf("%q where %s should begin", c, what)
	}
	s.pos++
	return nil
}

// more reads the separator between two elements, or the closing bracket, and reports whether
// there is another element.
func (s *scanner) more(bracket byte, first bool) (bool, error) {
	c, err := s.token()
	if err != nil {
		return false, err
	}
	switch {
	case c == bracket:
		s.pos++
		return false, nil
	case first:
		return true, nil
	case c == ',':
		s.pos++
		return true, nil
	}
	return false, s.errorf("%q where ',' or %q should be", c, bracket)
}

// key reads the name of an object's member. It is valid until the next read.
func (s *scanner) key() ([]byte, error) {
	if err := s.open('"', "a key"); err != nil {
		return nil, err
	}
	name, long, err := s.str()
	if long {
		return nil, err // the shortened key must not be mistaken for another key
	}
	return name, err
}

func (s *scanner) colon() error {
	c, err := s.token()
	if err != nil {
		return err
	}
	if c != ':' {
		return s.errorf("%q where ':' should be", c)
	}
	s.pos++
	return nil
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		c, err := s.peek()
		if err != nil {
			return err
		}
		if c != word[i] {
			return s.errorf("%q where %s should go on", c, word)
		}
		s.pos++
	}
	return nil
}

func (s *scanner) boolean() (bool, error) {
	c, err := s.token()
	switch {
	case err != nil:
		return false, err
	case c == 't':
		return true, s.literal("true")
	case c == 'f':
		return false, s.literal("false")
	}
	return false, s.errorf("%q where true or false should be", c)
}

// skip reads a value of any kind inside depth containers.
func (s *scanner) skip(depth int) error {
	c, err := s.token()
	if err != nil {
		return err
	}
	switch c {
	case '"':
		s.pos++
		_, _, err = s.str()
		return err
	case '{', '[':
		return s.skipContainer(c, depth+1)
	case 'n':
		return s.literal("null")
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	}
	return s.number()
}

func (s *scanner) skipContainer(bracket byte, depth int) error {
	if depth > maxDepth {
		return s.errorf("nested more than %d deep", maxDepth)
	}
	s.pos++
	closing := bracket + 2 // so it is for both kinds in ASCII
	for first := true; ; first = false {
		more, err := s.more(closing, first)
		if !more {
			return err
		}
		if bracket == '{' {
			if _, err := s.key(); err != nil {
				return err
			}
			if err := s.colon(); err != nil {
				return err
			}
		}
		if err := s.skip(depth); err != nil {
			return err
		}
	}
}
